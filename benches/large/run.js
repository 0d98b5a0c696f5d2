// run.js FORECLICK [EVENTS]: a made-up log of so many events (10,000,000), read and trained on for 100 steps by a small
// model: how long that takes and how much memory it needs. Both files go to build/bench/large and are removed at the end.
import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = `${root}build/bench/large`;
const [foreclick, count = "10000000"] = process.argv.slice(2);
const ITEMS = 100_000;
const STEPS = 100;
/** Sessions that go on at the same time; each event is one of theirs, and one in LENGTH ends it. */
const OPEN = 20_000;
const LENGTH = 10;
const NAME = "bench-large";

mkdirSync(folder, { recursive: true });
const log = `${folder}/${count}.csv`;
const config = `${folder}/${count}.toml`;
try {
  writeLog(log, Number(count));
  writeFileSync(
    config,
    `[log]\npath = "${log}"\n[sequence]\nkey = "session"\ntime = "time"\n[item]\ncolumn = "item"\n` +
      `[evaluate]\nmax_validation_events = 200\n[train]\nhidden = 16\nfeed_forward = 16\nblocks = 1\nneighbours = 8\nthreads = 1\n`,
  );
  const { reading, training, resident, own } = await train();
  const size = (bytes) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  console.log(`${count} events: read in ${reading.toFixed(1)} s, ${STEPS} steps after another ${training.toFixed(1)} s`);
  console.log(`most memory: ${size(own)} of its own, ${(own / Number(count)).toFixed(1)} bytes an event; ${size(resident)} resident with mapped files`);
} finally {
  for (const path of [log, config]) rmSync(path, { force: true });
  for (const path of [NAME, `.${NAME}.lock`]) rmSync(`${root}runs/${path}`, { recursive: true, force: true });
}

/** Writes a log in the order of time: sessions that go from item to item, half of the time to one nearby. */
function writeLog(path, events) {
  const random = numbers(1);
  const session = Array.from({ length: OPEN }, (_, place) => place);
  const item = Array.from({ length: OPEN }, () => Math.floor(ITEMS * random() ** 3));
  let next = OPEN;
  const file = openSync(path, "w");
  let lines = ["session,item,time\n"];
  for (let event = 0; event < events; event += 1) {
    const place = Math.floor(OPEN * random());
    if (random() * LENGTH < 1) session[place] = next++;
    item[place] = random() < 0.5 ? (item[place] + Math.floor(8 * random())) % ITEMS : Math.floor(ITEMS * random() ** 3);
    lines.push(`s${session[place].toString(36)},i${item[place]},${1_600_000_000 + Math.floor(event / 50)}\n`);
    if (lines.length === 100_000) {
      writeSync(file, lines.join(""));
      lines = [];
    }
  }
  writeSync(file, lines.join(""));
  closeSync(file);
}

/** Even numbers in [0, 1), the same in each run (mulberry32 by Tommy Ettinger). */
function numbers(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Trains until so many steps are in the journal; seconds, and the most bytes resident, with and without mapped files. */
async function train() {
  const start = performance.now();
  const child = spawn(foreclick, ["train", config, "--name", NAME, "--replace"], { cwd: root, stdio: ["ignore", "ignore", "pipe"] });
  const ended = new Promise((resolve) => child.on("exit", resolve));
  const found = { reading: 0, training: 0, resident: 0, own: 0 };
  let told = "";
  child.stderr.on("data", (text) => {
    told += text;
    if (!found.reading && told.includes("rows kept")) found.reading = (performance.now() - start) / 1000;
  });
  const watch = setInterval(() => {
    const status = readStatus(child.pid);
    found.resident = Math.max(found.resident, status("VmHWM"));
    found.own = Math.max(found.own, status("RssAnon"));
    if (!found.training && steps() >= STEPS) {
      found.training = (performance.now() - start) / 1000 - found.reading;
      // Once saves after the step, twice ends at once.
      child.kill("SIGINT");
      child.kill("SIGINT");
    }
  }, 50);
  await ended;
  clearInterval(watch);
  if (!found.training) throw new Error(`training ended too early: ${told.slice(-2000)}`);
  return found;
}

function steps() {
  const path = `${root}runs/${NAME}/metrics.jsonl`;
  if (!existsSync(path)) return 0;
  const lines = readFileSync(path, "utf8").trim().split("\n").filter((line) => line.includes('"loss"'));
  return lines.length ? JSON.parse(lines.at(-1)).step : 0;
}

/** What the system says of a process: bytes by name. */
function readStatus(pid) {
  let text = "";
  try {
    text = readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    // It has ended.
  }
  return (name) => 1024 * Number(text.match(new RegExp(`${name}:\\s+(\\d+)`))?.[1] ?? 0);
}

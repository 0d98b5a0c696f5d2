// diginetica.js FOLDER OUT: SR-GNN's preprocessing of Diginetica as one log, with a column "day" of made-up times that keep its order.
//
// FOLDER has train_sessions.txt (a session a line) and test.txt (every prefix of a test session, a tab, the item that came).
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [folder, out] = process.argv.slice(2);
const lines = (name) => readFileSync(join(folder, name), "utf8").trimEnd().split("\n");
// A session begins an hour after the one before, its events follow by the second.
const SESSION = 3600;

const sessions = lines("train_sessions.txt").map((line) => line.split(" "));
const trained = sessions.length;
let targets = 0;
let goesOn = false;
for (const line of lines("test.txt")) {
  const [prefix, target] = line.split("\t");
  const session = [...prefix.split(" "), target];
  // The longest prefix comes first, then each of its own prefixes.
  if (!goesOn) sessions.push(session);
  goesOn = session.length > 2;
  targets++;
}
const found = sessions.slice(trained).reduce((sum, session) => sum + session.length - 1, 0);
if (found !== targets) throw new Error(`test.txt: its sessions have ${found} prefixes, expected its ${targets} lines`);

const rows = sessions.flatMap((session, number) => session.map((item, place) => `${number},${item},${number * SESSION + place}`));
writeFileSync(out, `session,item,time\n${rows.join("\n")}\n`);
console.error(`${trained} sessions to learn from, ${sessions.length - trained} to test on, ${targets} targets`);

// The code that the package's README shows of the state and of tasks, run as it stands there.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { kept, NOTHING, onPage, PACKAGE, start } from "./harness.js";

let folder;
let site;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "foreclick-snippets-"));
  site = await start({ gpu: "none", folders: { "/snippets/": folder } });
});
after(async () => {
  await site?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs the script under a heading of the README, with `given` in scope; returns the module's `results`, by name. */
async function run(page, heading, { given = [], results }) {
  const text = readFileSync(join(PACKAGE, "README.md"), "utf8");
  const section = text.split(`\n## ${heading}\n`)[1];
  const [, script] = section.match(/```js\n([^]*?)```/);
  const resolved = script.replace(/"foreclick(\/\w+)?"/g, (_, entry) => `"/foreclick${entry ?? "/index"}.js"`).replace('"/model.safetensors"', "MODEL");
  const file = `${heading.replaceAll(" ", "-")}.js`;
  writeFileSync(join(folder, file), `const { ${given} } = globalThis;\n${resolved}\nexport { ${results} };`);
  await page.evaluate(async (file) => Object.assign(globalThis, await import(`/snippets/${file}`)), file);
}

test("what the README says of the session and of what is stored", async () => {
  await onPage(site, async (page) => {
    await run(page, "Going on where the visitor left", { results: ["predictor", "state"] });
    assert.equal(await page.evaluate(() => state.flush().then(() => state.status.mode)), "stored");
    assert.deepEqual((await kept(page)).indexedDB, ["foreclick.default"]);
    await page.evaluate(() => state.close());
    const tables = [];
    page.on("console", (message) => message.type() === "table" && tables.push(message));
    await run(page, "What is stored on the device", { given: ["predictor"], results: ["text"] });
    assert.deepEqual(JSON.parse(await page.evaluate(() => text)).events.map(({ event }) => event), [{ item: "oat-milk" }]);
    const [rows] = await Promise.all(tables[0].args().map((argument) => argument.jsonValue()));
    assert.deepEqual(rows.map(({ name, where, count }) => [name, where, count]), [["Session events", "IndexedDB, foreclick.default", 1]]);
    assert.deepEqual(await kept(page), NOTHING);
  });
});

test("what the README says of tasks", async () => {
  await onPage(site, async (page) => {
    await run(page, "Yes or no, classes and numbers", { results: ["tasks", "probability", "yes", "mood", "classes", "value"] });
    const found = await page.evaluate(() => ({ tasks, probability, yes, mood, classes, value }));
    const { buys, mood, spend } = found.tasks;
    assert.ok(found.probability > 0 && found.probability < 1);
    assert.deepEqual([found.probability, found.yes, found.value], [buys.probability, buys.yes, spend.value]);
    assert.deepEqual([found.mood, found.classes], [mood.class, mood.classes]);
    assert.ok(Math.abs(found.classes.reduce((sum, { probability }) => sum + probability, 0) - 1) < 1e-5);
  });
});

// check.js FOLDER: runs ONNX files (NAME.onnx) with their sessions (NAME-anything.json) in ONNX Runtime Web and compares
// the answers with the engine's.
import { readFileSync, readdirSync } from "node:fs";
import ort from "onnxruntime-web/wasm";
import { difference, feeds } from "./page/session.js";

const [folder] = process.argv.slice(2);
const names = readdirSync(folder);
let checked = 0;
ort.env.wasm.numThreads = 1;
for (const file of names.filter((name) => name.endsWith(".onnx"))) {
  const session = await ort.InferenceSession.create(new Uint8Array(readFileSync(`${folder}/${file}`)));
  const own = names.filter((name) => name.endsWith(".json") && name.startsWith(`${file.slice(0, -".onnx".length)}-`));
  for (const name of own) {
    const history = JSON.parse(readFileSync(`${folder}/${name}`, "utf8"));
    const { best_items, best_scores } = await session.run(feeds(ort, history));
    const answer = { items: Array.from(best_items.data, Number), scores: Array.from(best_scores.data) };
    const wrong = difference(history, answer);
    if (wrong) {
      console.error(`${file}, ${name}: ${wrong}`);
      process.exitCode = 1;
    }
    checked++;
  }
}
console.log(`${checked} sessions compared`);
if (checked === 0) {
  console.error(`${folder} has no NAME.onnx with a NAME-anything.json, expected at least one`);
  process.exitCode = 1;
}

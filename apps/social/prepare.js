// prepare.js FOLDER KIND OUT: the rated texts of vaderSentiment 0.5 as a log, KIND being "tweets" or "amazonReviewSnippets".
//
// FOLDER has KIND_GroundTruth.txt: a text a line, with its id, the mean of twenty people's ratings from -4 to 4, and the text
// between tabs. Bytes that are no UTF-8 become U+FFFD, as in a page.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [folder, kind, out] = process.argv.slice(2);
if (!out) throw new Error("usage: node prepare.js FOLDER KIND OUT");

const lines = readFileSync(join(folder, `${kind}_GroundTruth.txt`), "utf8").split(/\r?\n/).filter(Boolean);
const rows = lines.map((line, number) => {
  const [id, score, ...rest] = line.split("\t");
  if (rest.length === 0 || Number.isNaN(Number(score))) throw new Error(`line ${number + 1}: expected id, rating and text`);
  const text = rest.join(" ").replaceAll('"', '""');
  return `${id},${score},${Number(score) > 0},"${text}"`;
});
writeFileSync(out, `id,score,positive,text\n${rows.join("\n")}\n`);
console.error(`${rows.length} texts`);

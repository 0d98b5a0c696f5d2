import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** On the server: the file that `foreclick export --items` wrote. */
export async function readCatalogue() {
  const { items, popular } = JSON.parse(await readFile(join(process.cwd(), "public/items.json"), "utf8"));
  return { popular, nameOf: (item) => items[item]?.filter(Boolean).join(", ") || item };
}

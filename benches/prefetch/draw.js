// What is left to wait by what is loaded in vain: a panel for each time that a page may take, a dot for each strategy.
import { STYLE, text } from "../panels.js";
import { NAMES, WAITS } from "./summary.js";

const PANEL = { width: 420, height: 300, left: 60, top: 40, right: 20, bottom: 50 };
const SHOWN = WAITS.slice(1); // shorter ones every pointer hides
const LEAST = 0.1; // loads in vain, of an axis that is logarithmic
const MOST = 40;
const LABEL = 15;

export function draw({ rows, chromium }) {
  const width = SHOWN.length * PANEL.width;
  const height = PANEL.height + 60;
  const panels = SHOWN.map((wait, place) => `<g transform="translate(${place * PANEL.width} 60)">${panel(rows, wait)}</g>`);
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">` +
    `<style>${STYLE}</style><rect width="100%" height="100%" fill="var(--back)"/>` +
    text(20, 28, "What prefetching leaves to wait, by what it loads in vain", { kind: "title" }) +
    text(20, 48, `Mean of ${rows[0].navigations} navigations in visits replayed in Chromium ${chromium}; lower and further left is better`) +
    `${panels.join("")}</svg>\n`
  );
}

function panel(rows, wait) {
  const { width, height, left, top, right, bottom } = PANEL;
  const x = (vain) => left + (Math.log10(Math.max(vain, LEAST) / LEAST) / Math.log10(MOST / LEAST)) * (width - left - right);
  const y = (milliseconds) => height - bottom - (milliseconds / wait) * (height - top - bottom);
  const lines = [0, 0.25, 0.5, 0.75, 1].map((part) => `<path class="grid" d="M${left} ${y(part * wait)}H${width - right}"/>${text(left - 6, y(part * wait) + 4, `${(part * wait) / 1000} s`, { anchor: "end" })}`);
  const ticks = [LEAST, 0.3, 1, 3, 10, 30].map((vain) => text(x(vain), height - bottom + 18, vain === LEAST ? "none" : vain, { anchor: "middle" }));
  // From above, each name below the one before, beside its dot.
  let free = 0;
  const dots = rows
    .map((row) => ({ row, left: x(row.perView * (row.waste ?? 0)), top: y(row.waits[WAITS.indexOf(wait)]) }))
    .sort((a, b) => a.top - b.top)
    .map(({ row: { strategy }, left, top }) => {
      const colour = ["foreclick", "both", "eager"].includes(strategy) ? "--own" : "--other";
      const line = Math.max(top + 4, free);
      free = line + LABEL;
      const isRight = left > width - 110;
      const name = text(isRight ? left - 9 : left + 9, line, NAMES[strategy], { kind: "name", anchor: isRight ? "end" : "start" });
      return `<circle cx="${left.toFixed(1)}" cy="${top.toFixed(1)}" r="5" fill="var(${colour})"/>${name}`;
    });
  return [
    text(left, 20, `A page takes ${wait / 1000} s`, { kind: "name" }),
    ...lines,
    ...ticks,
    text((left + width - right) / 2, height - 12, "loaded in vain, a page view", { anchor: "middle" }),
    ...dots,
  ].join("");
}

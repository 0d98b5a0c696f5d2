// The run as a picture: for each shape of model a panel with a line for each runtime, both axes logarithmic.
import { total } from "./table.js";

const PANEL = { width: 400, height: 250, left: 56, top: 34, right: 16, bottom: 40 };
const GAP = 24;
const HEAD = 58;
const LEGEND = 76;
// Told apart by hue and by dashes: solid is the CPU, dashed the GPU.
const LOOKS = {
  "foreclick int8": ["a", ""],
  "foreclick int4": ["b", ""],
  "ONNX Runtime Web, wasm": ["c", ""],
  "TensorFlow.js, wasm": ["d", ""],
  "foreclick, WebGPU": ["a", "5 4"],
  "ONNX Runtime Web, WebGPU": ["c", "5 4"],
};
const STYLE = `
  svg { color-scheme: light dark; --ink: #1b1f24; --soft: #6a737d; --line: #d8dee4; --back: #ffffff;
        --a: #0a7d5a; --b: #59b894; --c: #c4501b; --d: #5b5fc7; }
  @media (prefers-color-scheme: dark) {
    svg { --ink: #e6edf3; --soft: #9aa4ae; --line: #30363d; --back: #0d1117;
          --a: #2fd39c; --b: #8fe3c4; --c: #ff8a4c; --d: #a3a6ff; }
  }
  text { font: 12px system-ui, sans-serif; fill: var(--soft); }
  .title { font-size: 17px; font-weight: 600; fill: var(--ink); }
  .panel { font-size: 13px; font-weight: 600; fill: var(--ink); }
  .grid { stroke: var(--line); }
  polyline { fill: none; stroke-width: 2.2; stroke-linejoin: round; }
`;

export function draw({ machine, chromium, adapter, results }) {
  const shapes = [...new Set(results.map(({ hidden, history }) => `${hidden} ${history}`))].map((key) => key.split(" ").map(Number));
  const times = results.map(total).filter((time) => time > 0);
  const low = Math.floor(Math.log10(Math.min(...times)));
  const high = Math.ceil(Math.log10(Math.max(...times)));
  const items = [...new Set(results.map(({ items }) => items))].sort((a, b) => a - b);
  const width = 2 * PANEL.width + 3 * GAP;
  const rows = Math.ceil(shapes.length / 2);
  const height = HEAD + rows * (PANEL.height + GAP) + LEGEND;
  const parts = [
    text(GAP, 28, "An event and the prediction after it, in the browser", "title"),
    text(GAP, 48, escape(`Median milliseconds by catalogue size. ${machine.cpu}, ${machine.cores} cores, Chromium ${chromium}, one thread; GPU: ${adapter}`)),
  ];
  shapes.forEach(([hidden, history], number) => {
    const x = GAP + (number % 2) * (PANEL.width + GAP);
    const y = HEAD + Math.floor(number / 2) * (PANEL.height + GAP);
    const own = results.filter((row) => row.hidden === hidden && row.history === history);
    parts.push(`<g transform="translate(${x} ${y})">${panel(own, { hidden, history, items, low, high })}</g>`);
  });
  const names = [...new Set(results.filter(total).map(({ name }) => name))];
  parts.push(`<g transform="translate(${GAP} ${height - LEGEND + 10})">${legend(names, width)}</g>`);
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">` +
    `<style>${STYLE}</style><rect width="100%" height="100%" fill="var(--back)"/>${parts.join("\n")}</svg>\n`
  );
}

function panel(results, { hidden, history, items, low, high }) {
  const { width, height, left, top, right, bottom } = PANEL;
  const [first, last] = [Math.log10(items[0]), Math.log10(items.at(-1))];
  const x = (count) => left + ((Math.log10(count) - first) / (last - first || 1)) * (width - left - right);
  const y = (time) => top + ((high - Math.log10(time)) / (high - low)) * (height - top - bottom);
  const parts = [text(left, 20, `${hidden} values an item, history of ${history}`, "panel")];
  for (let power = low; power <= high; power++) {
    const at = y(10 ** power).toFixed(1);
    parts.push(`<line class="grid" x1="${left}" x2="${width - right}" y1="${at}" y2="${at}"/>`);
    parts.push(text(left - 8, Number(at) + 4, power < 3 ? `${10 ** power} ms` : `${10 ** (power - 3)} s`, "", "end"));
  }
  for (const count of items) {
    const label = count < 1e6 ? `${count / 1e3},000` : "1 million";
    parts.push(text(x(count), height - bottom + 20, label, "", count === items.at(-1) ? "end" : "middle"));
  }
  for (const [name, [colour, dashes]] of Object.entries(LOOKS)) {
    const found = results.filter((row) => row.name === name && total(row));
    const points = found.map((row) => `${x(row.items).toFixed(1)},${y(total(row)).toFixed(1)}`);
    if (points.length > 0) parts.push(`<polyline points="${points.join(" ")}" ${stroke(colour, dashes)}/>`);
    for (const point of points) {
      const [cx, cy] = point.split(",");
      parts.push(`<circle cx="${cx}" cy="${cy}" r="2.6" fill="var(--${colour})"/>`);
    }
  }
  return parts.join("");
}

function legend(names, width) {
  const columns = 3;
  const step = (width - 2 * GAP) / columns;
  return names
    .map((name, number) => {
      const [colour, dashes] = LOOKS[name];
      const x = (number % columns) * step;
      const y = 14 + Math.floor(number / columns) * 24;
      return `<line x1="${x}" x2="${x + 26}" y1="${y - 4}" y2="${y - 4}" stroke-width="2.2" ${stroke(colour, dashes)}/>${text(x + 32, y, name)}`;
    })
    .join("");
}

function stroke(colour, dashes) {
  return `stroke="var(--${colour})"${dashes && ` stroke-dasharray="${dashes}"`}`;
}

function text(x, y, content, style = "", anchor = "start") {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}"${style && ` class="${style}"`}>${content}</text>`;
}

function escape(content) {
  return content.replace(/&/g, "&amp;").replace(/</g, "&lt;");
}

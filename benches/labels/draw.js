// What is reached by the share of labels that are known: a panel for each measure, a line for each way.
import { STYLE, text } from "../panels.js";

const PANEL = { width: 420, height: 280, left: 60, top: 40, right: 110, bottom: 50 };
const MEASURES = [
  ["auroc", "AUROC"],
  ["aupr", "AUPR"],
];
const COLOURS = ["--other", "--own"];

export function draw(rows, ways, seeds) {
  const width = MEASURES.length * PANEL.width;
  const height = PANEL.height + 60;
  const panels = MEASURES.map((measure, place) => `<g transform="translate(${place * PANEL.width} 60)">${panel(rows, ways, measure)}</g>`);
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">` +
    `<style>${STYLE}</style><rect width="100%" height="100%" fill="var(--back)"/>` +
    text(20, 28, "A coupon on the next trip, by the households whose labels are known", { kind: "title" }) +
    text(20, 48, `Test trips of the Complete Journey, exported int8, mean of ${seeds} seed${seeds > 1 ? "s" : ""}`) +
    `${panels.join("")}</svg>\n`
  );
}

function panel(rows, ways, [measure, title]) {
  const { width, height, left, top, right, bottom } = PANEL;
  const values = rows.flatMap((row) => ways.map((way) => row[way][measure]));
  const base = rows[0][ways[0]].base[measure];
  const [least, most] = [Math.min(base, ...values), Math.max(...values)];
  const first = Math.log10(rows[0].share);
  const x = (share) => left + (1 - Math.log10(share) / first) * (width - left - right);
  const y = (value) => height - bottom - ((value - least) / (most - least || 1)) * (height - top - bottom);
  const lines = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const value = least + part * (most - least);
    return `<path class="grid" d="M${left} ${y(value).toFixed(1)}H${width - right}"/>${text(left - 6, y(value) + 4, value.toFixed(3), { anchor: "end" })}`;
  });
  const ticks = rows.map(({ share }) => text(x(share), height - bottom + 18, `${100 * share}%`, { anchor: "middle" }));
  const curves = ways.map((way, place) => {
    const points = rows.map((row) => [x(row.share), y(row[way][measure])].map((value) => value.toFixed(1)));
    const dots = points.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="4" fill="var(${COLOURS[place]})"/>`);
    const path = `<path d="M${points.map((point) => point.join(" ")).join("L")}" fill="none" stroke="var(${COLOURS[place]})" stroke-width="2"/>`;
    // Beside the first point, where the two are furthest apart, the names would cover the axis.
    return `${path}${dots.join("")}${text(width - right + 10, y(rows.at(-1)[way][measure]) + (place === 0 ? 14 : -6), way, { kind: "name" })}`;
  });
  return [
    text(left, 20, title, { kind: "name" }),
    ...lines,
    `<path stroke="var(--soft)" stroke-dasharray="4 4" d="M${left} ${y(base).toFixed(1)}H${width - right}"/>`,
    text(width - right + 10, y(base) - 4, "base rate"),
    ...ticks,
    ...curves,
    text((left + width - right) / 2, height - 12, "households whose labels are known", { anchor: "middle" }),
  ].join("");
}

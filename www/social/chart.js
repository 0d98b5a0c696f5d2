// The stream's mood, post by post.
import { byId, svg } from "/dom.js";

const WIDTH = 800;
const HEIGHT = 240;
// The ratings at the chart's edges: the average stays well within.
const HIGHEST = 3;
const LOWEST = -3;
const LEAST_POSTS = 60;

/** Draws a monitor's average with its limits, each post's mood as a dot, and where the replay's mix was turned. */
export function draw(monitor, moods, turns, most) {
  const x = (at) => ((at + 0.5) / Math.max(LEAST_POSTS, most, moods.length)) * WIDTH;
  const y = (mood) => (1 - (Math.min(HIGHEST, Math.max(LOWEST, mood)) - LOWEST) / (HIGHEST - LOWEST)) * HEIGHT;
  const { mean, limit, averages, alerts } = monitor;
  const level = (mood, kind) => svg("line", { class: kind, x1: 0, x2: WIDTH, y1: y(mood), y2: y(mood) });
  const upright = (at, kind, text) => [
    svg("line", { class: kind, x1: x(at), x2: x(at), y1: 0, y2: HEIGHT }),
    svg("text", { class: kind, x: x(at) + 4, y: kind === "turn" ? HEIGHT - 8 : 14, text }),
  ];
  const points = averages.map((average, at) => `${x(at).toFixed(1)},${y(average).toFixed(1)}`).join(" ");
  byId("chart").replaceChildren(
    svg("rect", { class: "usual", x: 0, width: WIDTH, y: y(mean + limit), height: y(mean - limit) - y(mean + limit) }),
    level(mean, "mean"),
    ...turns.filter((at) => at < moods.length).flatMap((at, turn) => upright(at, "turn", turn === 0 ? "mix turned" : "and back")),
    ...moods.map((mood, at) => svg("circle", { class: "post", cx: x(at).toFixed(1), cy: y(mood).toFixed(1), r: 2 })),
    svg("polyline", { class: "average", points }),
    ...alerts.flatMap(({ at, direction }) =>
      direction === 0 ? upright(at, "over", "") : upright(at, "alarm", direction < 0 ? "alert: worse" : "alert: better"),
    ),
  );
}

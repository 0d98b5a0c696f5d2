// What pictures with panels have in common: their look, light and dark, and words in them.
export const STYLE = `
  svg { color-scheme: light dark; --ink: #1b1f24; --soft: #6a737d; --line: #d8dee4; --back: #ffffff; --own: #0a7d5a; --other: #5b5fc7; }
  @media (prefers-color-scheme: dark) {
    svg { --ink: #e6edf3; --soft: #9aa4ae; --line: #30363d; --back: #0d1117; --own: #2fd39c; --other: #a3a6ff; }
  }
  text { font: 12px system-ui, sans-serif; fill: var(--soft); }
  .title { font-size: 17px; font-weight: 600; fill: var(--ink); }
  .name { fill: var(--ink); }
  .grid { stroke: var(--line); }
`;

export const text = (x, y, words, { kind = "", anchor = "start" } = {}) => `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" class="${kind}" text-anchor="${anchor}">${words}</text>`;

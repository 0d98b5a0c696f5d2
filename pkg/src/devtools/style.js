// The panel's style, as a sheet that is built: policies without 'unsafe-inline' allow it.

const CSS = `
:host {
  --ground: #fff; --raised: #f2f4ee; --line: #dfe2d8; --ink: #12160f; --soft: #565e50; --mark: #4d6b00;
  --for: #6f9a00; --against: #c2571a; --focus: #12160f;
  all: initial; color-scheme: light dark; position: fixed; inset: 0; z-index: 2147483647; pointer-events: none;
  font: 400 13px/1.4 system-ui, sans-serif; font-variant-numeric: tabular-nums; color: var(--ink);
}
@media (prefers-color-scheme: dark) {
  :host {
    --ground: #11150f; --raised: #1a2017; --line: #2f3729; --ink: #f1f5ea; --soft: #a3ae99; --mark: #c4f042;
    --for: #b2dd35; --against: #f08a4b; --focus: #c4f042;
  }
}
*, *::before { box-sizing: border-box; }
[hidden] { display: none !important; }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; }
h2, h3, p, ol, ul, dl, dd { margin: 0; padding: 0; }
ol, ul { list-style: none; }
button { font: inherit; color: inherit; background: none; border: 0; padding: 0; text-align: inherit; cursor: pointer; }
.panel {
  pointer-events: auto; position: absolute; right: 16px; bottom: 16px; width: 348px; max-width: calc(100vw - 32px);
  max-height: calc(100vh - 32px); max-height: min(680px, calc(100dvh - 32px)); display: flex; flex-direction: column; background: var(--ground);
  border: 1px solid var(--line); border-radius: 14px; box-shadow: 0 12px 40px rgb(0 0 0 / .22); overflow: hidden;
}
.head { display: flex; align-items: center; gap: 8px; padding: 8px 8px 8px 14px; flex: none; }
.head h2 { font-size: 14px; font-weight: 650; letter-spacing: -.01em; flex: 1; }
.chip { font-size: 11px; font-weight: 600; border: 1px solid var(--line); border-radius: 99px; padding: 1px 8px; color: var(--soft); }
.icon { width: 30px; height: 30px; border-radius: 8px; display: grid; place-items: center; font-size: 16px; color: var(--soft); }
.icon:hover, .next button:hover { background: var(--raised); color: var(--ink); }
.body { overflow: auto; overscroll-behavior: contain; border-top: 1px solid var(--line); padding: 0 14px 12px; }
section { padding-top: 12px; }
h3 { font-size: 11px; font-weight: 600; color: var(--soft); margin-bottom: 4px; overflow-wrap: anywhere; }
.next { margin: 0 -8px; }
.next button {
  display: grid; grid-template-columns: 18px 1fr 56px 42px; gap: 8px; align-items: center; width: 100%; padding: 4px 8px;
  border-radius: 8px;
}
.next button[aria-pressed=true] { background: var(--raised); font-weight: 600; }
.next button[aria-pressed=true] .rank { color: var(--mark); }
.rank { color: var(--soft); text-align: right; }
.name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.absent .name { color: var(--soft); }
.number { text-align: right; }
.track { position: relative; height: 6px; border-radius: 3px; background: var(--raised); overflow: hidden; }
.track::before { content: ""; position: absolute; inset: 0 auto 0 0; width: calc(var(--share) * 100%); background: var(--for); }
.term { display: grid; grid-template-columns: 92px 1fr 46px; gap: 8px; align-items: center; padding: 1px 0; }
.term .track { height: 8px; background: linear-gradient(var(--soft), var(--soft)) 50% / 1px 100% no-repeat, var(--raised); }
.term .track::before { left: 50%; width: calc(var(--share) * 50%); }
.term.against .track::before { left: auto; right: 50%; background: var(--against); }
.events .term { grid-template-columns: 132px 1fr 46px; }
.note { color: var(--soft); font-size: 11px; padding-top: 6px; }
dl { display: grid; grid-template-columns: 92px 1fr; gap: 1px 8px; }
dl.stored { grid-template-columns: 1fr auto; }
.stored dd { text-align: right; }
dt { color: var(--soft); }
dd { overflow-wrap: anywhere; }
.parts { display: flex; gap: 2px; height: 8px; margin: 4px 0 6px; }
.parts span { flex: var(--share) 0 0; border-radius: 3px; }
dt[data-key]::before { content: ""; display: inline-block; width: 8px; height: 8px; border-radius: 3px; margin-right: 6px; }
.hit, [data-key=Hits]::before { background: var(--for); }
.waste, [data-key=Waste]::before { background: var(--against); }
.open, [data-key=Out]::before { background: var(--soft); }
.problem:not(:empty) { padding-top: 12px; font-weight: 600; }
.quiet { color: var(--soft); }
.forget { border: 1px solid var(--line); border-radius: 8px; padding: 4px 12px; margin-top: 8px; font-weight: 600; }
.forget:hover { background: var(--raised); }
.pill { pointer-events: auto; position: absolute; right: 16px; bottom: 16px; border-radius: 99px; padding: 8px 14px; background: #10140e;
  color: #c4f042; font-weight: 600; border: 1px solid #3b4534; box-shadow: 0 6px 20px rgb(0 0 0 / .25); }
.badge {
  position: absolute; left: 0; top: 0; padding: 1px 7px; border-radius: 99px; background: #10140e; color: #f1f5ea; font-size: 11px;
  font-weight: 600; border: 1px solid #4a553f; white-space: nowrap;
}
.badge b { color: #c4f042; font-weight: 700; }
.ring { position: absolute; left: 0; top: 0; border: 2px solid #c4f042; outline: 1px solid #10140e; border-radius: 8px; }
@media (max-width: 479px) {
  .panel { right: 0; left: 0; bottom: 0; width: auto; max-width: none; max-height: 62dvh; border-radius: 14px 14px 0 0; border-width: 1px 0 0; }
}
@media (forced-colors: active) {
  .track::before, .parts span { background: Highlight; forced-color-adjust: none; }
  .panel, .badge, .pill { border-color: CanvasText; }
}
@media print { :host { display: none; } }
`;

export function styleSheet() {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(CSS);
  return sheet;
}

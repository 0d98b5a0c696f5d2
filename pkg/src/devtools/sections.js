// The panel's parts: each makes its elements once, and `show` writes what is known now.
import { age, capital, duration, h, percent, signed, size, times, write } from "./dom.js";

export class NextClicks {
  #rows = [];
  #list = h("ol", { className: "next" });
  #empty = h("p", { className: "quiet" }, "No prediction yet.");
  element = h("section", { "aria-label": "Next clicks" }, h("h3", {}, "Next clicks"), this.#list, this.#empty);
  #onSelect;

  constructor(onSelect) {
    this.#onSelect = onSelect;
    this.#list.addEventListener("keydown", (event) => this.#step(event));
  }

  show(items, { selected, label, present }) {
    this.#empty.hidden = items.length > 0;
    while (this.#rows.length < items.length) this.#rows.push(this.#row(this.#rows.length));
    this.#rows.forEach((row, place) => {
      const found = items[place];
      row.line.hidden = !found;
      if (!found) return;
      row.item = found.item;
      write(row.name, label(found.item));
      write(row.number, percent(found.probability));
      row.track.style.setProperty("--share", found.probability / items[0].probability);
      row.button.setAttribute("aria-pressed", String(found.item === selected));
      row.button.title = present.has(found.item) ? label(found.item) : `${label(found.item)} (not on this page)`;
      row.line.classList.toggle("absent", !present.has(found.item));
    });
  }

  #row(place) {
    const [name, track, number] = ["name", "track", "number"].map((className) => h("span", { className }));
    track.setAttribute("aria-hidden", "true");
    const rank = h("span", { className: "rank" }, String(place + 1));
    const button = h("button", { type: "button", onclick: () => this.#onSelect(row.item) }, rank, name, track, number);
    const row = { name, track, number, button, line: h("li", {}, button), item: undefined };
    this.#list.append(row.line);
    return row;
  }

  #step(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const buttons = this.#rows.filter(({ line }) => !line.hidden).map(({ button }) => button);
    const next = step && buttons[buttons.indexOf(event.target) + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
  }
}

export class Why {
  #title = h("h3");
  #terms = h("ul");
  #events = h("ul", { className: "events" });
  #note = h("p", { className: "note" }, "Times as likely, for each of the latest events:");
  element = h("section", { "aria-label": "Why" }, this.#title, this.#terms, this.#note, this.#events);

  show(explanation, label) {
    this.element.hidden = !explanation;
    if (!explanation) return;
    const { item, terms, events } = explanation;
    write(this.#title, `Why ${label(item)}`);
    this.#terms.replaceChildren(...bars(Object.entries(terms), signed));
    // The latest first, as one thinks of them.
    this.#events.replaceChildren(...bars([...events].reverse().map(({ item, effect }) => [label(item), effect]), times));
    this.#note.hidden = events.length === 0;
  }
}

function bars(parts, format) {
  const largest = Math.max(...parts.map(([, value]) => Math.abs(value)), 1e-9);
  return parts.map(([name, value]) => {
    const track = h("span", { className: "track", "aria-hidden": "true" });
    track.style.setProperty("--share", Math.abs(value) / largest);
    const [title, number] = [h("span", { className: "name", title: name }, name), h("span", { className: "number" }, format(value))];
    return h("li", { className: value < 0 ? "term against" : "term" }, title, track, number);
  });
}

export class Engine {
  #list = h("dl");
  element = h("section", { "aria-label": "Engine" }, h("h3", {}, "Engine"), this.#list);

  show({ backend, reason, adapter, items, bytes, events, unknownEvents, load, observe, predict, memoryBytes, version }) {
    fill(this.#list, {
      Backend: `${backend.toUpperCase()}, ${reason}`,
      Adapter: adapter,
      Prediction: predict.count ? `${duration(predict.milliseconds)} (mean of ${predict.count})` : null,
      Event: observe.count ? duration(observe.milliseconds) : null,
      Session: `${events} events${unknownEvents ? `, ${unknownEvents} of unknown items` : ""}`,
      Model: `${items.toLocaleString("en")} items, ${size(bytes)}, from ${load.from} in ${duration(load.milliseconds)}`,
      Memory: `${size(memoryBytes)}, version ${version}`,
    });
  }
}

export class Prefetch {
  #parts = h("div", { className: "parts", "aria-hidden": "true" });
  #list = h("dl");
  element = h("section", { "aria-label": "Prefetch" }, h("h3", {}, "Prefetch"), this.#parts, this.#list);

  show(report) {
    this.element.hidden = !report;
    if (!report) return;
    const { method, held, open, hints, hits, waste, leadMilliseconds, served } = report;
    const share = ([className, count]) => {
      const part = h("span", { className });
      part.style.setProperty("--share", count);
      return part;
    };
    const counted = Object.entries({ hit: hits, waste, open: open.length }).filter(([, count]) => count > 0);
    this.#parts.replaceChildren(...counted.map(share));
    this.#parts.hidden = counted.length === 0;
    fill(this.#list, {
      Hits: `${hits} of ${hints}${served ? `, ${served} served from the hint` : ""}`,
      Waste: String(waste),
      "Lead time": leadMilliseconds === null ? null : `${duration(leadMilliseconds)} (mean)`,
      Out: open.map(({ url, probability }) => `${new URL(url).pathname} ${probability === null ? "pointer" : percent(probability)}`).join(", ") || null,
      Method: held ? `${method}, held back: ${held}` : method,
    });
    // Those with a colour in the bar.
    for (const term of this.#list.querySelectorAll("dt")) if (/^(Hits|Waste|Out)$/.test(term.textContent)) term.dataset.key = term.textContent;
  }
}

export class Stored {
  #list = h("dl", { className: "stored" });
  #empty = h("p", { className: "quiet" }, "Nothing.");
  #how = h("p", { className: "note", hidden: true });
  #status = h("p", { className: "quiet", role: "status" });
  element = h("section", { "aria-label": "Stored on this device" }, h("h3", {}, "Stored on this device"), this.#list, this.#empty, this.#how);

  constructor(onForget) {
    if (onForget) this.element.append(h("button", { type: "button", className: "forget", onclick: onForget }, "Forget"));
    this.element.append(this.#status);
  }

  show(entries, status) {
    const told = ({ name, bytes, oldest }) => {
      const parts = [bytes === undefined ? "kept" : size(bytes), oldest && age(Date.now() - oldest)];
      return [name, parts.filter(Boolean).join(", ")];
    };
    fill(this.#list, Object.fromEntries(entries.map(told)));
    this.#empty.hidden = entries.length > 0;
    this.#how.hidden = !status;
    if (status) write(this.#how, `${capital(status.reason)}.`);
  }

  say(text) {
    write(this.#status, text);
  }
}

function fill(list, pairs) {
  const known = Object.entries(pairs).filter(([, text]) => text !== null);
  const terms = list.querySelectorAll("dt");
  const isSame = terms.length === known.length && known.every(([name], place) => terms[place].textContent === name);
  if (!isSame) list.replaceChildren(...known.flatMap(([name]) => [h("dt", {}, name), h("dd")]));
  known.forEach(([, text], place) => write(list.querySelectorAll("dd")[place], text));
}

// The predicted items' ranks, drawn over their elements wherever these move.
import { h, percent } from "./dom.js";

export class Badges {
  #layer;
  #elements;
  #drawn = []; // { target, badge }
  #ring = h("div", { className: "ring", hidden: true, "aria-hidden": "true" });
  #frame; // the animation frame that is asked for
  #watching = new AbortController();
  #sizes = new ResizeObserver(() => this.move());

  constructor(layer, elements) {
    this.#layer = layer;
    this.#elements = elements;
    layer.append(this.#ring);
    const { signal } = this.#watching;
    const move = () => this.move();
    addEventListener("scroll", move, { capture: true, passive: true, signal });
    addEventListener("resize", move, { passive: true, signal });
    this.#sizes.observe(document.documentElement);
  }

  // Draws the ranking; returns the items that the page has elements for.
  draw(items, selected) {
    for (const { badge } of this.#drawn) badge.remove();
    this.#drawn = items.flatMap(({ item, probability }, place) =>
      [...this.#elements(item)].map((target) => {
        const badge = h("div", { className: "badge", "aria-hidden": "true" }, h("b", {}, String(place + 1)), ` ${percent(probability)}`);
        return { item, target, badge, isSelected: item === selected };
      }),
    );
    this.#layer.append(...this.#drawn.map(({ badge }) => badge));
    this.#place();
    return new Set(this.#drawn.map(({ item }) => item));
  }

  reveal(item) {
    const drawn = this.#drawn.find((drawn) => drawn.item === item);
    drawn?.target.scrollIntoView({ block: "nearest" });
  }

  move() {
    this.#frame ??= requestAnimationFrame(() => this.#place());
  }

  stop() {
    this.#watching.abort();
    this.#sizes.disconnect();
    cancelAnimationFrame(this.#frame);
  }

  // All places are read before one is written, so that the page is laid out once.
  #place() {
    this.#frame = undefined;
    const places = this.#drawn.map((drawn) => ({ ...drawn, box: drawn.target.getBoundingClientRect() }));
    this.#ring.hidden = true;
    for (const { badge, box, isSelected } of places) {
      badge.hidden = box.width === 0 || box.bottom < 0 || box.top > innerHeight;
      badge.style.transform = `translate(${Math.max(2, box.left - 6)}px, ${Math.max(2, box.top - 9)}px)`;
      if (!isSelected || badge.hidden || !this.#ring.hidden) continue;
      this.#ring.hidden = false;
      this.#ring.style.transform = `translate(${box.left - 4}px, ${box.top - 4}px)`;
      this.#ring.style.width = `${box.width + 8}px`;
      this.#ring.style.height = `${box.height + 8}px`;
    }
  }
}

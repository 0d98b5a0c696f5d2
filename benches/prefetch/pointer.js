// What a visitor does on a page, as real input: reads, scrolls, rests on other links, goes to the link and clicks.
import { lognormal, normal, oneOf } from "./chance.js";

const VIEWPORT = { width: 1280, height: 720 };
const FRAME = 16; // milliseconds between two positions of the pointer
// So that about half of the links rested on for 65 ms are clicked, as instant.page says of its visitors.
const STOPS = [0.85, 0.12, 0.03]; // how often there are none, one, two places looked at by the way

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A visitor's pointer, with a page of Playwright and a stream of random numbers. */
export class Pointer {
  constructor(page, random) {
    this.page = page;
    this.random = random;
    this.at = { x: 640, y: 360 };
  }

  /** Reads the page and follows its link to `target`, or leaves where there is none. */
  async follow({ reading, target }) {
    const { random } = this;
    const first = reading * (0.3 + 0.4 * random());
    await pause(first);
    if (random() < 0.3) await this.scroll(1 + Math.floor(3 * random()));
    const draw = random();
    const stops = draw < STOPS[0] ? 0 : draw < STOPS[0] + STOPS[1] ? 1 : 2;
    for (let stop = 0; stop < stops; stop++) {
      const others = (await this.links()).filter(({ path, y }) => path !== target && y > 0 && y < VIEWPORT.height);
      const isLink = random() < 0.5 && others.length > 0;
      await this.move(isLink ? oneOf(random, others) : { x: 100 + 1080 * random(), y: 80 + 560 * random(), width: 200, height: 100 });
      await pause(lognormal(random, 250, 0.6));
    }
    await pause(reading - first);
    if (target === undefined) return this.move({ x: 1100, y: 4, width: 60, height: 4 });
    await this.move(await this.bringIntoView(target));
    await pause(lognormal(random, 200, 0.5));
    await this.page.mouse.down();
    await pause(70 + 40 * random());
    return this.page.mouse.up();
  }

  /** All links: their paths, and the centres and sizes of their boxes in the viewport. */
  links() {
    return this.page.evaluate(() =>
      [...document.links].map((link) => {
        const { left, top, width, height } = link.getBoundingClientRect();
        return { path: link.pathname, x: left + width / 2, y: top + height / 2, width, height };
      }),
    );
  }

  async scroll(notches) {
    for (let notch = 0; notch < Math.abs(notches); notch++) {
      await this.page.mouse.wheel(0, 100 * Math.sign(notches));
      await pause(40);
    }
    await pause(150);
  }

  async bringIntoView(target) {
    for (let round = 0; round < 20; round++) {
      const own = (await this.links()).filter(({ path }) => path === target);
      if (own.length === 0) throw new Error(`no link to ${target} in ${this.page.url()}`);
      const link = own.find(({ y }) => y > 20 && y < VIEWPORT.height - 20) ?? own.at(-1);
      if (link.y > 20 && link.y < VIEWPORT.height - 20) return link;
      await this.scroll(Math.sign(link.y) * Math.max(1, Math.min(4, Math.round(Math.abs(link.y - 360) / 100))));
    }
    throw new Error(`${target} does not come into view`);
  }

  /** Fitts's law for the time, minimum jerk for the speed, a bow and an inexact end. */
  async move({ x, y, width, height }) {
    const from = this.at;
    const to = { x: x + (normal(this.random) * width) / 8, y: y + (normal(this.random) * height) / 8 };
    const [dx, dy] = [to.x - from.x, to.y - from.y];
    const duration = 100 + 150 * Math.log2(Math.hypot(dx, dy) / Math.min(width, height) + 1);
    const bow = 0.06 * normal(this.random);
    const begin = performance.now();
    for (let part = 0; part < 1; ) {
      await pause(FRAME);
      part = Math.min(1, (performance.now() - begin) / duration);
      const way = part ** 3 * (10 - 15 * part + 6 * part ** 2);
      const side = bow * Math.sin(Math.PI * way);
      this.at = { x: from.x + dx * way - dy * side, y: from.y + dy * way + dx * side };
      await this.page.mouse.move(this.at.x, this.at.y);
    }
  }
}

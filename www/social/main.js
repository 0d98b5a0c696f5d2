// The page of posts: what is typed is judged at each key, word by word, and a stream is watched for the moment when its mood turns.
import { byId, el } from "/dom.js";
import { Meters, showBytes, watchNetwork } from "/meters.js";
import { draw } from "./chart.js";
import { Monitor } from "./monitor.js";
import { withoutEach } from "./words.js";

const MODEL = "/model/social/model.safetensors";
const POSTS = "/model/social/posts.json";
const MOODS = ["negative", "neutral", "positive"];
const PACE = 120; // milliseconds a post
const LISTED = 6;
// Changes of the rating below this are none.
const LEAST_EFFECT = 0.05;

const asSession = (text) => [{ fields: { text } }];

class Social {
  constructor({ posts, turns }, predictor, usual) {
    this.predictor = predictor;
    this.meters = new Meters();
    this.replay = posts;
    this.turns = turns;
    this.monitor = new Monitor(usual);
    byId("backend").textContent = predictor.diagnostics().backend.toUpperCase();
    byId("bars").append(...MOODS.map(bar));
    // Chinese and Japanese are typed in steps, which are told as input too.
    byId("post").addEventListener("input", () => this.judge().catch(fail));
    byId("send").addEventListener("click", () => this.send().catch(fail));
    byId("play").addEventListener("click", () => (this.playing ? this.pause() : this.play()));
    byId("again").addEventListener("click", () => this.begin());
    for (const button of byId("examples").querySelectorAll("button")) {
      button.addEventListener("click", () => {
        byId("post").value = button.textContent;
        this.judge().catch(fail);
      });
    }
    this.begin();
  }

  /** Judges what is typed. Of keys that come faster than answers only the last counts. */
  async judge() {
    const text = (this.judged = byId("post").value);
    byId("send").disabled = text.trim() === "";
    byId("words").setAttribute("aria-busy", "true");
    const [{ tasks }] = await this.meters.time("predict", () => this.predictor.predictMany([asSession(text)]));
    if (this.judged !== text) return;
    this.#showMood(tasks);
    const words = withoutEach(text);
    const others = await this.meters.time("observe", () => this.predictor.predictMany(words.map(({ without }) => asSession(without))));
    if (this.judged !== text) return;
    const effects = others.map((other) => tasks.rating.value - other.tasks.rating.value);
    byId("words").replaceChildren(...words.map(({ word }, place) => chip(word, effects[place])));
    byId("no-words").hidden = words.length > 0;
    byId("words").setAttribute("aria-busy", "false");
  }

  /** Sends what is typed into the stream. */
  async send() {
    await this.#take(byId("post").value, true);
  }

  /** Empties the stream. */
  begin() {
    this.pause();
    this.monitor.reset();
    this.moods = [];
    this.turned = [];
    this.next = 0;
    byId("posts").replaceChildren();
    byId("play").disabled = false;
    this.#showStream();
  }

  play() {
    const run = (this.playing = Symbol("run"));
    byId("play").textContent = "Pause";
    const next = async () => {
      if (this.playing !== run) return;
      // The visitor's own posts move the places at which the replay turns.
      if (this.turns.includes(this.next)) this.turned.push(this.moods.length);
      await this.#take(this.replay[this.next++].text, false);
      if (this.next === this.replay.length) this.pause();
      byId("play").disabled = this.next === this.replay.length;
      setTimeout(() => next().catch(fail), PACE);
    };
    next().catch(fail);
  }

  pause() {
    this.playing = null;
    byId("play").textContent = "Play";
  }

  async #take(text, isOwn) {
    const [{ tasks }] = await this.predictor.predictMany([asSession(text)]);
    const mood = tasks.rating.value;
    this.moods.push(mood);
    const alert = this.monitor.take(mood);
    const posts = byId("posts");
    posts.prepend(el("li", { class: isOwn ? "own" : null }, el("b", { text: signed(mood) }), el("span", { text })));
    while (posts.children.length > LISTED) posts.lastElementChild.remove();
    if (alert?.direction) this.alerted = `The mood turned ${alert.direction < 0 ? "worse" : "better"} at post ${alert.at + 1}.`;
    this.#showStream();
  }

  #showMood({ mood, rating }) {
    for (const { class: name, probability } of mood.classes) {
      const row = byId(`bar-${name}`);
      row.classList.toggle("likeliest", name === mood.class);
      row.querySelector(".fill").style.setProperty("--share", probability.toFixed(4));
      row.querySelector(".percent").textContent = `${(100 * probability).toFixed(0)}%`;
    }
    byId("rating").textContent = signed(rating.value);
    byId("mood").textContent = mood.class;
    clearTimeout(this.saying);
    this.saying = setTimeout(() => (byId("said").textContent = `${mood.class}, rated ${signed(rating.value)}`), 900);
  }

  #showStream() {
    const { monitor, moods } = this;
    draw(monitor, moods, this.turned, this.replay.length);
    const average = monitor.averages.at(-1) ?? monitor.mean;
    byId("average").textContent = signed(average);
    byId("usual").textContent = `${signed(monitor.mean - monitor.limit)} to ${signed(monitor.mean + monitor.limit)}`;
    byId("count").textContent = moods.length === 1 ? "one post" : `${moods.length} posts`;
    byId("alert").hidden = monitor.direction === 0;
    byId("alert").textContent = monitor.direction === 0 ? "" : this.alerted;
  }
}

function bar(mood) {
  return el(
    "li",
    { id: `bar-${mood}`, class: "mood-bar" },
    el("span", { class: "name", text: mood }),
    el("span", { class: "bar" }, el("span", { class: "fill" })),
    el("span", { class: "percent", text: "–" }),
  );
}

/** A word with what the rating would lack without it. */
function chip(word, effect) {
  const direction = Math.abs(effect) < LEAST_EFFECT ? "none" : effect > 0 ? "up" : "down";
  const item = el("li", { class: `word ${direction}` }, el("span", { text: word }), direction !== "none" && el("b", { text: signed(effect) }));
  item.style.setProperty("--share", Math.min(1, Math.abs(effect)).toFixed(3));
  return item;
}

function signed(value) {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
}

function fail(error) {
  document.body.dataset.state = "failed";
  byId("failed").hidden = false;
  byId("failed-title").textContent = "The predictor stopped";
  byId("failed-text").textContent = error.message;
}

// Every file that the demo's command makes is missing together.
function failToLoad(error) {
  fail(error);
  if (error.code !== "fetch") return;
  byId("failed-title").textContent = "There is no model here yet";
  byId("failed-text").textContent = `${error.message}. This command trains one, builds the package and serves this page:`;
  byId("failed-command").textContent = "./build.sh demo";
  byId("failed-command").hidden = false;
}

async function load() {
  const missing = (error) => {
    throw Object.assign(error, { code: "fetch" });
  };
  const [data, predictor] = await Promise.all([
    fetch(POSTS)
      .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(`${POSTS} is not there`))))
      .catch(missing),
    import("/foreclick/index.js").catch(missing).then(({ Predictor }) => Predictor.load(MODEL, { backend: "cpu" })),
  ]);
  const usual = await predictor.predictMany(data.usual.map(asSession));
  return new Social(data, predictor, usual.map(({ tasks }) => tasks.rating.value));
}

try {
  const social = await load();
  await social.judge();
  if (document.body.dataset.state === "loading") document.body.dataset.state = "ready";
  showBytes();
  watchNetwork();
} catch (error) {
  failToLoad(error);
}

// What the hooks of the frameworks share: a predictor that comes and goes, and who wants to know of its events.

export class Session {
  #listeners = new Set();
  #changes = 0;
  #ending; // of the load under way, or of the predictor that is there
  #early = []; // events from before the predictor was there
  predictor = null;
  error = null;

  // Functions and not methods, since they are handed around.
  subscribe = (listener) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
  changes = () => this.#changes;
  observe = (event) => {
    if (this.predictor) this.predictor.observe(event);
    else if (!this.error) this.#early.push(event);
    this.#tell();
  };
  reset = () => {
    this.#early = [];
    this.predictor?.reset();
    this.#tell();
  };

  start(load) {
    const { signal } = (this.#ending = new AbortController());
    const take = (predictor) => {
      // It is no longer wanted, and the load did not heed the signal.
      if (signal.aborted) return predictor.free();
      this.predictor = predictor;
      this.#observeEarly();
      this.#tell();
    };
    const refuse = (error) => {
      if (signal.aborted) return;
      this.error = error;
      this.#early = [];
      this.#tell();
    };
    // Within a promise, so that what `load` throws is refused like any other error.
    Promise.resolve(signal).then(load).then(take, refuse);
  }

  // The events from here to the next start are the next predictor's.
  stop() {
    this.#ending?.abort();
    this.predictor?.free();
    this.predictor = null;
    this.error = null;
    this.#early = [];
    this.#tell();
  }

  #observeEarly() {
    for (const event of this.#early.splice(0)) {
      try {
        this.predictor.observe(event);
      } catch (error) {
        // Who told of it has gone on.
        reportError(error);
      }
    }
  }

  #tell() {
    this.#changes++;
    for (const listener of this.#listeners) listener();
  }
}

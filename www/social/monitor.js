// Whether the mood of a stream has turned: an exponentially weighted moving average with limits (Roberts 1959).

/** What the newest post counts in the average. */
const LAMBDA = 0.1;
/** How many standard deviations of the average its limits are away from what is usual. */
const LIMIT = 3;

export class Monitor {
  /** @param usual Moods of posts as they usually are: their mean and spread are what the stream is compared with. */
  constructor(usual) {
    this.mean = usual.reduce((a, b) => a + b, 0) / usual.length;
    const variance = usual.reduce((sum, mood) => sum + (mood - this.mean) ** 2, 0) / (usual.length - 1);
    this.limit = LIMIT * Math.sqrt((variance * LAMBDA) / (2 - LAMBDA));
    this.reset();
  }

  reset() {
    /** The average after each post. */
    this.averages = [];
    /** When the mood turned: { at, direction }, at counts from 0, direction is -1, 1, or 0 for back to usual. */
    this.alerts = [];
  }

  /** -1 or 1 while the mood is turned, else 0. */
  get direction() {
    return this.alerts.at(-1)?.direction ?? 0;
  }

  /** Takes the next post's mood; returns the alert that it raises or ends, or null. */
  take(mood) {
    const average = LAMBDA * mood + (1 - LAMBDA) * (this.averages.at(-1) ?? this.mean);
    const at = this.averages.push(average) - 1;
    const away = average - this.mean;
    // An alert ends half-way back, so that it does not flicker at the limit.
    const stays = this.direction !== 0 && this.direction * away > this.limit / 2;
    const direction = Math.abs(away) > this.limit ? Math.sign(away) : stays ? this.direction : 0;
    if (direction === this.direction) return null;
    const alert = { at, direction };
    this.alerts.push(alert);
    return alert;
  }
}

// Figures for the status line, from what has been shown in the last seconds.

const WINDOW = 2000; // ms
const MOST = 200; // entries, should a server ever send faster than screens

export class Meter {
  #shown = [];

  /** A result was shown now. */
  tick(now = performance.now()) {
    this.#shown.push(now);
    while (this.#shown.length > MOST || this.#shown[0] < now - WINDOW) this.#shown.shift();
  }

  /** Results shown each second. */
  fps(now = performance.now()) {
    const recent = this.#shown.filter((at) => at >= now - WINDOW);
    if (recent.length < 2) return 0;
    return ((recent.length - 1) * 1000) / (recent.at(-1) - recent[0]);
  }
}

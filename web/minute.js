// The last minute of results, for the timeline and for export. Bounded by time, by count and by bytes.

export const SPAN = 60_000; // ms
export const MAX_RESULTS = 3600; // 60 a second, should a server ever be so fast
export const MAX_BYTES = 32 * 2 ** 20; // of run lengths
const ROUGH = 200; // bytes of a result, and of each prediction, beside its run lengths

export class Minute {
  #entries = []; // {at, result, found, bytes}, oldest first
  #bytes = 0;

  get bytes() {
    return this.#bytes;
  }

  /** Oldest first: `{at, result, found}`; `at`: performance.now() when it was shown. */
  get entries() {
    return this.#entries;
  }

  /** A result that was shown; of a frame that is told again the newer one counts. */
  add(result, found, at = performance.now()) {
    if (this.#entries.at(-1)?.result.frame.index === result.frame.index) this.#bytes -= this.#entries.pop().bytes;
    const bytes = found.reduce((sum, { masks }) => sum + masks.counts.length + ROUGH, ROUGH);
    this.#entries.push({ at, result, found, bytes });
    this.#bytes += bytes;
    while (this.#full(at)) this.#bytes -= this.#entries.shift().bytes;
  }

  #full(now) {
    const [first] = this.#entries;
    const more = this.#entries.length > 1 && (this.#entries.length > MAX_RESULTS || this.#bytes > MAX_BYTES);
    return more || first.at < now - SPAN;
  }

  clear() {
    this.#entries = [];
    this.#bytes = 0;
  }

  /** The newest entry that is at least `age` ms older than the frame with this index and shows that object, or null. */
  before(index, id, age) {
    const named = this.#entries.findLast(({ result }) => result.frame.index === index);
    const shows = (each) => each.at <= named.at - age && each.found.some((object) => object.id === id);
    return (named && this.#entries.findLast(shows)) ?? null;
  }

  /** `{objects: [{id, color, label, spans: [[from, to]]}], keyframes: [at]}`: what was seen when, oldest object first. */
  spans(gap = 1000) {
    const objects = new Map();
    const keyframes = [];
    let looked = null; // index of the frame behind the result before
    for (const { at, result, found } of this.#entries) {
      const look = result.looked_at;
      if (look?.stage === "keyframe" && look.index !== looked) keyframes.push(at); // many results show one look
      looked = look?.index ?? null;
      for (const { id, color, label } of found) {
        const known = objects.get(id) ?? { id, spans: [] };
        objects.set(id, Object.assign(known, { color, label }));
        const last = known.spans.at(-1);
        if (last && at - last[1] <= gap) last[1] = at;
        else known.spans.push([at, at]);
      }
    }
    return { objects: [...objects.values()], keyframes };
  }
}

// Which captured picture became which RTP packet?
//
// The browser gives captured pictures their capture time (VideoFrame.timestamp) and encoded ones their RTP timestamp,
// but no number that both carry. libwebrtc stamps a frame with its capture time in whole milliseconds, times 90, plus an
// offset drawn at random for each sender. So one unknown, the offset, ties the two lists together: every pairing of the
// last encoded frame is tried, and the one wins that makes all recent frames meet a captured picture most closely.
// A camera that ticks perfectly evenly leaves several such pairings, each one frame apart: of these the truth is the
// newest that never lets a frame leave the encoder before it was captured. Evidence is weighed again all the time.

const WRAP = 2 ** 32 / 90; // milliseconds until a 90 kHz uint32 starts again
const PICTURES = 90; // captured pictures remembered: 3 s at 30 fps
const PACKETS = 30; // encoded frames remembered, the evidence
const ENOUGH = 12; // encoded frames before an offset is believed
const AGAIN = 15; // encoded frames between two looks at the evidence
const CLOSE = 2.5; // ms: stamps are rounded to 1 ms; what is further off met no picture
const BETTER = 0.15; // ms of mean distance that tells a better pairing from rounding
const SLOWEST = 1000; // ms in the encoder, at the median; more is another pairing's doing

const modulo = (value) => ((value % WRAP) + WRAP) % WRAP;
/** Signed distance on the circle of RTP time, in ms. */
const apart = (a, b) => modulo(a - b + WRAP / 2) - WRAP / 2;

function push(list, entry, most) {
  list.push(entry);
  if (list.length > most) list.shift();
}

function quantile(values, share) {
  return [...values].sort((a, b) => a - b)[Math.floor(share * values.length)];
}

export class Clock {
  #captured = []; // {ms, seen}
  #encoded = []; // {ms, seen}; ms is the RTP timestamp / 90
  #offset = null;
  #since = 0; // encoded frames since the last look

  /** A picture was captured at `ms` (its own clock) and reached us at `seen` (performance.now()). */
  captured(ms, seen) {
    push(this.#captured, { ms, seen }, PICTURES);
  }

  /** A frame with this RTP timestamp left the encoder at `seen`. */
  encoded(rtp, seen) {
    push(this.#encoded, { ms: rtp / 90, seen }, PACKETS);
    const due = this.#offset === null ? this.#encoded.length >= ENOUGH : ++this.#since >= AGAIN;
    if (due && this.#captured.length >= ENOUGH) this.#look();
  }

  /** Capture time in ms of the frame with this RTP timestamp, or null while that cannot be told. */
  capture(rtp) {
    const last = this.#captured.at(-1);
    if (this.#offset === null || !last) return null;
    return last.ms + apart(rtp / 90 - this.#offset, last.ms);
  }

  #look() {
    this.#since = 0;
    const now = this.#offset === null ? null : this.#judge(this.#offset);
    const found = this.#search();
    const keep = now && !(found && found.cost + BETTER < now.cost);
    const next = keep ? { ...now, offset: this.#offset } : found;
    this.#offset = next && modulo(next.offset + next.bias);
  }

  #search() {
    const last = this.#encoded.at(-1);
    const fits = this.#captured
      .map(({ ms }) => ({ ms, offset: modulo(last.ms - ms) }))
      .map((one) => ({ ...one, ...(this.#judge(one.offset) ?? { cost: Infinity }) }))
      .filter(({ cost }) => cost < Infinity);
    const least = Math.min(...fits.map(({ cost }) => cost));
    return fits.findLast(({ cost }) => cost <= least + BETTER) ?? null;
  }

  /**
   * How an offset explains the encoded frames: `{cost, bias}` in ms, the mean distance to the nearest picture and the
   * offset's own error. The cost is infinite where too few frames met a picture to tell, which is how it is on a machine
   * so busy that pictures are lost; null when the offset cannot be: a frame came too early, or all came too late.
   */
  #judge(offset) {
    const oldest = this.#captured[0].ms;
    const times = this.#captured.map(({ ms }) => ms);
    const delay = Math.min(...this.#captured.map(({ ms, seen }) => seen - ms));
    // The pictures come to us by a way of their own, which may be a little slower than the encoder.
    // Less than half of the camera's own interval, though: the low quantile leaves out the gaps of lost pictures.
    const intervals = times.slice(1).map((ms, i) => ms - times[i]);
    const slack = 0.45 * quantile(intervals, 0.2);
    const gaps = [];
    const slow = [];
    for (const { ms, seen } of this.#encoded) {
      const at = oldest + apart(ms - offset, oldest);
      if (at < oldest - CLOSE) continue; // its picture has left the list
      const late = seen - at - delay;
      if (late < -slack) return null;
      slow.push(late);
      gaps.push(nearest(times, at));
    }
    const met = gaps.filter((gap) => Math.abs(gap) <= CLOSE);
    if (slow.length && quantile(slow, 0.5) > SLOWEST) return null;
    if (gaps.length < ENOUGH || met.length < 0.7 * gaps.length) return { cost: Infinity, bias: 0 };
    const bias = quantile(met, 0.5);
    const cost = gaps.reduce((sum, gap) => sum + Math.min(Math.abs(gap - bias), CLOSE), 0) / gaps.length;
    return { cost, bias };
  }
}

/** Signed distance from the nearest of the ascending `times` to `at`. */
function nearest(times, at) {
  const after = times.findIndex((ms) => ms >= at);
  if (after === 0) return at - times[0];
  if (after < 0) return at - times.at(-1);
  const [before, behind] = [at - times[after - 1], at - times[after]];
  return before < -behind ? before : behind;
}

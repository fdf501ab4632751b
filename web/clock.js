// Which captured picture became which RTP packet?
//
// The browser gives captured pictures their capture time (VideoFrame.timestamp) and encoded ones their RTP timestamp,
// but no number that both carry. libwebrtc stamps a frame with its capture time in whole milliseconds, times 90, plus an
// offset drawn at random for each sender. So one unknown, the offset, ties the two lists together: it is found by trying
// every pairing of the last encoded frame and keeping the one that makes all of the recent ones meet a captured picture.
// A camera that ticks perfectly evenly leaves several such pairings, each one frame apart: of these the truth is the
// newest that never lets a frame be encoded before it was captured.

const WRAP = 2 ** 32 / 90; // milliseconds until a 90 kHz uint32 starts again
const KEEP = 90; // entries in each list: 3 s at 30 fps
const ENOUGH = 6; // encoded frames before an offset is believed
const CLOSE = 2.5; // ms: stamps are rounded to 1 ms, and libwebrtc smooths its clock a little
const LOST = 12; // encoded frames in a row without a picture before the offset is looked for again

const modulo = (value) => ((value % WRAP) + WRAP) % WRAP;
/** Signed distance on the circle of RTP time, in ms. */
const apart = (a, b) => modulo(a - b + WRAP / 2) - WRAP / 2;

export class Clock {
  #captured = []; // {ms, seen}
  #encoded = []; // {ms, seen}; ms is the RTP timestamp / 90
  #offset = null;
  #misses = 0;

  /** A picture was captured at `ms` (its own clock) and reached us at `seen` (performance.now()). */
  captured(ms, seen) {
    this.#captured.push({ ms, seen });
    if (this.#captured.length > KEEP) this.#captured.shift();
  }

  /** A frame with this RTP timestamp left the encoder at `seen`. */
  encoded(rtp, seen) {
    const frame = { ms: rtp / 90, seen };
    this.#encoded.push(frame);
    if (this.#encoded.length > KEEP) this.#encoded.shift();
    if (this.#offset === null) this.#find();
    else this.#follow(frame);
  }

  /** Capture time in ms of the frame with this RTP timestamp, or null while the offset is not known. */
  capture(rtp) {
    const last = this.#captured.at(-1);
    if (this.#offset === null || !last) return null;
    return last.ms + apart(rtp / 90 - this.#offset, last.ms);
  }

  #nearest(ms) {
    let best = null;
    for (const picture of this.#captured) {
      const gap = apart(ms, picture.ms);
      if (best === null || Math.abs(gap) < Math.abs(best)) best = gap;
    }
    return best;
  }

  /** Follow the slow smoothing of libwebrtc's clock; start again when the pictures no longer meet. */
  #follow(frame) {
    const gap = this.#nearest(frame.ms - this.#offset);
    if (gap !== null && Math.abs(gap) <= 2 * CLOSE) {
      this.#offset = modulo(this.#offset + 0.05 * gap);
      this.#misses = 0;
    } else if (++this.#misses >= LOST) {
      this.#offset = null;
      this.#misses = 0;
      this.#encoded = [];
    }
  }

  #find() {
    if (this.#encoded.length < ENOUGH || this.#captured.length < ENOUGH) return;
    const last = this.#encoded.at(-1);
    const delay = Math.min(...this.#captured.map(({ ms, seen }) => seen - ms));
    let best = null;
    for (const picture of this.#captured) {
      const offset = modulo(last.ms - picture.ms);
      const fit = this.#judge(offset, delay);
      if (fit && (best === null || fit.share > best.share + 0.05 || (fit.share > best.share - 0.05 && picture.ms > best.ms)))
        best = { ...fit, ms: picture.ms, offset };
    }
    if (best) this.#offset = modulo(best.offset + best.bias);
  }

  /** How well an offset explains the encoded frames: null when it breaks causality or too few of them meet a picture. */
  #judge(offset, delay) {
    const oldest = this.#captured[0].ms;
    let counted = 0;
    let met = 0;
    let bias = 0;
    for (const { ms, seen } of this.#encoded) {
      const at = oldest + apart(ms - offset, oldest);
      if (at < oldest - CLOSE) continue; // its picture has left the list
      if (at + delay > seen + CLOSE) return null; // encoded before it was captured
      counted++;
      const gap = this.#nearest(at);
      if (Math.abs(gap) > CLOSE) continue;
      met++;
      bias += gap;
    }
    if (counted < ENOUGH || met < 0.85 * counted) return null;
    return { share: met / counted, bias: bias / met };
  }
}

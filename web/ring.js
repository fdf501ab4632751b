// Pictures held back until their result is there. Bounded by count and by bytes, whatever the camera and the server do.

export const MAX_PICTURES = 60; // 2 s at 30 fps: an older result is no live result
export const MAX_BYTES = 128 * 2 ** 20; // RGBA: 36 pictures of 720p
const SAME = 5; // ms between a capture time and the one worked out from RTP that still name the same picture

export class Ring {
  #pictures = []; // {ms, bitmap, seen}, oldest first
  #bytes = 0;

  get length() {
    return this.#pictures.length;
  }

  get bytes() {
    return this.#bytes;
  }

  /** `ms`: capture time; `seen`: performance.now() when it reached us. */
  put(ms, bitmap, seen) {
    this.#pictures.push({ ms, bitmap, seen });
    this.#bytes += size(bitmap);
    while (this.#pictures.length > 1 && (this.#pictures.length > MAX_PICTURES || this.#bytes > MAX_BYTES)) this.#drop();
  }

  /** The picture captured at `ms`, or null. It leaves the ring, with all that are older: results come in order. */
  take(ms) {
    while (this.#pictures.length && this.#pictures[0].ms < ms - SAME) this.#drop();
    const first = this.#pictures[0];
    if (!first || Math.abs(first.ms - ms) > SAME) return null;
    this.#pictures.shift();
    this.#bytes -= size(first.bitmap);
    return first;
  }

  #drop() {
    const { bitmap } = this.#pictures.shift();
    this.#bytes -= size(bitmap);
    bitmap.close();
  }
}

const size = (bitmap) => bitmap.width * bitmap.height * 4;

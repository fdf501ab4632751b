// From results to the screen: brings each result together with its picture, never more than one ahead.

import { objects } from "./draw.js";

const TRYING = 4000; // ms to find the pairing of pictures and packets before calling it approximate
const MISSES = 15; // results in a row without their picture before falling back to the newest picture

export class Player {
  #screen;
  #source;
  #look;
  #shown;
  #next = null; // the newest result not drawn yet
  #busy = false;
  #closed = false;
  #started = performance.now();
  #misses = 0;
  #matched = false;
  skipped = 0;

  /** `look(entry)`: colour and label; `shown(result, found, {sync, held})` after each result drawn. */
  constructor(screen, source, look, shown) {
    this.#screen = screen;
    this.#source = source;
    this.#look = look;
    this.#shown = shown;
    if (source.video) screen.follow(source.video);
  }

  put(result, blob) {
    if (this.#next) this.skipped++;
    this.#next = { result, blob };
    if (!this.#busy) this.#run();
  }

  async #run() {
    this.#busy = true;
    while (this.#next && !this.#closed) {
      const { result, blob } = this.#next;
      this.#next = null;
      try {
        await this.#one(result, blob);
      } catch (error) {
        console.warn("a result could not be drawn", error);
      }
    }
    this.#busy = false;
  }

  async #one(result, blob) {
    const picture = await this.#picture(result, blob);
    const found = objects(result, this.#look);
    if (this.#closed) return picture?.bitmap.close();
    if (picture) this.#screen.show(picture.bitmap, result.frame, found);
    else if (this.#source.video && !this.#waitsForPicture()) this.#screen.overlay(this.#source.video, result.frame, found);
    else return;
    this.#shown(result, found, { sync: this.#sync(picture), held: picture?.held ?? null });
  }

  async #picture(result, blob) {
    if (blob) return { bitmap: await createImageBitmap(blob), held: null };
    const rtp = result.frame.rtp_timestamp;
    const picture = this.#source.matcher && rtp !== null ? await this.#source.matcher.picture(rtp) : null;
    this.#misses = picture ? 0 : this.#misses + 1;
    if (picture) this.#matched = true;
    return picture;
  }

  /** Once matching works, a result without its picture is left out rather than drawn on a wrong one. */
  #waitsForPicture() {
    return this.#matched && this.#misses < MISSES;
  }

  #sync(picture) {
    if (!this.#source.video) return "server";
    if (picture) return "matched";
    const trying = this.#source.matcher && !this.#matched && performance.now() - this.#started < TRYING;
    return trying ? "matching" : "approximate";
  }

  close() {
    this.#closed = true;
    this.#next = null;
    this.#screen.clear();
  }
}

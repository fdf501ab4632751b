// From results to the screen: brings each result together with its picture, never more than one ahead.
//
// A camera of this page can be shown in two ways. In step: pictures are held back until their own masks are there, and
// lie under exactly those. At once: pictures are shown as they come, with the newest masks there are.

import { objects } from "./objects.js";

const TRYING = 4000; // ms to find the pairing of pictures and packets before calling it approximate
const MISSING = 1500; // ms of results without their picture before falling back to the newest picture

export class Player {
  #screen;
  #painter;
  #source;
  #on;
  #next = null; // the newest result not drawn yet
  #busy = false;
  #closed = false;
  #started = performance.now();
  #met = 0; // when a result last met its picture, or may be waited for anew
  #matched = false;
  #inStep;
  #drawn = null; // index of the frame whose picture was drawn last
  skipped = 0;
  near = null; // id of the object under the pointer

  /** `on.look(entry)`: colour and label; `on.shown(result, found, {sync, delay})` after each result drawn. */
  constructor(screen, painter, source, on, inStep = true) {
    this.#screen = screen;
    this.#painter = painter;
    this.#source = source;
    this.#on = on;
    this.inStep = inStep;
    if (source.video) screen.follow(source.video);
  }

  get inStep() {
    return this.#inStep;
  }

  set inStep(on) {
    this.#inStep = on;
    this.#source.matcher?.hold(on);
    this.#met = performance.now();
  }

  /** The camera's connection is a new one: its pictures have to be matched anew. */
  restart() {
    this.#started = performance.now();
    this.#matched = false;
    this.#met = this.#started;
    this.#source.matcher?.hold(this.#inStep);
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
    const { video } = this.#source;
    const { index } = result.frame;
    const again = index === this.#drawn && this.#inStep && !blob; // told again: its picture is the painter's already
    const matched = blob || again ? null : await this.#match(result.frame.rtp_timestamp);
    const told = performance.now();
    const picture = matched?.bitmap ?? null;
    const own = picture !== null || Boolean(blob) || again;
    if (!own && (!video || this.#waitsForPicture())) return;
    const found = objects(result, this.#on.look);
    const view = this.#screen.fit(result.frame);
    const { chosen } = this.#screen;
    const look = { frame: result.frame, objects: found, view, sharp: view.sharp, chosen, near: this.near };
    const bitmap = await this.#painter.paint({ picture, blob, again, ...look });
    if (this.#closed) return bitmap.close();
    this.#drawn = own ? index : null;
    const sync = again && video ? "matched" : this.#sync(matched);
    if (own) this.#screen.show(bitmap, result.frame, found, sync);
    else this.#screen.overlay(video, bitmap, result.frame, found, sync);
    const delay = matched ? matched.held + performance.now() - told : null;
    this.#on.shown(result, found, { sync, delay });
  }

  async #match(rtp) {
    const { matcher } = this.#source;
    const matched = matcher && rtp !== null ? await matcher.picture(rtp) : null;
    if (!matched) return null;
    this.#matched = true;
    this.#met = performance.now();
    return matched;
  }

  /** Once matching works, a result without its picture is left out rather than drawn on a wrong one. */
  #waitsForPicture() {
    return this.#inStep && this.#matched && performance.now() - this.#met < MISSING;
  }

  #sync(matched) {
    if (!this.#source.video) return "server";
    if (!this.#inStep) return "newest";
    if (matched?.bitmap) return "matched";
    const trying = this.#source.matcher && !this.#matched && performance.now() - this.#started < TRYING;
    return trying || matched ? "matching" : "approximate";
  }

  close() {
    this.#closed = true;
    this.#next = null;
    this.#screen.clear();
  }
}

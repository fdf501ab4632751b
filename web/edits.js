// Pointing at things: clicks, boxes, taking objects away, and taking the last of these back.

import { target } from "./objects.js";
import * as panel from "./panel.js";
import { addExample } from "./prompts.js";
import { inside } from "./rle.js";

const UNDOS = 20; // clicks and boxes that can be taken back
const EARLIER = 300; // ms before a click, when the object was surely as it had been

export class Edits {
  #app;
  #done = []; // what can be taken back, oldest first
  boxIs = "object"; // what a box becomes: "object", or "example" for all that is like it

  constructor(app) {
    this.#app = app;
  }

  /** Ask the server; what it refuses is shown. Resolves with the ack, or null. */
  async #ask(message) {
    const { running } = this.#app;
    if (!running) return null;
    try {
      return await running.session.ask(message);
    } catch (error) {
      panel.note(error);
      return null;
    }
  }

  #did(step) {
    this.#done.push(step);
    if (this.#done.length > UNDOS) this.#done.shift();
    panel.undoable(true);
  }

  /** A click on an object says more about that object; one beside all of them makes a new one. */
  async click(point, positive, frame) {
    const { found, chosen } = this.#app.screen;
    const known = new Set(found.map((each) => each.id));
    const id = target(found, chosen, point, positive);
    if (id === null && !positive) return panel.note("There is no object here to take something away from.");
    const message = { type: "click", frame_index: frame.index, points: [{ ...point, positive }] };
    const ack = await this.#ask(id === null ? message : { ...message, object_id: id });
    if (!ack) return;
    const fresh = id === null && !known.has(ack.object_id);
    this.#did({ kind: fresh ? "made" : "changed", id: ack.object_id, index: frame.index });
    panel.note(fresh ? `Object ${ack.object_id} is followed.` : `Object ${ack.object_id} is corrected.`, true);
  }

  async box(box, frame) {
    if (this.boxIs === "example") return this.#example(box, frame);
    const ack = await this.#ask({ type: "box", frame_index: frame.index, box });
    if (!ack) return;
    this.#did({ kind: "made", id: ack.object_id });
    panel.note(`Object ${ack.object_id} is followed.`, true);
  }

  async #example(box, frame) {
    const { list, refusal, key } = addExample(this.#app.concepts, box, frame.index, this.#app.threshold);
    if (refusal) return panel.note(refusal);
    const before = this.#app.concepts;
    this.#app.setConcepts(list);
    if (!(await this.#app.send())) return this.#app.setConcepts(before);
    this.#did({ kind: "example", key });
    panel.note("Everything like it is looked for.", true);
  }

  async remove(id) {
    const { screen } = this.#app;
    if (await this.#ask({ type: "remove", object_id: id })) {
      this.#forget((step) => step.id === id);
      if (screen.chosen === id) screen.chosen = null;
      panel.note(`Object ${id} is removed.`, true);
    }
  }

  /** Take the last click or box back. */
  async undo() {
    const step = this.#done.pop();
    panel.undoable(this.#done.length > 0);
    if (!step) return panel.note("There is nothing to take back.");
    if (step.kind === "example") return this.#app.remove(step.key);
    if (step.kind === "made") return this.remove(step.id);
    return this.#unclick(step);
  }

  /** The object as it was before a click: pointed at once more, on a frame from before. */
  async #unclick({ id, index }) {
    const earlier = this.#app.minute.before(index, id, EARLIER);
    const point = earlier && inside(earlier.found.find((each) => each.id === id).masks);
    if (!point) return panel.note("What the object was before is not known any more. Remove it, or point at it again.");
    const points = [{ ...point, positive: true }];
    const ack = await this.#ask({ type: "click", frame_index: earlier.result.frame.index, object_id: id, points });
    if (ack) panel.note(`Object ${id} is what it was before.`, true);
  }

  #forget(which) {
    this.#done = this.#done.filter((step) => !which(step));
    panel.undoable(this.#done.length > 0);
  }

  clear() {
    this.#forget(() => true);
  }

  /** An example that was removed in the list cannot be taken back any more. */
  removed(key) {
    this.#forget((step) => step.key === key);
  }
}

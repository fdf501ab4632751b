// The page's side of composing: a worker with an OffscreenCanvas, or the page's own thread where there is none.

import { Composer } from "./compose.js";

const STARTING = 3000; // ms for the worker to listen

async function worker() {
  const made = new Worker(new URL("./paint-worker.js", import.meta.url), { type: "module" });
  await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("the paint worker did not start")), STARTING);
    made.onmessage = () => (clearTimeout(timer), resolve());
    made.onerror = () => (clearTimeout(timer), reject(new Error("the paint worker did not start")));
  });
  return made;
}

class Away {
  #worker;
  #waiting = new Map();
  #next = 0;

  constructor(made) {
    this.#worker = made;
    made.onmessage = ({ data: { request, bitmap, failure } }) => {
      const { resolve, reject } = this.#waiting.get(request);
      this.#waiting.delete(request);
      if (bitmap) resolve(bitmap);
      else reject(new Error(failure));
    };
  }

  paint(job) {
    const request = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(request, { resolve, reject });
      this.#worker.postMessage({ ...job, request }, job.picture ? [job.picture] : []);
    });
  }
}

class Here {
  #composer = new Composer((width, height) => Object.assign(document.createElement("canvas"), { width, height }));

  async paint({ blob, ...job }) {
    const picture = blob ? await createImageBitmap(blob) : job.picture;
    return createImageBitmap(this.#composer.compose({ ...job, picture }));
  }
}

/** One for the page's life. */
export class Painter {
  /** Kept with "worker" or "page": where it is done. */
  where;
  #way;

  constructor() {
    const can = typeof OffscreenCanvas === "function" && "transferToImageBitmap" in OffscreenCanvas.prototype;
    const made = can ? worker().catch(() => null) : Promise.resolve(null);
    this.#way = made.then((made) => (made ? new Away(made) : new Here()));
    this.where = made.then((made) => (made ? "worker" : "page"));
  }

  /**
   * `{picture | blob, again, frame, objects, view, sharp, chosen, near}` (see compose.js; a blob is decoded first) as an
   * ImageBitmap of `view`'s size. A picture that is given is the painter's from then on.
   */
  async paint(job) {
    return (await this.#way).paint(job);
  }
}

// The page's side of picture matching: one worker for each webcam session, or nothing where the browser cannot.

const PATIENCE = 1000; // ms for the worker's answer; a picture later than that is of no use
const UNREAD = 4; // pictures that wait while a busy machine lets the worker rest; cameras have about ten buffers
const PENDING = 4; // answers waited for at once; results beyond are drawn without a held-back picture

/** Can this browser tell which captured picture became which RTP timestamp? */
export function canMatch() {
  return typeof RTCRtpScriptTransform === "function" && typeof MediaStreamTrackProcessor === "function";
}

export class Matcher {
  #worker;
  #track;
  #waiting = new Map();
  #next = 0;

  /** Starts the worker; kept once it listens. */
  static async create() {
    const matcher = new Matcher();
    const worker = new Worker(new URL("./sync-worker.js", import.meta.url), { type: "module" });
    matcher.#worker = worker;
    await new Promise((resolve, reject) => {
      worker.onmessage = resolve;
      worker.onerror = () => reject(new Error("the picture worker did not start"));
    });
    worker.onmessage = ({ data }) => matcher.#answer(data);
    return matcher;
  }

  /**
   * Watch the encoded frames of `sender` and a copy of `track`. To be called in the very task that made the sender:
   * set any later, Chromium (seen in 156) sends the frames round the transform.
   */
  watch(sender, track) {
    sender.transform = new RTCRtpScriptTransform(this.#worker, {});
    this.follow(track);
  }

  /** Take pictures from this track from now on: the sender was given another camera. */
  follow(track) {
    this.rest();
    this.#track = track.clone();
    const { readable } = new MediaStreamTrackProcessor({ track: this.#track, maxBufferSize: UNREAD });
    this.#worker.postMessage({ pictures: readable }, [readable]);
  }

  /** Let go of the camera until follow() names another. */
  rest() {
    this.#track?.stop();
  }

  /** Hold pictures back, or, when `on` is false, only the times they were taken at. */
  hold(on) {
    this.#worker.postMessage({ hold: on });
  }

  /**
   * `{bitmap, held}` (held: ms since its capture) of the frame with this RTP timestamp, or null when it cannot be told or
   * is gone. The bitmap is null where pictures are not held back.
   */
  picture(rtp) {
    if (this.#waiting.size >= PENDING) return Promise.resolve(null);
    const request = this.#next++;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#answer({ request, found: false, bitmap: null }), PATIENCE);
      this.#waiting.set(request, { resolve, timer });
      this.#worker.postMessage({ request, rtp });
    });
  }

  #answer({ request, found, bitmap, held }) {
    const waiting = this.#waiting.get(request);
    if (!waiting) return bitmap?.close();
    this.#waiting.delete(request);
    clearTimeout(waiting.timer);
    waiting.resolve(found ? { bitmap, held } : null);
  }

  close() {
    this.#track?.stop();
    this.#worker.terminate();
    for (const { resolve, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      resolve(null);
    }
    this.#waiting.clear();
  }
}

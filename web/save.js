// Files for the person at the page: a snapshot, a recording of the composed picture, and whatever else is a Blob.

const RATE = 30; // pictures a second in a recording
const SLICE = 1000; // ms of video in a chunk
export const MAX_BYTES = 512 * 2 ** 20; // of a recording; browsers put large blobs on disk
const TYPES = ["video/mp4;codecs=avc1", "video/webm;codecs=vp9", "video/webm;codecs=vp8", "video/webm"];

/** Offer a Blob as a download. */
export function save(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // the browser may still be reading it
}

/** `sam3-2026-01-31-12-00-59.png` and so on. */
export function fileName(extension, now = new Date()) {
  const two = (value) => String(value).padStart(2, "0");
  const date = [now.getFullYear(), now.getMonth() + 1, now.getDate(), now.getHours(), now.getMinutes(), now.getSeconds()];
  return `sam3-${date.map(two).join("-")}.${extension}`;
}

function cut(canvas, { x, y, w, h }, into = document.createElement("canvas")) {
  if (!into.dataset.sized) Object.assign(into, { width: w, height: h }).dataset.sized = "1";
  into.getContext("2d").drawImage(canvas, x, y, w, h, 0, 0, into.width, into.height);
  return into;
}

/** What the canvas shows of the picture, as a PNG Blob. */
export function snapshot(canvas, view) {
  return new Promise((resolve) => cut(canvas, view).toBlob(resolve, "image/png"));
}

export const canRecord = () => typeof MediaRecorder === "function" && "captureStream" in HTMLCanvasElement.prototype;

/** Records the pictures given to add(); its size stays what the first one had. */
export class Recording {
  #canvas = document.createElement("canvas");
  #recorder = null;
  #chunks = [];
  #bytes = 0;
  #done;
  full = false; // it stopped by itself, at MAX_BYTES
  started = performance.now();

  /** Screen's ondraw. */
  add(canvas, view) {
    const even = (value) => Math.max(2, value - (value % 2)); // encoders want pairs of pixels
    cut(canvas, { ...view, w: even(view.w), h: even(view.h) }, this.#canvas);
    if (!this.#recorder) this.#start();
  }

  #start() {
    const type = TYPES.find((each) => MediaRecorder.isTypeSupported(each));
    const recorder = new MediaRecorder(this.#canvas.captureStream(RATE), type ? { mimeType: type } : {});
    this.#recorder = recorder;
    this.#done = new Promise((resolve) => (recorder.onstop = resolve));
    recorder.ondataavailable = ({ data }) => {
      this.#chunks.push(data);
      this.#bytes += data.size;
      if (this.#bytes < MAX_BYTES || recorder.state !== "recording") return;
      this.full = true;
      recorder.stop();
    };
    recorder.start(SLICE);
  }

  get type() {
    return this.#recorder?.mimeType.split(";")[0] ?? "";
  }

  /** End it; the Blob, or null where nothing was drawn. */
  async stop() {
    if (!this.#recorder) return null;
    if (this.#recorder.state !== "inactive") this.#recorder.stop();
    await this.#done;
    for (const track of this.#recorder.stream.getTracks()) track.stop();
    return new Blob(this.#chunks, { type: this.type });
  }
}

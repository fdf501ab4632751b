// The canvas: what is on it now, drawn again when something changes, at most once for each screen refresh.

import { drawMark } from "./marks.js";

const SHARPEST = 2; // device pixels per CSS pixel worth drawing

export class Screen {
  #canvas;
  #layer = null; // ImageBitmap: a picture with its masks or, over a followed camera, the masks alone
  #video = null; // the camera's element, shown picture by picture under the masks
  #pending = 0;
  #sync = ""; // how what is on it was brought together, see words.js
  #held = null; // what came while the picture was frozen
  #still = null; // the camera's picture when it was frozen
  frame = null; // {index, width, height} of the result on show
  found = []; // its objects
  view = null; // {x, y, w, h, sharp}: where the picture lies in canvas pixels, and canvas pixels per CSS pixel
  chosen = null; // id of the object that clicks go to
  mark = null; // rubber band or crosshair
  frozen = false; // while a box is drawn the picture stands still
  ondraw = null; // called after each drawing, see recorder.js

  constructor(canvas) {
    this.#canvas = canvas;
    new ResizeObserver(() => this.redraw()).observe(canvas);
  }

  /** How large a picture of this size is shown: `{w, h, sharp}` in canvas pixels. */
  fit({ width, height }) {
    const sharp = Math.min(window.devicePixelRatio || 1, SHARPEST);
    const scale = Math.min((this.#canvas.clientWidth * sharp) / width, (this.#canvas.clientHeight * sharp) / height);
    return { w: Math.max(1, Math.round(width * scale)), h: Math.max(1, Math.round(height * scale)), sharp };
  }

  /** A picture with its own masks drawn on it; the bitmap is ours from here on. */
  show(bitmap, frame, found, sync) {
    this.#take({ video: null, bitmap, frame, found, sync });
  }

  /** Masks over whatever the camera shows now. */
  overlay(video, bitmap, frame, found, sync) {
    this.#take({ video, bitmap, frame, found, sync });
  }

  #take(next) {
    if (this.frozen && this.frame) {
      this.#held?.bitmap.close();
      this.#held = next;
      return;
    }
    this.#layer?.close();
    this.#layer = next.bitmap;
    this.frame = next.frame;
    this.found = next.found;
    this.#sync = next.sync;
    if (next.video) this.follow(next.video);
    else this.#video = null;
    this.redraw();
  }

  /** Show the camera's pictures as they come. */
  follow(video) {
    if (this.#video === video) return;
    this.#video = video;
    const next = video.requestVideoFrameCallback?.bind(video) ?? requestAnimationFrame;
    const tick = () => {
      if (this.#video !== video) return;
      this.redraw();
      next(tick);
    };
    next(tick);
  }

  freeze() {
    this.frozen = true;
    const video = this.#video;
    if (!video?.videoWidth) return;
    this.#still = Object.assign(document.createElement("canvas"), { width: video.videoWidth, height: video.videoHeight });
    this.#still.getContext("2d").drawImage(video, 0, 0);
  }

  thaw() {
    this.frozen = false;
    this.#still = null;
    const held = this.#held;
    this.#held = null;
    if (held) this.#take(held);
  }

  redraw() {
    if (!this.#pending) this.#pending = requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#pending = 0;
    const canvas = this.#canvas;
    const video = this.#video;
    const size = this.frame ?? (video?.videoWidth ? { width: video.videoWidth, height: video.videoHeight } : null);
    if (!size) return;
    const { w, h, sharp } = this.fit(size);
    const width = Math.max(1, Math.round(canvas.clientWidth * sharp));
    const height = Math.max(1, Math.round(canvas.clientHeight * sharp));
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const view = { x: Math.round((width - w) / 2), y: Math.round((height - h) / 2), w, h, sharp };
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, width, height);
    if (video) pen.drawImage(this.#still ?? video, view.x, view.y, w, h);
    if (this.#layer) pen.drawImage(this.#layer, view.x, view.y, w, h);
    this.view = view;
    this.ondraw?.(canvas, view);
    if (this.mark) drawMark(canvas, view, this.frame, this.mark);
    Object.assign(canvas.dataset, {
      index: this.frame?.index ?? "",
      view: [view.x, view.y, w, h].join(" "),
      objects: this.found.length,
      sync: this.#sync,
    });
  }

  /** The frame's pixel under a point of the window, or null beside the picture. */
  pixel(clientX, clientY) {
    if (!this.view || !this.frame) return null;
    const { left, top } = this.#canvas.getBoundingClientRect();
    const { x, y, w, h, sharp } = this.view;
    const px = (((clientX - left) * sharp - x) / w) * this.frame.width;
    const py = (((clientY - top) * sharp - y) / h) * this.frame.height;
    return px >= 0 && py >= 0 && px < this.frame.width && py < this.frame.height ? { x: px, y: py } : null;
  }

  /** Where a frame's pixel lies, in CSS pixels from the canvas's corner. */
  place({ x, y }) {
    const { view, frame } = this;
    return { x: (view.x + (x / frame.width) * view.w) / view.sharp, y: (view.y + (y / frame.height) * view.h) / view.sharp };
  }

  clear() {
    if (this.#pending) cancelAnimationFrame(this.#pending);
    this.#layer?.close();
    this.#held?.bitmap.close();
    this.#layer = this.#held = this.#still = this.#video = this.frame = this.view = this.chosen = this.mark = null;
    this.#pending = 0;
    this.frozen = false;
    this.found = [];
    this.#canvas.getContext("2d").clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    delete this.#canvas.dataset.index;
    delete this.#canvas.dataset.objects;
  }
}

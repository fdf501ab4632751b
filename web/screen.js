// The canvas: what is on it now, drawn again when something changes, at most once for each screen refresh.

import { draw, drawMark } from "./draw.js";

export class Screen {
  #canvas;
  #picture = null; // an ImageBitmap of ours, or the camera's element
  #video = null; // followed picture by picture while masks cannot be matched
  #pending = 0;
  frame = null; // {index, width, height} of the result on show
  found = [];
  view = null; // where the picture lies on the canvas, see draw()
  chosen = null; // id of the object that clicks go to
  mark = null; // rubber band or crosshair

  constructor(canvas) {
    this.#canvas = canvas;
    new ResizeObserver(() => this.redraw()).observe(canvas);
  }

  /** A picture with its own masks; the bitmap is ours from here on. */
  show(bitmap, frame, found) {
    this.#video = null;
    this.#set(bitmap, frame, found);
  }

  /** Masks over whatever the camera shows now. */
  overlay(video, frame, found) {
    this.#set(video, frame, found);
    if (this.#video !== video) this.follow(video);
  }

  /** Show the camera's pictures as they come. */
  follow(video) {
    this.#video = video;
    if (this.#picture === null) this.#picture = video;
    const next = video.requestVideoFrameCallback?.bind(video) ?? requestAnimationFrame;
    const tick = () => {
      if (this.#video !== video) return;
      this.redraw();
      next(tick);
    };
    next(tick);
  }

  #set(picture, frame, found) {
    if (this.#picture !== picture) this.#picture?.close?.();
    this.#picture = picture;
    this.frame = frame;
    this.found = found;
    this.redraw();
  }

  redraw() {
    if (!this.#pending) this.#pending = requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#pending = 0;
    const picture = this.#picture;
    const size = this.frame ?? { width: picture?.videoWidth, height: picture?.videoHeight };
    if (!picture || !size.width) return;
    this.view = draw(this.#canvas, picture, size, this.found, this.chosen);
    if (this.mark) drawMark(this.#canvas, this.view.sharp, this.mark);
    const { x, y, w, h } = this.view;
    Object.assign(this.#canvas.dataset, {
      index: this.frame?.index ?? "",
      view: [x, y, w, h].map(Math.round).join(" "),
      objects: this.found.length,
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

  /** Canvas pixels of a frame's pixel, for marks. */
  canvasPoint({ x, y }) {
    const { view, frame } = this;
    return { x: view.x + (x / frame.width) * view.w, y: view.y + (y / frame.height) * view.h };
  }

  clear() {
    if (this.#pending) cancelAnimationFrame(this.#pending);
    this.#picture?.close?.();
    this.#picture = this.#video = this.frame = this.view = this.chosen = this.mark = null;
    this.#pending = 0;
    this.found = [];
    this.#canvas.getContext("2d").clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    delete this.#canvas.dataset.index;
  }
}

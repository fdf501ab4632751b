// The last minute as a strip: a line for each object, as long as it was seen, and a tick for each keyframe.

import { SPAN } from "./minute.js";

const PERIOD = 500; // ms between drawings: a minute on a screen moves a pixel in about 70 ms
const LANES = 14; // objects shown, the newest
const AXIS = 16; // CSS px at the bottom for ticks and times
const LEFT = 4;
const RIGHT = 4;

export class Timeline {
  #canvas;
  #minute;
  #words;
  #timer;
  #lanes = [];

  /** `words`: an element that says what is under the pointer. */
  constructor(canvas, words, minute) {
    this.#canvas = canvas;
    this.#words = words;
    this.#minute = minute;
    canvas.addEventListener("pointermove", ({ offsetY }) => this.#tell(this.#lanes.find(({ y, h }) => offsetY >= y && offsetY < y + h)));
    canvas.addEventListener("pointerleave", () => this.#tell(null));
  }

  start() {
    this.#timer ??= setInterval(() => this.draw(), PERIOD);
    this.draw();
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  draw(now = performance.now()) {
    const canvas = this.#canvas;
    const { clientWidth: width, clientHeight: height } = canvas;
    if (!width || !height) return;
    const sharp = Math.min(devicePixelRatio || 1, 2);
    const size = { width: Math.round(width * sharp), height: Math.round(height * sharp) };
    if (canvas.width !== size.width || canvas.height !== size.height) Object.assign(canvas, size);
    const pen = canvas.getContext("2d");
    pen.setTransform(sharp, 0, 0, sharp, 0, 0);
    pen.clearRect(0, 0, width, height);
    const x = (at) => LEFT + (1 - (now - at) / SPAN) * (width - LEFT - RIGHT);
    const { objects, keyframes } = this.#minute.spans();
    this.#axis(pen, width, height, x, now, keyframes);
    const shown = objects.slice(-LANES);
    const lane = Math.min(10, (height - AXIS - 4) / Math.max(6, shown.length));
    this.#lanes = shown.map((object, i) => ({ object, now, y: 2 + i * lane, h: lane }));
    for (const { object, y, h } of this.#lanes) {
      pen.fillStyle = object.color;
      for (const [from, to] of object.spans) pen.fillRect(x(from), y + 1, Math.max(2, x(to) - x(from)), Math.max(1.5, h - 2));
    }
    canvas.dataset.objects = objects.map(({ id }) => id).join(" ");
    canvas.dataset.keyframes = keyframes.length;
    canvas.ariaLabel = said(objects, keyframes, now);
  }

  #axis(pen, width, height, x, now, keyframes) {
    const line = height - AXIS + 0.5;
    pen.strokeStyle = "#2a323b";
    pen.strokeRect(LEFT, line, width - LEFT - RIGHT, 0);
    pen.fillStyle = "#e8ecf0";
    for (const at of keyframes) pen.fillRect(x(at), line - 3, 1, 6);
    pen.fillStyle = "#98a3ae";
    pen.font = "11px system-ui, sans-serif";
    pen.textBaseline = "bottom";
    for (const [seconds, align] of [[60, "left"], [30, "center"], [0, "right"]]) {
      pen.textAlign = align;
      pen.fillText(seconds ? `−${seconds} s` : "now", x(now - seconds * 1000), height);
    }
  }

  #tell(lane) {
    this.#words.textContent = lane ? one(lane.object, lane.now) : "";
  }
}

const ago = (at, now) => Math.round((now - at) / 1000);

function one({ id, label, spans }, now) {
  const times = spans.slice(-3).map(([from, to]) => `${ago(from, now)} to ${ago(to, now)} s ago`);
  return `${id} ${label}: ${times.join(", ")}`;
}

/** The strip in words, for those who do not see it. */
function said(objects, keyframes, now) {
  const list = objects.slice(-LANES).map((object) => one(object, now));
  return `The last minute: ${objects.length} objects, ${keyframes.length} keyframes. ${list.join(". ")}`;
}

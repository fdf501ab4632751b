// A picture, its masks and their labels on one canvas; runs in a worker, or on the page where that cannot be.

import { decode } from "./rle.js";

const FILL = 0x66; // opacity of a mask's inside: the picture stays readable
const RIM = 1; // mask pixels of dark border, so that a yellow outline is seen on a yellow thing
const EDGE = 3; // mask pixels of border and outline together
const DARK = 0xb0000000; // RGBA word of the border
const LONGEST = 20; // characters of a name on a label
const NEAR = 0x99; // opacity of the object under the pointer

/** "#rrggbb" and an opacity as one little-endian RGBA word of ImageData. */
function word(color, alpha) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
  return ((alpha << 24) | (b << 16) | (g << 8) | r) >>> 0;
}

/** Fill one decoded mask into `pixels` (row-major words): translucent inside, an outline with a dark border. */
function paint(pixels, { height, width, bytes, spans }, color, alpha) {
  const fill = word(color, alpha);
  const line = word(color, 0xff);
  // Is everything within `reach` along rows and columns part of the mask? The picture's own border is no edge.
  const inside = (p, x, y, reach) =>
    (y < reach || bytes[p - reach]) &&
    (y >= height - reach || bytes[p + reach]) &&
    (x < reach || bytes[p - reach * height]) &&
    (x >= width - reach || bytes[p + reach * height]);
  for (const [start, end] of spans) {
    for (let p = start, x = Math.floor(start / height), y = start - x * height; p < end; p++, y++) {
      if (y === height) {
        y = 0;
        x++;
      }
      pixels[y * width + x] = inside(p, x, y, EDGE) ? fill : inside(p, x, y, RIM) ? line : DARK;
    }
  }
}

/** Below the labels that are there already, where it would lie on one. */
function free(taken, x, y, width, height) {
  const hit = () => taken.find((each) => x < each.x + each.width && each.x < x + width && y < each.y + height && each.y < y + height);
  for (let other = hit(), tries = 0; other && tries < taken.length; other = hit(), tries++) y = other.y + height + 1;
  taken.push({ x, y, width });
  return y;
}

function label(pen, sharp, view, object, frame, chosen, taken) {
  const [x0, y0] = object.box;
  const name = object.label.length > LONGEST ? `${object.label.slice(0, LONGEST - 1).trim()}…` : object.label;
  const text = `${chosen ? "▸ " : ""}${object.id}  ${name}  ${object.score.toFixed(2)}${object.tentative ? "  ?" : ""}`;
  pen.font = `600 ${12 * sharp}px system-ui, sans-serif`;
  const width = pen.measureText(text).width + 12 * sharp;
  const height = 20 * sharp;
  const x = Math.max(0, Math.min((x0 / frame.width) * view.w, view.w - width));
  const y = free(taken, x, Math.max(0, (y0 / frame.height) * view.h - height - 2 * sharp), width, height);
  pen.fillStyle = object.color;
  pen.beginPath();
  pen.roundRect(x, y, width, height, 5 * sharp);
  pen.fill();
  pen.fillStyle = "#0b0e12";
  pen.textBaseline = "middle";
  pen.fillText(text, x + 6 * sharp, y + height / 2 + 0.5 * sharp);
}

export class Composer {
  #canvas;
  #layer;
  #bytes = new Uint8Array(0); // one mask at a time, zeros in between
  #picture = null; // the last one, for a frame that is told again

  /** `create(width, height)` makes a canvas: an OffscreenCanvas, or an element. */
  constructor(create) {
    this.#canvas = create(1, 1);
    this.#layer = create(1, 1);
  }

  /**
   * Draw `picture` (an ImageBitmap, the composer's own from here on, or null for the masks alone) with `objects` over it,
   * `view` ({w, h}) large. `again`: the picture is that of the call before.
   * `objects`: `{id, color, label, score, tentative, box, masks}`, `masks` as run lengths; boxes in pixels of `frame`.
   * Returns the canvas, which is the composer's own and used again.
   */
  compose({ picture, again = false, frame, objects, view, sharp, chosen = null, near = null }) {
    if (!again) {
      this.#picture?.close();
      this.#picture = picture;
    }
    const canvas = this.#canvas;
    if (canvas.width !== view.w || canvas.height !== view.h) Object.assign(canvas, { width: view.w, height: view.h });
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, view.w, view.h);
    if (this.#picture) pen.drawImage(this.#picture, 0, 0, view.w, view.h);
    if (objects.length) pen.drawImage(this.#masks(objects, near), 0, 0, view.w, view.h);
    const taken = []; // places of labels
    for (const object of objects) label(pen, sharp, view, object, frame, object.id === chosen, taken);
    return canvas;
  }

  #masks(objects, near) {
    const [height, width] = objects[0].masks.size;
    const layer = this.#layer;
    if (layer.width !== width || layer.height !== height) Object.assign(layer, { width, height });
    if (this.#bytes.length !== height * width) this.#bytes = new Uint8Array(height * width);
    const data = new ImageData(width, height);
    const pixels = new Uint32Array(data.data.buffer);
    for (const { masks, color, id } of objects) {
      const mask = decode(masks, this.#bytes);
      paint(pixels, mask, color, id === near ? NEAR : FILL);
      for (const [start, end] of mask.spans) this.#bytes.fill(0, start, end);
    }
    layer.getContext("2d").putImageData(data, 0, 0);
    return layer;
  }
}

// A picture and its masks on one canvas. The canvas has the screen's own resolution, so outlines and labels stay sharp.

import { decode } from "./rle.js";

const FILL = 0x66; // opacity of a mask's inside: the picture stays readable
const RIM = 1; // mask pixels of dark border, so that a yellow outline is seen on a yellow thing
const EDGE = 3; // mask pixels of border and outline together
const DARK = 0xb0000000; // RGBA word of the border
const LONGEST = 20; // characters of a name on a label
const SHARPEST = 2; // device pixels per CSS pixel worth drawing

const layer = document.createElement("canvas");
const ink = layer.getContext("2d");

/** "#rrggbb" and an opacity as one little-endian RGBA word of ImageData. */
function word(color, alpha) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
  return ((alpha << 24) | (b << 16) | (g << 8) | r) >>> 0;
}

/** Fill one decoded mask into `pixels` (row-major words): translucent inside, an outline with a dark border. */
function paint(pixels, { height, width, bytes, spans }, color) {
  const fill = word(color, FILL);
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

/**
 * Decode a result's masks once: `[{id, prompt, color, label, score, stage, tentative, box, mask}]`, empty masks left out.
 * `look(entry)` gives `{color, label}` for a `prompt_results` entry.
 */
export function objects(result, look) {
  const found = [];
  for (const entry of result.prompt_results ?? []) {
    const { color, label } = look(entry);
    for (const { object_id: id, confidence, masks, box, stage, tentative } of entry.predictions) {
      const mask = decode(masks);
      if (mask.spans.length) found.push({ id, color, label, score: confidence, stage, tentative, box, mask });
    }
  }
  return found;
}

/** Where a picture of this size lies on the canvas, in canvas pixels: as large as fits, in the middle. */
function place(canvas, width, height) {
  const scale = Math.min(canvas.width / width, canvas.height / height);
  const w = width * scale;
  const h = height * scale;
  return { x: (canvas.width - w) / 2, y: (canvas.height - h) / 2, w, h };
}

function fit(canvas) {
  const sharp = Math.min(window.devicePixelRatio || 1, SHARPEST);
  const width = Math.max(1, Math.round(canvas.clientWidth * sharp));
  const height = Math.max(1, Math.round(canvas.clientHeight * sharp));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  return sharp;
}

function label(pen, sharp, view, object, frame, chosen) {
  const [x0, y0] = object.box;
  const name = object.label.length > LONGEST ? `${object.label.slice(0, LONGEST - 1).trim()}…` : object.label;
  const text = `${chosen ? "▸ " : ""}${object.id}  ${name}  ${object.score.toFixed(2)}${object.tentative ? "  ?" : ""}`;
  pen.font = `600 ${12 * sharp}px system-ui, sans-serif`;
  const width = pen.measureText(text).width + 12 * sharp;
  const height = 20 * sharp;
  const x = Math.max(view.x, Math.min(view.x + (x0 / frame.width) * view.w, view.x + view.w - width));
  const y = Math.max(view.y, view.y + (y0 / frame.height) * view.h - height - 2 * sharp);
  pen.fillStyle = object.color;
  pen.beginPath();
  pen.roundRect(x, y, width, height, 5 * sharp);
  pen.fill();
  pen.fillStyle = "#0b0e12";
  pen.textBaseline = "middle";
  pen.fillText(text, x + 6 * sharp, y + height / 2 + 0.5 * sharp);
}

/**
 * Draw a picture (anything drawImage takes) with the objects found on `frame` ({width, height}).
 * Returns `{x, y, w, h, sharp}`: where the picture lies, in canvas pixels, and canvas pixels per CSS pixel.
 */
export function draw(canvas, picture, frame, found, chosen = null) {
  const sharp = fit(canvas);
  const pen = canvas.getContext("2d");
  const view = place(canvas, frame.width, frame.height);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(picture, view.x, view.y, view.w, view.h);
  if (found.length) {
    const { width, height } = found[0].mask;
    if (layer.width !== width || layer.height !== height) Object.assign(layer, { width, height });
    const data = ink.createImageData(width, height);
    const pixels = new Uint32Array(data.data.buffer);
    for (const object of found) paint(pixels, object.mask, object.color);
    ink.putImageData(data, 0, 0);
    pen.drawImage(layer, view.x, view.y, view.w, view.h);
  }
  for (const object of found) label(pen, sharp, view, object, frame, object.id === chosen);
  return { ...view, sharp };
}

/** A rubber band or a crosshair over what is drawn; in canvas pixels. */
export function drawMark(canvas, sharp, mark) {
  const pen = canvas.getContext("2d");
  pen.strokeStyle = "#ffffff";
  pen.lineWidth = 1.5 * sharp;
  pen.setLineDash(mark.box ? [6 * sharp, 4 * sharp] : []);
  pen.beginPath();
  if (mark.box) pen.rect(...mark.box);
  else {
    const reach = 10 * sharp;
    pen.moveTo(mark.x - reach, mark.y);
    pen.lineTo(mark.x + reach, mark.y);
    pen.moveTo(mark.x, mark.y - reach);
    pen.lineTo(mark.x, mark.y + reach);
  }
  pen.stroke();
  pen.setLineDash([]);
}

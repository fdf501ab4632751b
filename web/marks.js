// What lies over the picture while somebody points: a rubber band, a crosshair, and words about the object under them.

const GAP = 14; // CSS px between the pointer and the words beside it

/** `mark`: `{box: {x0, y0, x1, y1}}` and/or `{x, y}`, in pixels of `frame`; drawn in the canvas's pixels. */
export function drawMark(canvas, view, frame, mark) {
  if (!frame) return;
  const pen = canvas.getContext("2d");
  const at = (x, y) => [view.x + (x / frame.width) * view.w, view.y + (y / frame.height) * view.h];
  for (const [color, width] of [
    ["#000000", 3.5],
    ["#ffffff", 1.5],
  ]) {
    pen.strokeStyle = color; // a dark line under the white one: seen on any picture
    pen.lineWidth = width * view.sharp;
    if (mark.box) band(pen, at(mark.box.x0, mark.box.y0), at(mark.box.x1, mark.box.y1));
    if (mark.x !== undefined) crosshair(pen, at(mark.x, mark.y), 10 * view.sharp);
  }
}

function band(pen, [x0, y0], [x1, y1]) {
  pen.strokeRect(x0, y0, x1 - x0, y1 - y0);
}

function crosshair(pen, [x, y], reach) {
  pen.beginPath();
  pen.moveTo(x - reach, y);
  pen.lineTo(x + reach, y);
  pen.moveTo(x, y - reach);
  pen.lineTo(x, y + reach);
  pen.stroke();
}

/** The words beside the pointer: which object that is. `at`: CSS pixels in the stage; null hides them. */
export function hover(element, object, at, room) {
  element.hidden = !object;
  if (!object) return;
  element.style.setProperty("--color", object.color);
  const [id, name, figures] = element.children;
  id.textContent = String(object.id);
  name.textContent = object.label;
  figures.textContent = `${object.score.toFixed(2)} · ${object.tentative ? "new" : object.stage}`;
  const left = at.x + GAP + element.offsetWidth > room.width ? at.x - GAP - element.offsetWidth : at.x + GAP;
  const top = Math.min(at.y + GAP, room.height - element.offsetHeight);
  element.style.translate = `${Math.max(0, Math.round(left))}px ${Math.max(0, Math.round(top))}px`;
}

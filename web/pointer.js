// Mouse, touch and keyboard on the picture: click, shift/alt-click or long press, drag, arrow keys with Enter.

import { covers } from "./rle.js";

const DRAG = 6; // CSS px before a press becomes a box
const LONG = 500; // ms before a still finger means "not this"
const STEP = 0.02; // of the picture's width for each arrow key

/** The object a click belongs to: the chosen one, else the one under it, else (negative clicks) the nearest. */
export function target(found, chosen, point, positive) {
  if (chosen !== null && found.some(({ id }) => id === chosen)) return chosen;
  const under = found.findLast(({ mask }) => covers(mask, point.x, point.y));
  if (under) return under.id;
  if (positive) return null;
  const far = ({ box: [x0, y0, x1, y1] }) =>
    Math.hypot(Math.max(x0 - point.x, 0, point.x - x1), Math.max(y0 - point.y, 0, point.y - y1));
  return found.reduce((best, one) => (best && far(best) <= far(one) ? best : one), null)?.id ?? null;
}

/** Turn input on the canvas into `onPoint(point, positive, frame)` and `onBox(box, frame)`; all in pixels of that frame. */
export function listen(canvas, screen, { onPoint, onBox }) {
  let press = null;

  const set = (mark) => {
    screen.mark = mark;
    screen.redraw();
  };
  const end = () => {
    clearTimeout(press?.timer);
    press = null;
    set(null);
  };

  canvas.addEventListener("pointerdown", (event) => {
    const point = event.button === 0 && screen.pixel(event.clientX, event.clientY);
    if (!point) return;
    canvas.setPointerCapture(event.pointerId);
    press = { point, at: [event.clientX, event.clientY], frame: screen.frame, box: null, timer: 0 };
    if (event.pointerType === "mouse") return;
    press.timer = setTimeout(() => {
      onPoint(press.point, false, press.frame);
      navigator.vibrate?.(20);
      end();
    }, LONG);
  });

  canvas.addEventListener("pointermove", (event) => {
    if (!press || !screen.frame) return;
    const far = Math.hypot(event.clientX - press.at[0], event.clientY - press.at[1]);
    if (!press.box && far < DRAG) return;
    clearTimeout(press.timer);
    const point = screen.pixel(event.clientX, event.clientY);
    if (!point) return;
    press.box = {
      x0: Math.min(point.x, press.point.x),
      y0: Math.min(point.y, press.point.y),
      x1: Math.max(point.x, press.point.x),
      y1: Math.max(point.y, press.point.y),
    };
    const from = screen.canvasPoint({ x: press.box.x0, y: press.box.y0 });
    const to = screen.canvasPoint({ x: press.box.x1, y: press.box.y1 });
    set({ box: [from.x, from.y, to.x - from.x, to.y - from.y] });
  });

  canvas.addEventListener("pointerup", (event) => {
    if (!press) return;
    const { point, frame, box } = press;
    end();
    if (box) onBox(box, frame);
    else onPoint(point, !(event.shiftKey || event.altKey), frame);
  });
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener("contextmenu", (event) => event.preventDefault()); // a long press opens it on phones

  keyboard(canvas, screen, set, onPoint);
}

function keyboard(canvas, screen, set, onPoint) {
  const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  let at = null; // crosshair, as a share of the picture

  canvas.addEventListener("keydown", (event) => {
    const { frame } = screen;
    if (!frame || !screen.view) return;
    const move = MOVES[event.key];
    if (move) {
      at ??= { x: 0.5, y: 0.5 };
      const clamp = (value) => Math.min(0.995, Math.max(0.005, value));
      at = { x: clamp(at.x + move[0] * STEP), y: clamp(at.y + (move[1] * STEP * frame.width) / frame.height) };
      set(screen.canvasPoint({ x: at.x * frame.width, y: at.y * frame.height }));
    } else if (event.key === "Enter" && at) {
      onPoint({ x: at.x * frame.width, y: at.y * frame.height }, !(event.shiftKey || event.altKey), frame);
    } else if (event.key === "Escape") {
      at = null;
      set(null);
    } else return;
    event.preventDefault();
  });
  canvas.addEventListener("blur", () => {
    at = null;
    set(null);
  });
}

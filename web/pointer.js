// Mouse, touch and keyboard on the picture: click, shift/alt-click or long press, drag, arrow keys with Enter and B.

const DRAG = 6; // CSS px before a press becomes a box
const LONG = 500; // ms before a still finger means "not this"
const STEP = 0.02; // of the picture's width for each arrow key
const LEAST = 2; // pixels of a box's sides: less is a slip

function span(one, other) {
  return {
    x0: Math.min(one.x, other.x),
    y0: Math.min(one.y, other.y),
    x1: Math.max(one.x, other.x),
    y1: Math.max(one.y, other.y),
  };
}

const large = ({ x0, y0, x1, y1 }) => x1 - x0 >= LEAST && y1 - y0 >= LEAST;

/**
 * Turn input on the canvas into `onPoint(point, positive, frame)`, `onBox(box, frame)`, `onHover(point | null)`,
 * `onDelete(point | null)` and `onUndo()`; all in pixels of that frame. While a box is drawn the picture stands still, so
 * it is drawn on what is seen. Returns `refresh()`, to be called when the picture changed under a pointer at rest.
 */
export function listen(canvas, screen, on) {
  let press = null;
  let rest = null; // where the mouse is, in CSS pixels of the window

  const set = (mark) => {
    screen.mark = mark;
    screen.redraw();
  };
  const hover = () => on.onHover(rest && !press ? screen.pixel(...rest) : null);
  const end = () => {
    clearTimeout(press?.timer);
    if (press?.box) screen.thaw();
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
      on.onPoint(press.point, false, press.frame);
      navigator.vibrate?.(20);
      end();
    }, LONG);
  });

  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse") rest = [event.clientX, event.clientY];
    hover();
    if (!press || !screen.frame) return;
    const far = Math.hypot(event.clientX - press.at[0], event.clientY - press.at[1]);
    if (!press.box && far < DRAG) return;
    clearTimeout(press.timer);
    if (!press.box) {
      press.frame = screen.frame;
      screen.freeze();
    }
    const point = screen.pixel(event.clientX, event.clientY);
    if (point) press.box = span(point, press.point);
    else press.box ??= span(press.point, press.point);
    set({ box: press.box });
  });

  canvas.addEventListener("pointerup", (event) => {
    if (!press) return;
    const { point, frame, box } = press;
    end();
    if (!box) on.onPoint(point, !(event.shiftKey || event.altKey), frame);
    else if (large(box)) on.onBox(box, frame);
  });
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener("pointerleave", () => {
    rest = null;
    hover();
  });
  canvas.addEventListener("contextmenu", (event) => event.preventDefault()); // a long press opens it on phones

  const refreshKeys = keyboard(canvas, screen, set, on);
  return () => (rest ? hover() : refreshKeys());
}

const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const clamp = (value) => Math.min(0.995, Math.max(0.005, value));

function keyboard(canvas, screen, set, on) {
  let at = null; // crosshair, as a share of the picture
  let corner = null; // of a box that is being drawn, likewise

  const pixel = ({ x, y }) => ({ x: x * screen.frame.width, y: y * screen.frame.height });
  const show = () => {
    if (!at || !screen.frame) return set(null);
    const point = pixel(at);
    set(corner ? { ...point, box: span(point, pixel(corner)) } : point);
    on.onHover(point);
  };
  const leave = () => {
    if (!at) return;
    if (corner) screen.thaw();
    at = corner = null;
    set(null);
    on.onHover(null);
  };
  const box = () => {
    if (!corner) {
      corner = { ...at };
      screen.freeze();
    } else {
      const drawn = span(pixel(at), pixel(corner));
      const { frame } = screen;
      corner = null;
      screen.thaw();
      if (large(drawn)) on.onBox(drawn, frame);
    }
    show();
  };

  canvas.addEventListener("keydown", (event) => {
    const { frame } = screen;
    if (!frame || !screen.view) return;
    const move = MOVES[event.key];
    if (move) {
      const step = event.shiftKey ? STEP / 4 : STEP;
      at ??= { x: 0.5, y: 0.5 };
      at = { x: clamp(at.x + move[0] * step), y: clamp(at.y + (move[1] * step * frame.width) / frame.height) };
      show();
    } else if (event.key === "Enter" && at && corner) box();
    else if (event.key === "Enter" && at) on.onPoint(pixel(at), !(event.shiftKey || event.altKey), frame);
    else if (event.key.toLowerCase() === "b" && at && !event.ctrlKey && !event.metaKey) box();
    else if (event.key === "Escape") leave();
    else if (event.key === "Delete" || event.key === "Backspace") on.onDelete(at && pixel(at));
    else if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey)) on.onUndo();
    else return;
    event.preventDefault();
  });
  canvas.addEventListener("blur", leave);
  return () => at && !screen.frozen && on.onHover(pixel(at));
}

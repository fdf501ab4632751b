// What a result says, as the page uses it. Masks stay run lengths: the painter decodes them, off the page's thread.

import { covers, empty } from "./rle.js";

/**
 * `[{id, color, label, score, stage, tentative, box, masks}]`, empty masks left out; `look(entry)`: colour and label.
 * `stage`: how the object was looked at; of one that was moved along since, that of the look.
 */
export function objects(result, look) {
  const found = [];
  const own = (stage) => (stage === "flow" && result.looked_at ? result.looked_at.stage : stage);
  for (const entry of result.prompt_results ?? []) {
    const { color, label } = look(entry);
    for (const { object_id: id, confidence: score, masks, box, stage, tentative } of entry.predictions) {
      if (!empty(masks)) found.push({ id, color, label, score, stage: own(stage), tentative, box, masks });
    }
  }
  return found;
}

/** The object under a pixel, the uppermost where several are; boxes first, for run lengths cost more. */
export function under(found, { x, y }) {
  const inBox = ({ box: [x0, y0, x1, y1] }) => x >= x0 - 1 && x <= x1 + 1 && y >= y0 - 1 && y <= y1 + 1;
  return found.findLast((each) => inBox(each) && covers(each.masks, x, y)) ?? null;
}

/** The object a click belongs to: the chosen one, else the one under it, else (negative clicks) the nearest. */
export function target(found, chosen, point, positive) {
  if (chosen !== null && found.some(({ id }) => id === chosen)) return chosen;
  const hit = under(found, point);
  if (hit) return hit.id;
  if (positive) return null;
  const far = ({ box: [x0, y0, x1, y1] }) =>
    Math.hypot(Math.max(x0 - point.x, 0, point.x - x1), Math.max(y0 - point.y, 0, point.y - y1));
  return found.reduce((best, one) => (best && far(best) <= far(one) ? best : one), null)?.id ?? null;
}

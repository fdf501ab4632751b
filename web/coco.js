// The masks of the last minute as COCO JSON (images, annotations, categories), with each object's id as `track_id`.

import { area } from "./rle.js";

const BREATH = 50; // results between two pauses, so that the page stays awake

/**
 * Resolves with a Blob of JSON. `entries` as the Minute keeps them, `name` of the source. Segmentations are compressed
 * run lengths, boxes `[x, y, width, height]` in pixels, `score` the confidence.
 */
export async function coco(entries, name) {
  const categories = new Map();
  const images = [];
  const parts = [];
  let annotation = 0;
  for (const [number, { result, found }] of entries.entries()) {
    const { index, width, height, pts, time_base, epoch } = result.frame;
    const id = number + 1;
    images.push({ id, file_name: `${String(index).padStart(8, "0")}.jpg`, width, height, frame_index: index, epoch, pts, time_base });
    for (const { id: track_id, label, score, box, masks } of found) {
      if (!categories.has(label)) categories.set(label, categories.size + 1);
      const [x0, y0, x1, y1] = box;
      const bbox = [x0, y0, x1 - x0, y1 - y0];
      const category_id = categories.get(label);
      const entry = { id: ++annotation, image_id: id, category_id, track_id, bbox, area: area(masks), segmentation: masks, score, iscrowd: 0 };
      parts.push(parts.length ? "," : "", JSON.stringify(entry));
    }
    if (id % BREATH === 0) await new Promise((resolve) => setTimeout(resolve));
  }
  const info = { description: `Masks of ${name}`, date_created: new Date().toISOString() };
  const kinds = [...categories].map(([label, id]) => ({ id, name: label, supercategory: "" }));
  const head = `{"info":${JSON.stringify(info)},"images":${JSON.stringify(images)},"categories":${JSON.stringify(kinds)},"annotations":[`;
  return new Blob([head, ...parts, "]}"], { type: "application/json" });
}

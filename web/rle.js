// Compressed COCO run lengths (pycocotools' `counts`): column-major, zeros first, five bits a character,
// each run from the third on stored as the difference to the run two before it.

const MAX_DIGITS = 6; // 30 bits: more pixels than any picture has, and the last shift that 32-bit integers survive

/** Run lengths of a compressed string, zeros first. Throws RangeError for a damaged string. */
export function runs(counts) {
  const lengths = [];
  for (let at = 0; at < counts.length; ) {
    let value = 0;
    let digits = 0;
    let more = true;
    while (more) {
      const code = counts.charCodeAt(at++) - 48;
      if (!(code >= 0 && code < 64) || digits >= MAX_DIGITS) throw new RangeError("damaged run lengths");
      value |= (code & 31) << (5 * digits++);
      more = (code & 32) !== 0;
      if (!more && code & 16) value |= -1 << (5 * digits);
    }
    if (lengths.length > 2) value += lengths[lengths.length - 2];
    if (value < 0) throw new RangeError("damaged run lengths");
    lengths.push(value);
  }
  return lengths;
}

/** Is nothing at all covered? A single run of zeros fills the picture. */
export function empty({ counts }) {
  let at = 0;
  while (counts.charCodeAt(at++) - 48 >= 32);
  return at >= counts.length;
}

/** Number of covered pixels. */
export function area({ counts }) {
  return runs(counts).reduce((sum, length, i) => (i % 2 ? sum + length : sum), 0);
}

/**
 * Decode `{size: [height, width], counts}` into column-major bytes (pixel x, y at `x * height + y`) and the
 * [start, end) intervals of the ones. `bytes`, if given, is filled where the mask is; it must be zeros and large enough.
 * Throws RangeError where the runs do not fill the picture exactly.
 */
export function decode({ size: [height, width], counts }, bytes = new Uint8Array(height * width)) {
  const lengths = runs(counts);
  const total = height * width;
  const spans = [];
  let at = 0;
  for (let i = 0; i < lengths.length; i++) {
    const end = at + lengths[i];
    if (end > total) throw new RangeError("run lengths are longer than the picture");
    if (i % 2 && end > at) spans.push([at, end]);
    at = end;
  }
  if (at !== total) throw new RangeError("run lengths are shorter than the picture");
  for (const [start, end] of spans) bytes.fill(1, start, end);
  return { height, width, bytes, spans };
}

/** Does a mask, still as run lengths, cover this pixel of its picture? */
export function covers({ size: [height, width], counts }, x, y) {
  const column = Math.floor(x);
  const row = Math.floor(y);
  if (column < 0 || row < 0 || column >= width || row >= height) return false;
  const wanted = column * height + row;
  let at = 0;
  let one = false;
  for (const length of runs(counts)) {
    at += length;
    if (wanted < at) return one;
    one = !one;
  }
  return false;
}

/** A pixel well inside: the middle of the longest run within the column that has most of the mask; null for an empty one. */
export function inside({ size: [height], counts }) {
  let at = 0;
  let best = null;
  runs(counts).forEach((length, i) => {
    const start = at;
    at += length;
    if (i % 2 === 0 || !length) return;
    const column = Math.floor(start / height);
    const end = Math.min(at, (column + 1) * height); // a run may go on at the top of the next column
    if (!best || end - start > best.length) best = { length: end - start, x: column, y: Math.floor((start + end) / 2) - column * height };
  });
  return best && { x: best.x + 0.5, y: best.y + 0.5 };
}

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

/**
 * Decode `{size: [height, width], counts}` into column-major bytes (pixel x, y at `x * height + y`) and the
 * [start, end) intervals of the ones. Throws RangeError where the runs do not fill the picture exactly.
 */
export function decode({ size: [height, width], counts }) {
  const lengths = runs(counts);
  const bytes = new Uint8Array(height * width);
  const spans = [];
  let at = 0;
  for (let i = 0; i < lengths.length; i++) {
    const end = at + lengths[i];
    if (end > bytes.length) throw new RangeError("run lengths are longer than the picture");
    if (i % 2 && end > at) {
      bytes.fill(1, at, end);
      spans.push([at, end]);
    }
    at = end;
  }
  if (at !== bytes.length) throw new RangeError("run lengths are shorter than the picture");
  return { height, width, bytes, spans };
}

/** Does the decoded mask cover this pixel of its picture? */
export function covers(mask, x, y) {
  const column = Math.floor(x);
  const row = Math.floor(y);
  if (column < 0 || row < 0 || column >= mask.width || row >= mask.height) return false;
  return mask.bytes[column * mask.height + row] === 1;
}

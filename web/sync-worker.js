// Sees the camera twice, before and after the encoder, and hands out the very picture that a result speaks of.
// It runs off the page's own thread, so a busy page neither delays the encoder's output nor loses pictures.

import { Clock } from "./clock.js";
import { Ring } from "./ring.js";

const clock = new Clock();
const ring = new Ring();
const COPIES = 3; // pictures being copied at once; one that comes while so many are is not held back
const NO_PICTURE = { width: 0, height: 0, close() {} }; // stands for one whose time alone is wanted
let copying = 0;
let holding = true; // are pictures held back, or their times only?

/** Encoded frames pass untouched; only their RTP timestamps are noted. */
self.onrtctransform = ({ transformer }) => {
  const note = new TransformStream({
    transform(frame, controller) {
      const { rtpTimestamp } = frame.getMetadata();
      clock.encoded(rtpTimestamp ?? frame.timestamp, performance.now());
      controller.enqueue(frame);
    },
  });
  // Ends with an error when the connection is closed: that is how such a stream ends.
  transformer.readable.pipeThrough(note).pipeTo(transformer.writable).catch(() => {});
};

async function capture(pictures) {
  const reader = pictures.getReader();
  for (;;) {
    const { value: frame, done } = await reader.read();
    if (done) return;
    const seen = performance.now();
    clock.captured(frame.timestamp / 1000, seen);
    if (holding && copying < COPIES) copy(frame, seen);
    else {
      if (!holding) ring.put(frame.timestamp / 1000, NO_PICTURE, seen);
      frame.close();
    }
  }
}

/** Keep a copy, because the camera has only a handful of buffers and stops when they are held back. */
async function copy(frame, seen) {
  copying++;
  const bitmap = await createImageBitmap(frame).catch(() => null);
  if (bitmap) ring.put(frame.timestamp / 1000, bitmap, seen);
  frame.close();
  copying--;
}

/**
 * Answer `{request, found, bitmap, held}` (held: ms since capture); the bitmap moves to the page, null where times alone
 * are held; older pictures are let go.
 */
function take(request, rtp) {
  const ms = rtp === null ? null : clock.capture(rtp);
  const found = ms === null ? null : ring.take(ms);
  if (!found) return self.postMessage({ request, found: false, bitmap: null });
  const held = performance.now() - found.seen;
  if (found.bitmap === NO_PICTURE) return self.postMessage({ request, found: true, bitmap: null, held });
  self.postMessage({ request, found: true, bitmap: found.bitmap, held }, [found.bitmap]);
}

self.onmessage = ({ data }) => {
  if ("hold" in data) holding = data.hold;
  else if (data.pictures) capture(data.pictures).catch(() => {});
  else take(data.request, data.rtp);
};
self.postMessage({ ready: true });

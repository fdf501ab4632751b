// Decodes run lengths and composes pictures away from the page's own thread.

import { Composer } from "./compose.js";

const composer = new Composer((width, height) => new OffscreenCanvas(width, height));

/** `{request, picture | blob | null, …}` as Composer.compose takes it; answers `{request, bitmap}` or `{request, failure}`. */
self.onmessage = async ({ data }) => {
  const { request, blob } = data;
  let picture = data.picture ?? null;
  try {
    if (blob) picture = await createImageBitmap(blob);
    const bitmap = composer.compose({ ...data, picture }).transferToImageBitmap();
    self.postMessage({ request, bitmap }, [bitmap]);
  } catch (error) {
    self.postMessage({ request, failure: String(error) });
  }
};
self.postMessage({ ready: true });

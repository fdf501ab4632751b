// The ways a picture comes in. Each gives `{id, name?, own, pictures, video, matcher, stop}`; the camera is webcam.js.
// `name`: what to call it, where there is something better than what it was opened by. `own`: this page started the
// session and ends it. `video`: the local camera's element, whose pictures never come back from the server.

import { createSession, deleteSession } from "./api.js";

// The synthetic camera in two flavours, and what is to be seen in each most of the time.
export const SHAPES = { address: "demo:?seed=22", name: "Synthetic shapes", concepts: ["red circle", "star"] };
export const THINGS = { address: "demo:?things=100&seed=34", name: "Synthetic things", concepts: ["cat", "grape"] };

/** The server pulls: a stream, a file on the server, or the synthetic camera. */
export async function openAddress(address, prompts) {
  const { id, source } = await createSession(address, prompts);
  const demo = address.startsWith("demo:");
  const name = demo ? ({ [SHAPES.address]: SHAPES.name, [THINGS.address]: THINGS.name }[address] ?? "Synthetic camera") : source; // without passwords
  return { id, name, own: true, pictures: true, video: null, matcher: null, stop: () => deleteSession(id) };
}

/** Watch a session somebody else started. */
export function watch(id) {
  return { id, own: false, pictures: true, video: null, matcher: null, stop: () => {} };
}

// The ways a picture comes in. Each gives the same thing: `{id, name, own, pictures, video, matcher, stop}`.
// `name`: what to call it, where there is something better than what it was opened by. `own`: this page started the
// session and ends it. `video`: the local camera's element, whose pictures never come back from the server.

import { Refused, createSession, deleteSession } from "./api.js";
import { Matcher, canMatch } from "./sync.js";
import { publish } from "./whip.js";

const CAMERA = { video: { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30, max: 30 } }, audio: false };

/** The server pulls: a stream, a file on the server, or the synthetic camera. */
export async function openAddress(address, prompts) {
  const { id, source } = await createSession(address, prompts);
  const name = address.startsWith("demo:") ? "Synthetic camera" : source; // the server's name for it, without passwords
  return { id, name, own: true, pictures: true, video: null, matcher: null, stop: () => deleteSession(id) };
}

/** Watch a session somebody else started. */
export function watch(id) {
  return { id, own: false, pictures: true, video: null, matcher: null, stop: () => {} };
}

/** The browser's camera, sent by WHIP. `onlost(error)` is called once, when the camera or the connection goes. */
export async function openWebcam(prompts, onlost) {
  if (!navigator.mediaDevices) throw new Refused("insecure");
  const stream = await navigator.mediaDevices.getUserMedia(CAMERA);
  const [track] = stream.getVideoTracks();
  const matcher = canMatch() ? await Matcher.create().catch(() => null) : null;
  let published = null;
  const release = () => {
    matcher?.close();
    track.stop();
  };
  try {
    published = await publish(track, prompts, (sender) => matcher?.watch(sender, track));
    await published.connected;
  } catch (error) {
    published?.stop();
    release();
    throw error;
  }
  const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true, srcObject: stream });
  video.play().catch(() => {});
  track.addEventListener("ended", () => onlost(new Refused("unplugged")), { once: true });
  published.connection.addEventListener("connectionstatechange", () => {
    if (published.connection.connectionState === "failed") onlost(new Refused("connection"));
  });
  const stop = () => {
    published.stop();
    release();
    video.srcObject = null;
  };
  return { id: published.id, own: true, pictures: false, video, matcher, stop };
}

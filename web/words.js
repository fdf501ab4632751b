// What went wrong, in words a person can act on. `explain(error)` gives {title, text}.

const HTTP = {
  400: "The source was refused",
  401: "This server wants a key",
  403: "This key does not open that",
  404: "The server does not know this session any more",
  415: "The server did not understand the browser's offer",
  422: "The server did not accept this",
};

const CAMERA = {
  NotAllowedError: [
    "Camera permission refused",
    "Allow the camera for this page (the camera sign beside the address), then try again.",
  ],
  NotFoundError: ["No camera found", "Plug one in, or use the synthetic camera."],
  OverconstrainedError: ["No camera found", "No camera offers a picture this page can use."],
  NotReadableError: ["The camera is busy", "Another program or tab holds it. Close that, then try again."],
  AbortError: ["The camera stopped", "The browser could not start it. Try again."],
};

const KINDS = {
  offline: ["The server does not answer", "Check that it is running, then try again."],
  connection: [
    "The video connection failed",
    "The server answered, but no path for video was found. A firewall, a VPN or a container without announced addresses are the usual causes.",
  ],
  insecure: [
    "The camera needs a secure page",
    `Browsers give the camera only to https:// pages and to localhost. Open http://localhost:${location.port || 80} on the server itself, reach it through a tunnel (ssh -L ${location.port || 80}:localhost:${location.port || 80} and the server’s name), or put TLS in front of it.`,
  ],
  gone: ["The session is gone", "The server stopped it or was restarted."],
  unplugged: ["The camera is gone", "It was unplugged, or the browser stopped it. Plug it in again and it goes on by itself."],
  busy: ["Too much at once", "Wait for the last request to be answered."],
};

export function explain(error) {
  if (error.kind === "http") return http(error);
  if (error.kind === "request") return { title: "The server refused", text: error.message };
  const [title, text] = KINDS[error.kind] ?? CAMERA[error.name] ?? ["Something went wrong", String(error.message ?? error)];
  return { title, text };
}

function http({ status, message, retryAfter, hangs }) {
  if (status === 429) {
    const when = retryAfter ? `Try again in ${retryAfter} seconds.` : "Try again shortly.";
    return { title: "The server is full", text: `All of its places are taken. ${when}` };
  }
  if (hangs) return { title: "The model hangs", text: "The server takes nothing new until it comes back." };
  if (status === 503) return { title: "The model is still loading", text: "This takes a moment after the server starts." };
  if (status === 401) return { title: HTTP[401], text: "Try again, and type the key that you were given." };
  return { title: HTTP[status] ?? `The server failed (${status})`, text: message || "It gave no reason." };
}

const STATES = { connecting: "Connecting", live: "Live", reconnecting: "Reconnecting", stalled: "Waiting for the model", ended: "Ended", idle: "Idle" };

export const stateWord = (state) => STATES[state] ?? state;

/** Masks and pictures: how they were brought together. */
export const SYNC = {
  server: ["in step", "Masks lie on the very pictures the server looked at."],
  matched: ["in step", "Camera pictures are held back and matched to their masks by RTP timestamp."],
  matching: ["matching…", "Finding out which camera picture belongs to which mask."],
  newest: ["at once", "Pictures are shown as they come, with the newest masks there are."],
  approximate: ["approximate", "Newest masks on the newest picture: this browser cannot match them exactly."],
};

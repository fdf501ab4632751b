// WHIP (RFC 9725): one offer, one answer, one DELETE. Candidates are gathered before the offer is sent, for a bounded time.

import { Refused, checked, route } from "./api.js";

const GATHERING = 1500; // ms: on a LAN host candidates are there at once; a slow STUN server must not hold the start up
const CONNECTING = 12000; // ms until a connection that does not come is called failed

function gathered(connection) {
  if (connection.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, GATHERING);
    connection.addEventListener("icegatheringstatechange", () => {
      if (connection.iceGatheringState !== "complete") return;
      clearTimeout(timer);
      resolve();
    });
  });
}

function connected(connection) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Refused("connection")), CONNECTING);
    const look = () => {
      if (connection.connectionState === "connected") resolve();
      else if (connection.connectionState === "failed") reject(new Refused("connection"));
      else return;
      clearTimeout(timer);
    };
    connection.addEventListener("connectionstatechange", look);
    look();
  });
}

/**
 * Publish a camera track. `prepare(sender)` is called in the task that makes the sender, the only time when a
 * sender transform can be set. `session`: go on with that one, whose connection was lost.
 * Returns `{id, connection, sender, connected, stop, close}`: the session's id (the last part of Location), a promise kept
 * when media can flow, `stop()`, which says goodbye to the server and closes the connection, and `close()`, which does
 * not say goodbye.
 */
export async function publish(track, prompts, { prepare = () => {}, session = null } = {}) {
  const connection = new RTCPeerConnection();
  try {
    const { sender } = connection.addTransceiver(track, { direction: "sendonly", streams: [new MediaStream([track])] });
    prepare(sender);
    await connection.setLocalDescription();
    await gathered(connection);
    const response = await checked(
      fetch(route("/whip", [...prompts.map((text) => ["prompt", text]), ...(session ? [["session", session]] : [])]), {
        method: "POST",
        headers: { "Content-Type": "application/sdp" },
        body: connection.localDescription.sdp,
      }),
    );
    const resource = route(response.headers.get("Location"));
    const bye = () => fetch(resource, { method: "DELETE", keepalive: true }).catch(() => {});
    try {
      await connection.setRemoteDescription({ type: "answer", sdp: await response.text() });
    } catch (error) {
      bye();
      throw error;
    }
    const close = () => connection.close();
    const stop = () => {
      bye();
      close();
    };
    const ready = connected(connection);
    ready.catch(() => {}); // looked at by whoever awaits it; not a failure of the page when nobody does
    return { id: resource.pathname.split("/").at(-1), connection, sender, connected: ready, stop, close };
  } catch (error) {
    connection.close();
    throw error;
  }
}

// WHIP (RFC 9725): one offer, one answer, one DELETE. Candidates are gathered before the offer is sent, for a bounded time.

import { Refused, bye, route, send } from "./api.js";
import { iceServers } from "./ice.js";

const GATHERING = 1500; // ms: on a LAN host candidates are there at once; a slow STUN server must not hold the start up
const RELAYING = 5000; // ms for the first address at a TURN server: through TLS it takes six round trips, and may be the only way
const CONNECTING = 12000; // ms until a connection that does not come is called failed

/** Until all candidates are there; for a bounded time, longer where a TURN server is to give the first one of its own. */
function gathered(connection) {
  const servers = connection.getConfiguration().iceServers ?? [];
  let relay = servers.some(({ urls }) => [urls].flat().some((url) => url.startsWith("turn"))); // is waited for
  let waited = false;
  return new Promise((resolve) => {
    const look = () => {
      if (connection.iceGatheringState === "complete" || (waited && !relay)) resolve();
    };
    connection.addEventListener("icegatheringstatechange", look);
    connection.addEventListener("icecandidate", ({ candidate }) => {
      if (candidate?.type === "relay") relay = false;
      look();
    });
    setTimeout(() => ((waited = true), look()), GATHERING);
    setTimeout(resolve, RELAYING);
    look();
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
  const connection = new RTCPeerConnection({ iceServers: await iceServers("/whip", !session) });
  try {
    const { sender } = connection.addTransceiver(track, { direction: "sendonly", streams: [new MediaStream([track])] });
    prepare(sender);
    await connection.setLocalDescription();
    await gathered(connection);
    const query = [...prompts.map((text) => ["prompt", text]), ...(session ? [["session", session]] : [])];
    const response = await send(route("/whip", query), {
      method: "POST",
      headers: { "Content-Type": "application/sdp" },
      body: connection.localDescription.sdp,
      insist: !session,
    });
    const resource = route(response.headers.get("Location"));
    try {
      await connection.setRemoteDescription({ type: "answer", sdp: await response.text() });
    } catch (error) {
      bye(resource);
      throw error;
    }
    const close = () => connection.close();
    const stop = () => {
      bye(resource);
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

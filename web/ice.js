// The STUN and TURN servers that this server names in Link headers (RFC 9725, section 4.6), for a connection that is still to
// make its offer: a network that lets no UDP out is left through a TURN server over TCP or TLS.

import { route, send } from "./api.js";

const LINK = /<([^<>]*)>((?:\s*;\s*[\w-]+\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s;,"]*))*)/g;
const PARAMETER = /([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*))/g;

/** `[{urls, username?, credential?}]` of a Link header's value, be it several joined by commas; "" or null: none. */
export function readLinks(header) {
  return [...(header ?? "").matchAll(LINK)].flatMap(([, urls, rest]) => {
    const found = {};
    for (const [, name, quoted, plain] of rest.matchAll(PARAMETER)) {
      found[name.toLowerCase()] ??= plain ?? quoted.replace(/\\(.)/g, "$1");
    }
    const { rel, username, credential } = found;
    if (!rel?.toLowerCase().split(/\s+/).includes("ice-server")) return [];
    return [username === undefined ? { urls } : { urls, username, credential }];
  });
}

/** A header's value as UTF-8, which a password may have; the browser gives a letter for each byte. */
const fromBytes = (value) => new TextDecoder().decode(Uint8Array.from(value, (letter) => letter.charCodeAt(0)));

/** Whether the browser takes it: one that it does not know, or a TURN server without a login, would cost the connection. */
function usable(server) {
  try {
    new RTCPeerConnection({ iceServers: [server] }).close();
    return true;
  } catch (error) {
    console.warn("an ICE server is left out:", error.message);
    return false;
  }
}

/**
 * Those named at a WHIP or WHEP endpoint, as RTCPeerConnection takes them; none where something between here and there does not
 * let the question through. Throws Refused without a key; `insist` as in `send`.
 */
export async function iceServers(path, insist) {
  const response = await send(route(path), { method: "OPTIONS", insist }).catch((error) => {
    if (error.kind !== "http" || error.status === 401) throw error;
  });
  return readLinks(fromBytes(response?.headers.get("Link") ?? "")).filter(usable);
}

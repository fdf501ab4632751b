// HTTP to the server this module came from (a page of another origin may import it), and one kind of error with all that words.js needs to explain it.

import * as keys from "./keys.js";

const LOADING = 1000; // ms between looks at whether the model is loaded
const KEYS = 2; // tokens that are tried after one that was refused

/** `kind`: "http" (with status, message, retryAfter), "offline", "connection", "insecure", "gone"; camera errors are the browser's own. */
export class Refused extends Error {
  constructor(kind, { status = 0, message = "", retryAfter = null } = {}) {
    super(message);
    this.kind = kind;
    this.status = status;
    this.retryAfter = retryAfter;
  }

  /** The model hangs: waiting may be in vain. */
  get hangs() {
    return this.status === 503 && this.message.includes("hangs");
  }
}

/** A route of that server. */
export function route(path, query = {}) {
  const url = new URL(path, import.meta.url);
  for (const [name, value] of Array.isArray(query) ? query : Object.entries(query)) url.searchParams.append(name, value);
  return url;
}

/** The address of a WebSocket there. It takes no headers: a token, where there is one, stands in it. */
export function socketRoute(path, query = {}) {
  const token = keys.current();
  const url = route(path, { ...query, ...(token ? { api_key: token } : {}) });
  url.protocol = url.protocol.replace("http", "ws");
  return url;
}

const named = (id) => route(`/sessions/${encodeURIComponent(id)}`);

/**
 * The response to a request, with a token where the server wants one, or Refused with the server's own words. `insist`: a person
 * wants this now, and is asked for a key even after declining once.
 */
export async function send(url, { insist = false, headers = {}, ...options } = {}) {
  for (let tries = 0; ; tries++) {
    const token = await keys.token();
    const authorized = token ? { ...headers, Authorization: `Bearer ${token}` } : headers;
    const response = await fetch(url, { ...options, headers: authorized }).catch(() => null);
    if (response?.ok) return response;
    if (!response) throw new Refused("offline");
    if (response.status === 401 && tries < KEYS && (await keys.refused(token, insist))) continue;
    const body = await response.json().catch(() => ({}));
    const retryAfter = Number(response.headers.get("Retry-After")) || null;
    throw new Refused("http", { status: response.status, message: said(body), retryAfter });
  }
}

/** 400s carry `message`; a 422 carries a list of what was wrong where. */
function said({ message, detail }) {
  if (message) return message;
  if (Array.isArray(detail)) return detail.map((entry) => entry.msg).join("; ");
  return typeof detail === "string" ? detail : "";
}

export async function createSession(source, prompts) {
  const body = JSON.stringify({ source, prompts: prompts.map((text) => ({ type: "text", text })) });
  const headers = { "Content-Type": "application/json" };
  return (await send(route("/sessions"), { method: "POST", headers, body, insist: true })).json();
}

/** Delete what is there; also while the page is being left, hence keepalive and no waiting for a token. */
export function bye(url) {
  const token = keys.current();
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  return fetch(url, { method: "DELETE", headers, keepalive: true }).catch(() => {});
}

export function deleteSession(id) {
  return bye(named(id));
}

export async function listSessions() {
  return (await (await send(route("/sessions"))).json()).sessions;
}

/** The loaded model's name; null while there is none. */
export async function modelName() {
  const response = await fetch(route("/readyz")).catch(() => null);
  return response?.ok ? (await response.json()).model : null;
}

/** What the server says of its models: `{running, others, change, may_manage}`. */
export async function modelList() {
  return (await send(route("/models"))).json();
}

const ofModel = (name, what) => route(`/models/${encodeURIComponent(name)}/${what}`);

/** Begin to fetch a model, or go on with it; the answer is that of modelList(). */
export async function fetchModel(name) {
  return (await send(ofModel(name, "download"), { method: "POST", insist: true })).json();
}

/** Begin to go over to a model, at a resolution in pixels or its own; the answer is that of modelList(). */
export async function useModel(name, resolution) {
  const body = JSON.stringify(resolution ? { resolution } : {});
  const headers = { "Content-Type": "application/json" };
  return (await send(ofModel(name, "use"), { method: "POST", headers, body, insist: true })).json();
}

/** What the server says of a session, or null when it knows none with that id. */
export async function readSession(id) {
  try {
    return await (await send(named(id))).json();
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

/**
 * Try, and as long as the answer is "the model is loading" wait and try again. `waits()` is called before each wait;
 * when it returns false nobody waits any more, and the answer is null.
 */
export async function whenLoaded(open, waits) {
  for (;;) {
    try {
      return await open();
    } catch (error) {
      if (error.status !== 503 || error.hangs) throw error;
    }
    do {
      if (!waits()) return null;
      await new Promise((resolve) => setTimeout(resolve, LOADING));
    } while (!(await fetch(route("/readyz")).catch(() => null))?.ok);
  }
}

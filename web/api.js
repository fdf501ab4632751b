// HTTP to the server this module came from (a page of another origin may import it), and one kind of error with all that words.js needs to explain it.

const LOADING = 1000; // ms between looks at whether the model is loaded

/** `kind`: "http" (with status, message, retryAfter), "offline", "connection", "insecure", "gone"; camera errors are the browser's own. */
export class Refused extends Error {
  constructor(kind, { status = 0, message = "", retryAfter = null } = {}) {
    super(message);
    this.kind = kind;
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** A route of that server; a key that the page was opened with (`?api_key=…`) goes along. */
export function route(path, query = {}) {
  const url = new URL(path, import.meta.url);
  const key = new URLSearchParams(location.search).get("api_key");
  const pairs = [...(key ? [["api_key", key]] : []), ...(Array.isArray(query) ? query : Object.entries(query))];
  for (const [name, value] of pairs) url.searchParams.append(name, value);
  return url;
}

const named = (id) => route(`/sessions/${encodeURIComponent(id)}`);

/** The response, or Refused with the server's own words. */
export async function checked(request) {
  let response;
  try {
    response = await request;
  } catch {
    throw new Refused("offline");
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  const retryAfter = Number(response.headers.get("Retry-After")) || null;
  throw new Refused("http", { status: response.status, message: said(body), retryAfter });
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
  return (await checked(fetch(route("/sessions"), { method: "POST", headers, body }))).json();
}

/** Also while the page is being left, hence keepalive. */
export function deleteSession(id) {
  return fetch(named(id), { method: "DELETE", keepalive: true }).catch(() => {});
}

export async function listSessions() {
  return (await (await checked(fetch(route("/sessions")))).json()).sessions;
}

/** The loaded model's name, "nano" or "sam3"; null while there is none. */
export async function modelName() {
  const response = await fetch(route("/readyz")).catch(() => null);
  return response?.ok ? (await response.json()).model : null;
}

/** What the server says of a session, or null when it knows none with that id. */
export async function readSession(id) {
  try {
    return await (await checked(fetch(named(id)))).json();
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
      if (error.status !== 503) throw error;
    }
    do {
      if (!waits()) return null;
      await new Promise((resolve) => setTimeout(resolve, LOADING));
    } while (!(await fetch(route("/readyz")).catch(() => null))?.ok);
  }
}

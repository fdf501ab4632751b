// HTTP to the server this page came from, and one kind of error with all that words.js needs to explain it.

/** `kind`: "http" (with status, message, retryAfter), "offline", "connection", "insecure", "gone"; camera errors are the browser's own. */
export class Refused extends Error {
  constructor(kind, { status = 0, message = "", retryAfter = null } = {}) {
    super(message);
    this.kind = kind;
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

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
  return (await checked(fetch("/sessions", { method: "POST", headers, body }))).json();
}

/** Also while the page is being left, hence keepalive. */
export function deleteSession(id) {
  return fetch(`/sessions/${encodeURIComponent(id)}`, { method: "DELETE", keepalive: true }).catch(() => {});
}

export async function listSessions() {
  return (await (await checked(fetch("/sessions"))).json()).sessions;
}

/** What the server says of a session, or null when it knows none with that id. */
export async function readSession(id) {
  try {
    return await (await checked(fetch(`/sessions/${encodeURIComponent(id)}`))).json();
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

/** Is the model loaded? */
export async function ready() {
  const response = await fetch("/readyz").catch(() => null);
  return response?.ok ?? false;
}

// The key of the server this module came from. A person types it once; it is exchanged for a token, and the token alone is kept
// (by this tab, until it is closed) and stands in addresses. A token is renewed long before it ends.

const SECONDS = 3600; // that a token holds: a laptop may sleep for a while
const SOONER = 0.5; // of a token's time, after which it is renewed
const AGAIN = 30000; // ms until a renewal is tried again that no server answered
const PLACE = `streamer token of ${new URL(import.meta.url).origin}`; // in this tab's storage

let timer = 0; // until the token is renewed
let door = null; // how the page asks
let opening = null; // the exchange that is under way
let declined = false; // the person does not want to give a key now
let known = fromAddress(); // the key, as long as this page is open
let held = read(); // {token, ends}: ends in ms as Date.now() gives it

/**
 * How the page asks for a key: `ask(exchange)` shows a dialog, calls `exchange(key)`, which throws `{status, retryAfter}`, until
 * it is kept, and says whether it was. Without one (a page of another origin) a request without a key is refused.
 */
export function asking(ask) {
  door = ask;
}

/** The token to send now; "" where there is none, or the server wants none. */
export async function token() {
  if (known && !held) await open(false);
  return current();
}

/** The same at once, for addresses. */
export const current = () => (held && held.ends > Date.now() ? held.token : "");

/** The server refused `used`: get another token, with the key or by asking. `insist`: ask again a person who declined. */
export function refused(used, insist) {
  if (used !== current()) return Promise.resolve(true); // it has been replaced meanwhile
  keep(null);
  return open(insist);
}

function open(insist) {
  opening ??= unlock(insist).finally(() => (opening = null));
  return opening;
}

async function unlock(insist) {
  if (known) {
    const failed = await exchange(known).catch((error) => error);
    if (!failed) return true;
    if (failed.status !== 401) return false;
    known = "";
  }
  if (!door || (declined && !insist)) return false;
  declined = !(await door(exchange));
  return !declined;
}

/** Exchange a key for a token, or a token for a newer one. Throws `{status, retryAfter}`; status 0: no answer. */
async function exchange(key) {
  const response = await fetch(new URL("/tokens", import.meta.url), {
    method: "POST",
    headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
    body: JSON.stringify({ seconds: SECONDS }),
  }).catch(() => null);
  if (!response?.ok) {
    throw { status: response?.status ?? 0, retryAfter: Number(response?.headers.get("Retry-After")) || null };
  }
  const { token, seconds } = await response.json();
  if (key !== held?.token) known = key;
  keep({ token, ends: Date.now() + 1000 * seconds });
}

function keep(next) {
  held = next;
  clearTimeout(timer);
  try {
    if (next) sessionStorage.setItem(PLACE, JSON.stringify(next));
    else sessionStorage.removeItem(PLACE);
  } catch {
    // a browser that keeps nothing asks again after a reload
  }
  if (next) timer = setTimeout(renew, SOONER * (next.ends - Date.now()));
}

async function renew() {
  const failed = await exchange(known || held.token).catch((error) => error);
  if (failed && failed.status !== 401) timer = setTimeout(renew, AGAIN); // 401: the next request asks
}

function read() {
  try {
    const found = JSON.parse(sessionStorage.getItem(PLACE));
    if (!(found?.ends > Date.now())) return null;
    timer = setTimeout(renew, Math.max(0, SOONER * (found.ends - Date.now())));
    return found;
  } catch {
    return null;
  }
}

/** A key that this page was opened with (`?api_key=…`). Our own page takes it out of its address, which ends up in histories. */
function fromAddress() {
  const address = new URL(location.href);
  const key = address.searchParams.get("api_key") ?? "";
  if (key && address.origin === new URL(import.meta.url).origin) {
    address.searchParams.delete("api_key");
    history.replaceState(history.state, "", address);
  }
  return key;
}

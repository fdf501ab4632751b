// The page of the cluster: its workers with their sessions, and its front doors, as they are now.

import { listSessions, route, send } from "./api.js";
import { $, make } from "./dom.js";
import { listenToLock } from "./lock.js";

const PAUSE = 2000; // ms from one look to the next
const ALONE = "This server is no cluster: it runs alone, and has no workers.";

const state = ({ gone, draining, ready }) => (gone ? "gone" : draining ? "draining" : ready ? "ready" : "starting");

function row(worker, sessions) {
  const name = make("td", {}, worker.name, make("small", {}, worker.address));
  const how = state(worker);
  const theirs = sessions.filter((each) => each.worker === worker.name);
  const list = theirs.map(({ id, source, state }) => make("li", {}, `${source}, ${state}`, make("small", {}, id)));
  const share = make("td", {}, worker.gone ? "–" : `${Math.round(worker.share * 100)} %`);
  return make("tr", {}, name, make("td", { data: { state: how } }, how), share, make("td", {}, make("ul", {}, ...list)));
}

const door = ({ address, machine }) => make("li", {}, `${address} on ${machine}`);

async function look() {
  const { workers, doors } = await (await send(route("/cluster"))).json();
  const sessions = await listSessions().catch(() => []); // no worker answers
  const ready = workers.filter((each) => state(each) === "ready").length;
  $("said").textContent = `${ready} of ${workers.length} workers are ready.`;
  $("workers").replaceChildren(...workers.map((each) => row(each, sessions)));
  $("doors").replaceChildren(...doors.map(door));
  $("found").hidden = false;
}

function fail({ status, message }) {
  $("found").hidden = true;
  $("said").textContent = status === 404 ? ALONE : status ? message : "The server does not answer. It is asked again.";
}

async function watch() {
  for (;;) {
    if (!document.hidden) await look().catch(fail);
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}

listenToLock();
watch();

// Around the picture: cards, the sign in the header, figures, tools and the list of objects. Values in, callbacks out.

import { listenToConcepts, prompts, resting, setModel } from "./concepts.js";
import { $, make } from "./dom.js";
import { SYNC, explain, stateWord } from "./words.js";

export { prompts, resting, setModel };

const ROWS = 64; // objects listed; the server follows no more

/** `act`: webcam, shapes, things, address(url), stop, again, choose(id), removeObject(id), and those of concepts.js. */
export function listen(act) {
  for (const name of ["webcam", "shapes", "things", "stop", "again"]) $(name).addEventListener("click", () => act[name]());
  $("back").addEventListener("click", () => act.stop());
  $("wait").querySelector("button").addEventListener("click", () => act.stop());
  $("address").addEventListener("submit", (event) => {
    event.preventDefault();
    act.address($("url").value.trim());
  });
  $("objects").addEventListener("click", ({ target }) => {
    const { id, remove } = target.closest("button")?.dataset ?? {};
    if (id !== undefined) act[remove ? "removeObject" : "choose"](Number(id));
  });
  listenToConcepts(act);
}

/** Show one of the cards on the stage, or none. */
function card(name) {
  for (const id of ["start", "wait", "trouble"]) $(id).hidden = id !== name;
}

/** Where things stand: the sign in the header, and a banner over the picture while it stands still. */
export function state(state, reason = "") {
  document.body.dataset.state = state;
  $("connection").querySelector("span").textContent = stateWord(state);
  const still = ["connecting", "reconnecting", "stalled"].includes(state);
  $("banner").hidden = !still;
  $("banner").textContent = still ? [stateWord(state), reason].filter(Boolean).join(": ") : "";
}

export function idle() {
  state("idle");
  card("start");
  $("stop").hidden = true;
  $("where").textContent = "";
  figures(null);
}

export function waiting(text) {
  state("connecting");
  $("banner").hidden = true;
  card("wait");
  $("stop").hidden = true;
  $("wait").querySelector("p").textContent = text;
}

/** A source is open. Only this page's own camera can be shown in two ways. */
export function started(name, { video }) {
  card(null);
  state("connecting");
  $("where").textContent = name;
  $("stop").hidden = false;
  $("order").hidden = !video;
  document.body.dataset.own = video ? "camera" : "";
  document.querySelector("main").scrollTop = 0;
  $("screen").focus({ preventScroll: true });
}

function stopped(title, text) {
  state("ended");
  card("trouble");
  $("trouble").querySelector("h2").textContent = title;
  $("trouble").querySelector("p").textContent = text;
  $("stop").hidden = true;
  figures(null);
}

export function trouble(error) {
  const { title, text } = explain(error);
  document.body.dataset.trouble = error.kind ?? error.name ?? "";
  stopped(title, text);
}

export function ended(reason) {
  document.body.dataset.trouble = "";
  stopped("The picture has ended", reason ? `${reason[0].toUpperCase()}${reason.slice(1)}.`.replace(/\.\.$/, ".") : "");
}

/** Cameras to choose from, before and while one is on; `value`: the one that is chosen. */
export function cameras(list, value = "") {
  const options = () => [{ value: "", label: "Any camera" }, ...list].map((each) => make("option", { value: each.value }, each.label));
  for (const id of ["camera", "live-camera"]) {
    $(id).replaceChildren(...options());
    $(id).value = list.some((each) => each.value === value) ? value : "";
    $(id).parentElement.hidden = list.length < 2;
  }
}

/** Sessions of the server that can be watched. */
export function sessions(list, choose) {
  const open = list.filter(({ state }) => state !== "ended");
  $("running").hidden = open.length === 0;
  $("running")
    .querySelector("ul")
    .replaceChildren(
      ...open.map(({ id, source, state }) => {
        const button = make("button", { type: "button" }, make("b", {}, source), make("span", {}, stateWord(state)));
        button.addEventListener("click", () => choose(id, source));
        return make("li", {}, button);
      }),
    );
}

/** A line under the concepts: a sentence or an error, "" for nothing; `good` when all is well. */
export function note(said, good = false) {
  $("note").textContent = said instanceof Error ? explain(said).text : said;
  $("note").classList.toggle("good", good);
}

/** The same where nothing is said yet: all is well. */
export function remark(said) {
  if (!$("note").textContent) note(said, true);
}

/** Is there a click or a box that can be taken back? */
export function undoable(yes) {
  $("undo").disabled = !yes;
}

function row({ id, color, label, score, stage, tentative }, chosen) {
  const name = make(
    "button",
    { type: "button", ariaPressed: String(id === chosen), title: "Clicks go to this object", data: { id } },
    make("i", { ariaHidden: "true" }),
    make("b", {}, String(id)),
    make("span", {}, label),
    make("small", {}, tentative ? "new" : stage),
    make("output", {}, score.toFixed(2)),
  );
  const remove = { type: "button", ariaLabel: `Remove object ${id}`, title: "Remove", data: { id, remove: "1" } };
  return make("li", { color, data: { object: id } }, name, make("button", remove, "×"));
}

/** The list keeps its elements while the ids stay, so that focus and a press survive the next result. */
export function objects(found, chosen) {
  const shown = found.slice(0, ROWS);
  const list = $("objects");
  $("count").textContent = found.length || "";
  $("nothing").hidden = found.length > 0;
  const same = shown.length === list.children.length && shown.every(({ id }, i) => list.children[i].dataset.object === String(id));
  if (!same) return list.replaceChildren(...shown.map((object) => row(object, chosen)));
  shown.forEach(({ id, color, stage, tentative, score, label }, i) => {
    const [name] = list.children[i].children;
    list.children[i].style.setProperty("--color", color);
    name.ariaPressed = String(id === chosen);
    const [, , what, how, figure] = name.children;
    what.textContent = label;
    how.textContent = tentative ? "new" : stage;
    figure.textContent = score.toFixed(2);
  });
}

/** The line of figures; null: nothing is running. */
export function figures(result, fps = 0, { sync = null, delay = null } = {}, skipped = 0) {
  const set = (id, text) => ($(id).textContent = text);
  const [word, why] = SYNC[sync] ?? ["–", ""];
  set("fps", result ? `${fps.toFixed(1)} fps` : "–");
  set("age", result ? `${Math.round(result.age_ms)} ms` : "–");
  const received = result?.received_ms;
  set("received", received === undefined ? "–" : `${Math.round(received)} ms`);
  const look = result?.looked_at;
  set("look", look ? `${Math.round(look.age_ms)} ms` : "–");
  set("stage-name", look?.stage ?? "–");
  const dropped = result?.dropped;
  set("dropped", result ? String(dropped.source + (dropped.late ?? 0) + dropped.subscriber + skipped) : "–");
  set("sync", word);
  $("sync").title = why;
  document.body.dataset.sync = sync ?? "";
  $("delay-box").hidden = delay === null;
  set("delay", delay === null ? "–" : `${Math.round(delay)} ms`);
}

// Everything around the picture: cards, chips, lists and figures. Gets values, shows them, calls back on input.

import { SYNC, explain, stateWord } from "./words.js";

const EXAMPLES = ["red circle", "blue square", "star", "yellow thing", "triangle"];
const ROWS = 64; // objects listed; the server follows no more

const $ = (id) => document.getElementById(id);
let act = {}; // what the page does on input, see listen()

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** `actions`: webcam, demo, address(url), stop, again, add(text), remove(text), choose(id), removeObject(id). */
export function listen(actions) {
  act = actions;
  for (const name of ["webcam", "demo", "stop", "again"]) $(name).addEventListener("click", () => act[name]());
  $("back").addEventListener("click", () => act.stop());
  $("wait").querySelector("button").addEventListener("click", () => act.stop());
  $("address").addEventListener("submit", (event) => {
    event.preventDefault();
    act.address($("url").value.trim());
  });
  $("add").addEventListener("submit", (event) => {
    event.preventDefault();
    if (act.add($("concept").value)) $("concept").value = "";
  });
  $("prompts").addEventListener("click", ({ target }) => {
    const text = target.closest("button")?.dataset.text;
    if (text !== undefined) act.remove(text);
  });
  $("objects").addEventListener("click", ({ target }) => {
    const { id, remove } = target.closest("button")?.dataset ?? {};
    if (id !== undefined) act[remove ? "removeObject" : "choose"](Number(id));
  });
}

/** Show one of the cards on the stage, or none. */
function card(name) {
  for (const id of ["start", "wait", "trouble"]) $(id).hidden = id !== name;
}

/** Where things stand: the sign in the header, and a banner over the picture while it stands still. */
export function state(state, reason = "") {
  document.body.dataset.state = state;
  $("connection").querySelector("span").textContent = stateWord(state);
  const still = state === "reconnecting" || state === "connecting";
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
  $("wait").querySelector("p").textContent = text;
}

export function started(name) {
  card(null);
  state("connecting");
  $("where").textContent = name;
  $("stop").hidden = false;
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
  stopped(title, text);
}

export function ended(reason) {
  stopped("The picture has ended", reason ? `${reason[0].toUpperCase()}${reason.slice(1)}.`.replace(/\.\.$/, ".") : "");
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

export function prompts(list) {
  $("prompts").replaceChildren(
    ...list.map(({ text, color }) => {
      const button = make("button", { type: "button", ariaLabel: `Stop looking for ${text}`, title: "Remove" }, "×");
      button.dataset.text = text;
      const chip = make("li", {}, make("i", { ariaHidden: "true" }), text, button);
      chip.style.setProperty("--color", color);
      return chip;
    }),
  );
  const taken = list.map(({ text }) => text);
  $("examples").replaceChildren(
    ...EXAMPLES.filter((text) => !taken.includes(text)).map((text) => {
      const button = make("button", { type: "button" }, `+ ${text}`);
      button.addEventListener("click", () => act.add(text));
      return button;
    }),
  );
}

/** A line under the concepts: a sentence or an error, "" for nothing; `good` when all is well. */
export function note(said, good = false) {
  $("note").textContent = said instanceof Error ? explain(said).text : said;
  $("note").classList.toggle("good", good);
}

function row({ id, color, label, score, stage, tentative }, chosen) {
  const name = make(
    "button",
    { type: "button", ariaPressed: String(id === chosen), title: "Clicks go to this object" },
    make("i", { ariaHidden: "true" }),
    make("b", {}, String(id)),
    make("span", {}, label),
    make("small", {}, tentative ? "new" : stage),
    make("output", {}, score.toFixed(2)),
  );
  const remove = make("button", { type: "button", ariaLabel: `Remove object ${id}`, title: "Remove" }, "×");
  name.dataset.id = remove.dataset.id = id;
  remove.dataset.remove = "1";
  const item = make("li", {}, name, remove);
  item.dataset.object = id;
  item.style.setProperty("--color", color);
  return item;
}

/** The list keeps its elements while the ids stay, so that focus and a press survive the next result. */
export function objects(found, chosen) {
  const shown = found.slice(0, ROWS);
  const list = $("objects");
  $("count").textContent = found.length || "";
  $("nothing").hidden = found.length > 0;
  const same = shown.length === list.children.length && shown.every(({ id }, i) => list.children[i].dataset.object === String(id));
  if (!same) return list.replaceChildren(...shown.map((object) => row(object, chosen)));
  shown.forEach(({ id, stage, tentative, score, label }, i) => {
    const [name] = list.children[i].children;
    name.ariaPressed = String(id === chosen);
    name.querySelector("span").textContent = label;
    name.querySelector("small").textContent = tentative ? "new" : stage;
    name.querySelector("output").textContent = score.toFixed(2);
  });
}

/** The line of figures; null: nothing is running. */
export function figures(result, fps = 0, { sync = null, held = null } = {}, skipped = 0) {
  const set = (id, text) => ($(id).textContent = text);
  const [word, why] = SYNC[sync] ?? ["–", ""];
  set("fps", result ? `${fps.toFixed(1)} fps` : "–");
  set("age", result ? `${Math.round(result.age_ms)} ms` : "–");
  set("stage-name", result?.stage ?? "–");
  set("dropped", result ? String(result.dropped.source + result.dropped.subscriber + skipped) : "–");
  set("sync", word);
  $("sync").title = why;
  document.body.dataset.sync = sync ?? "";
  $("delay-box").hidden = held === null;
  set("delay", held === null ? "–" : `${Math.round(held)} ms`);
}

// The panel of models: what is running, what else could, and how far a download or a change is. Values in, callbacks out.

import { $, make } from "./dom.js";
import { explain } from "./words.js";

const QUICK = 3; // seconds of a look up to which a resolution is suggested: masks stay in place that long
const MEGA = 1e6;

let act = {};
let reported = null; // what was told of the last change; one that was over before this page came is news to nobody

/** `act`: fetch(name), use(name, resolution), opened(). */
export function listen(callbacks) {
  act = callbacks;
  $("models").addEventListener("toggle", () => $("models").open && act.opened());
  $("model-list").addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    if (!button) return;
    const { model } = button.closest("li").dataset;
    if (button.dataset.does === "fetch") act.fetch(model);
    else act.use(model, Number(button.closest("li").querySelector("select").value));
  });
  $("model-list").addEventListener("change", ({ target }) => settle(target.closest("li")));
  $("offer").querySelector("button").addEventListener("click", ({ currentTarget }) => reveal(currentTarget.dataset.model));
}

export const open = () => $("models").open && !$("models").hidden;

/** A line in the panel: what went wrong, or how it stands; "" for nothing. */
export function said(words) {
  $("model-said").textContent = words instanceof Error ? words.message || explain(words).text : words;
}

/** Show what the server says of its models; only to who may change something. */
export function show({ running, others, change, may_manage: mayManage }) {
  $("models").hidden = !mayManage;
  if (!mayManage) return;
  $("model-name").textContent = running?.title ?? "none";
  const busy = { change: change?.state === "running", download: others.some((each) => each.download?.state === "running") };
  const rows = [...(running ? [{ ...running, isRunning: true, expected: [] }] : []), ...others];
  const known = new Map([...$("model-list").children].map((item) => [item.dataset.model, item]));
  const wanted = rows.map((model) => fill(known.get(model.name) ?? row(model), model, busy));
  for (const item of known.values()) if (!wanted.includes(item)) item.remove();
  wanted.forEach((item, i) => $("model-list").children[i] !== item && $("model-list").insertBefore(item, $("model-list").children[i] ?? null));
  report(change, rows);
}

/** Say in the hint that a model would know these words, with a way to it; null: none would. */
export function offer(model, words) {
  $("offer").hidden = !model;
  if (!model) return;
  const named = words.map((word) => `“${word}”`).join(", ");
  $("offer").querySelector("span").textContent = `${model.title} would know ${named}.`;
  $("offer").querySelector("button").dataset.model = model.name;
}

/** Open the panel at a model. */
function reveal(name) {
  $("models").open = true;
  const item = $("model-list").querySelector(`[data-model="${CSS.escape(name ?? "")}"]`);
  item?.scrollIntoView({ block: "nearest" });
  item?.querySelector("button")?.focus({ preventScroll: true });
}

function row({ name, title }) {
  return make(
    "li",
    { data: { model: name } },
    make("b", {}, title),
    make("p", { className: "about" }),
    make("p", { className: "figures" }),
    make("progress", { hidden: true, ariaLabel: `Download of ${title}` }),
    make("p", { className: "why", hidden: true }),
    make("div", { className: "row" }, make("select", { ariaLabel: `Resolution of ${title}` }), make("button", { type: "button" })),
  );
}

/** The row as it is now; its elements stay, so that focus and a choice in somebody's hand survive. */
function fill(item, model, busy) {
  const [, about, figures, progress, why, { firstChild: select, lastChild: button }] = item.children;
  const { name, title, knows, isRunning = false, download = null } = model;
  item.ariaCurrent = isRunning ? "true" : null;
  text(about, knows ?? "");
  text(figures, facts(model));
  choices(select, model);
  const loading = download?.state === "running";
  progress.hidden = !loading;
  if (loading) Object.assign(progress, { max: download.size || 1, value: download.done });
  text(why, download?.state === "failed" ? download.why : "");
  why.hidden = !why.textContent;
  const fetching = !isRunning && !model.downloaded;
  select.hidden = fetching || select.options.length < 2;
  Object.assign(item.dataset, { isRunning: isRunning ? "1" : "", resolution: model.resolution ?? "" });
  button.dataset.does = fetching ? "fetch" : "use";
  text(button, fetching ? word(download) : "Use");
  button.ariaLabel = `${button.textContent} ${title}`;
  item.dataset.busy = (fetching ? busy.download : busy.change) ? "1" : "";
  settle(item);
  return item;
}

/** A running model can be used at another resolution than its own, and at no other time pressed. */
function settle(item) {
  const { busy, isRunning, resolution } = item.dataset;
  const [select, button] = [item.querySelector("select"), item.querySelector("button")];
  button.disabled = Boolean(busy) || (Boolean(isRunning) && select.value === resolution);
  button.hidden = Boolean(isRunning) && select.options.length < 2;
}

const word = (download) => (download?.state === "running" ? "Downloading…" : download?.state === "failed" ? "Go on" : "Download");

function facts({ isRunning, resolution, size, licence, on_request: onRequest, download, expected, downloaded }) {
  const [first] = expected;
  const quick = suggested(expected);
  const at = (each) => `${seconds(each)} at ${each.resolution} px`;
  const look = quick && (quick === first ? at(first) : `${at(quick)}, ${at(first)}`);
  return [
    isRunning && `running at ${resolution} px`,
    download?.state === "running" && percent(download),
    !isRunning && size && !downloaded && download?.state !== "running" && bytes(size),
    onRequest && !downloaded && "given out on request",
    look && `a look here: ${look}`,
    licence,
  ]
    .filter(Boolean)
    .join(" · ");
}

const seconds = ({ seconds: time, measured }) => (measured ? `${time.toFixed(2)} s` : `about ${Number(time.toPrecision(1))} s`);
const bytes = (size) => (size >= 1000 * MEGA ? `${(size / 1000 / MEGA).toFixed(1)} GB` : `${Math.round(size / MEGA)} MB`);
const percent = ({ done, size }) => (size ? `${bytes(done)} of ${bytes(size)} (${Math.floor((100 * done) / size)} %)` : "asking for it");

/** The largest resolution whose look is quick enough; else the quickest. */
const suggested = (expected) => expected.find((each) => each.seconds <= QUICK) ?? expected.at(-1);

/** The resolutions of a model; the choice that is there stays. */
function choices(select, { expected, resolutions, resolution }) {
  const list = resolutions.map((side) => expected.find((each) => each.resolution === side) ?? { resolution: side });
  const same = select.options.length === list.length && list.every((each, i) => Number(select.options[i].value) === each.resolution);
  const labels = list.map((each) => `${each.resolution} px${each.seconds ? `, ${seconds(each)}` : ""}`);
  if (same) return labels.forEach((label, i) => text(select.options[i], label));
  select.replaceChildren(...list.map((each, i) => make("option", { value: String(each.resolution) }, labels[i])));
  const chosen = resolution ?? suggested(expected)?.resolution;
  if (chosen) select.value = String(chosen);
}

/** What there is to say of the change that was made last; each word of it once. */
function report(change, rows) {
  const title = rows.find(({ name }) => name === change?.name)?.title ?? change?.name;
  const words = {
    running: `Going over to ${title}: ${change?.words}. Until then the present model answers.`,
    failed: `${title} cannot be used: ${change?.why} The present model goes on.`,
    done: `${title} answers now. Objects are found anew; click again what you clicked.`,
  }[change?.state];
  const now = JSON.stringify([change?.name, change?.resolution, change?.state, change?.words, change?.why]);
  const news = reported === null ? change?.state === "running" : now !== reported;
  reported = now;
  if (news && words) said(words);
}

function text(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

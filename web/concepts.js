// The list of concepts, each with its colour and threshold, and the examples to begin with.

import { $, make } from "./dom.js";
import { PALETTE } from "./prompts.js";

const COLORS = {
  red: "#e5484d",
  orange: "#f76b15",
  yellow: "#f5d90a",
  green: "#30a46c",
  cyan: "#05b9d6",
  blue: "#3e63dd",
  purple: "#8e4ec6",
  pink: "#e93d82",
};
const SHAPES = ["circle", "square", "triangle", "star", "heart", "ring", "crescent"];
const THINGS = ["dog", "cat", "frog", "owl", "pear", "lemon", "strawberry", "grape", "pizza", "car", "bus", "tree", "flower", "umbrella"];
const ANYTHING = ["person", "face", "hand", "cup", "phone", "bottle", "chair", "laptop", "book", "dog", "cat", "car", "plant"];

const words = (texts) => texts.map((text) => ({ text, label: text }));
// What each model knows; a chip may show less than it asks for.
const EXAMPLES = {
  nano: {
    Shapes: words(SHAPES),
    Colours: Object.entries(COLORS).map(([label, color]) => ({ text: `${label} thing`, label, color })),
    Things: words(THINGS),
  },
  sam3: { Things: words(ANYTHING) },
};

let examples = EXAMPLES.nano;
let taken = [];

/** `act`: add(text), remove(key), setThreshold(key, value), setColor(key, color). */
export function listenToConcepts(act) {
  $("add").addEventListener("submit", (event) => {
    event.preventDefault();
    if (act.add($("concept").value)) $("concept").value = "";
  });
  $("prompts").addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    if (!button) return;
    const item = button.closest("li");
    const next = item.nextElementSibling ?? item.previousElementSibling;
    act.remove(item.dataset.key);
    // Whoever removes by keyboard goes on from there.
    ($("prompts").querySelector(`[data-key="${CSS.escape(next?.dataset.key ?? "")}"] button`) ?? $("concept")).focus({ preventScroll: true });
  });
  $("prompts").addEventListener("input", ({ target }) => {
    const { key } = target.closest("li").dataset;
    if (target.type === "color") act.setColor(key, target.value);
    else {
      const value = Number(target.value);
      target.nextElementSibling.textContent = value.toFixed(2);
      act.setThreshold(key, value);
    }
  });
  $("palette").replaceChildren(...PALETTE.map((value) => make("option", { value })));
  $("examples").addEventListener("click", ({ target }) => {
    const { text } = target.closest("button")?.dataset ?? {};
    if (text) act.add(text);
  });
}

function row({ key, name, color, threshold }) {
  const swatch = make("input", { type: "color", value: color, title: "Colour", ariaLabel: `Colour of ${name}` });
  swatch.setAttribute("list", "palette");
  const range = { type: "range", min: "0.05", max: "0.95", step: "0.05", title: "Threshold: least score that is shown" };
  const slider = make("input", { ...range, ariaLabel: `Threshold of ${name}` });
  slider.value = threshold;
  return make(
    "li",
    { data: { key }, color },
    swatch,
    make("span", { className: "name" }, name),
    slider,
    make("output", {}, threshold.toFixed(2)),
    make("button", { type: "button", ariaLabel: `Stop looking for ${name}`, title: "Remove", data: { remove: "1" } }, "×"),
    make("small", { hidden: true }),
  );
}

/** Show the list; rows stay while their prompts do, so that focus and a slider in somebody's hand survive. */
export function prompts(list) {
  const rows = new Map([...$("prompts").children].map((item) => [item.dataset.key, item]));
  const wanted = list.map((prompt) => {
    const known = rows.get(prompt.key);
    if (!known) return row(prompt);
    known.style.setProperty("--color", prompt.color);
    known.querySelector("[type=color]").value = prompt.color;
    const slider = known.querySelector("[type=range]");
    if (slider !== document.activeElement) slider.value = prompt.threshold; // not one in somebody's hand
    known.querySelector("output").textContent = Number(slider.value).toFixed(2);
    return known;
  });
  for (const item of rows.values()) if (!wanted.includes(item)) item.remove();
  wanted.forEach((item, i) => $("prompts").children[i] !== item && $("prompts").insertBefore(item, $("prompts").children[i] ?? null));
  taken = list.map(({ text }) => text);
  chips();
}

/** Say under each concept that finds nothing at all for now why that is; `notes`: by key. */
export function resting(notes) {
  for (const item of $("prompts").children) {
    const line = item.querySelector("small");
    const why = notes.get(item.dataset.key) ?? "";
    if (line.textContent === why) continue;
    line.textContent = why;
    line.hidden = !why;
  }
}

/** Examples of what this model knows. */
export function setModel(name) {
  examples = EXAMPLES[name] ?? EXAMPLES.sam3;
  chips();
}

function chips() {
  const focused = document.activeElement?.dataset.text;
  const groups = Object.entries(examples).map(([title, list]) => {
    const buttons = list
      .filter(({ text }) => !taken.includes(text))
      .map(({ text, label, color }) => {
        const dot = color ? [make("i", { ariaHidden: "true", color })] : [];
        return make("button", { type: "button", ariaLabel: `Look for ${text}`, data: { text } }, ...dot, label);
      });
    return make("div", { className: "chips", role: "group", ariaLabel: title }, make("span", {}, title), ...buttons);
  });
  $("examples").replaceChildren(...groups);
  if (focused) $("examples").querySelector("button")?.focus({ preventScroll: true });
}

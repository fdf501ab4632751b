// The list of concepts: words and example boxes, their colours and thresholds. A plain value and functions that make a
// new one; the page keeps it. A prompt: `{key, text | null, boxes?, labels?, frame_index?, name, color, threshold, id?}`.

export const MOST = 16; // the server's limit
export const THRESHOLD = 0.5; // until the running model has told its own

// Told apart with the common kinds of colour blindness, and bright enough to lie over video (after Okabe and Ito).
export const PALETTE = ["#56c7f2", "#f5b53d", "#f08bc0", "#4fd6a4", "#f4e36b", "#ff8657", "#a9a4ff", "#c8d46a"];
const PICKED = "#ffffff"; // objects made by clicks and boxes

const tidy = (text) => text.trim().replace(/\s+/g, " ");

function color(list) {
  const used = list.map((prompt) => prompt.color);
  return PALETTE.find((one) => !used.includes(one)) ?? PALETTE[list.length % PALETTE.length];
}

/** Add a concept, for scores of `threshold` and more: `{list, refusal}`, with `refusal` in words when the list stays as it is. */
export function add(list, typed, threshold) {
  const text = tidy(typed);
  if (!text) return { list, refusal: "Type what to look for first." };
  if (list.some((prompt) => prompt.text?.toLowerCase() === text.toLowerCase()))
    return { list, refusal: `“${text}” is already in the list.` };
  if (list.length >= MOST) return { list, refusal: full() };
  const prompt = { key: text.toLowerCase(), text, name: text, color: color(list), threshold };
  return { list: [...list, prompt], refusal: "" };
}

/** Add an example box, in pixels of frame `index`: `{list, refusal, key}`. */
export function addExample(list, box, index, threshold) {
  if (list.length >= MOST) return { list, refusal: full(), key: null };
  const numbers = list.map(({ key }) => Number(/^example-(\d+)$/.exec(key)?.[1] ?? 0));
  const number = Math.max(0, ...numbers) + 1;
  const key = `example-${number}`;
  const name = `Example ${number}`;
  const prompt = { key, id: key, text: null, boxes: [box], labels: [true], frame_index: index, name, color: color(list), threshold };
  return { list: [...list, prompt], refusal: "", key };
}

const full = () => `${MOST} concepts at once is the most. Remove one first.`;

export function remove(list, key) {
  return list.filter((prompt) => prompt.key !== key);
}

/** The list with some values of one prompt replaced. */
export function change(list, key, values) {
  return list.map((prompt) => (prompt.key === key ? { ...prompt, ...values } : prompt));
}

/** The list with the threshold of prompts that nobody has changed, `before`, replaced by `now`. */
export function moved(list, before, now) {
  return list.map((prompt) => (prompt.threshold === before ? { ...prompt, threshold: now } : prompt));
}

/** Take over the list a session has, as the server tells it. */
export function adopt(told) {
  return told.reduce((list, { text, id, boxes, box_labels: labels, output_prob_thresh: threshold }, i) => {
    const name = text ?? `Example ${i + 1}`;
    return [...list, { key: id ?? name.toLowerCase(), id, text, boxes, labels, name, color: color(list), threshold: threshold ?? THRESHOLD }];
  }, []);
}

/** What a new session can be asked for: an example box belongs to a frame of the old one. */
export const lasting = (list) => list.filter(({ boxes }) => !boxes);

/** The API's form of the list. */
export function wire(list) {
  return list.map(({ text, id, boxes, labels, frame_index, threshold }) => ({
    type: text ? "text" : "visual",
    ...(text ? { text } : {}),
    ...(id ? { id } : {}),
    ...(boxes ? { boxes, box_labels: labels } : {}),
    ...(frame_index === undefined ? {} : { frame_index }),
    output_prob_thresh: threshold,
  }));
}

/** The list as another page of the session has made it; what is the same prompt keeps its colour and its name here. */
export function merge(list, told) {
  return adopt(told).reduce((merged, prompt) => {
    const known = list.find(({ key }) => key === prompt.key);
    return [...merged, known ? { ...known, text: prompt.text, threshold: prompt.threshold } : { ...prompt, color: color(merged) }];
  }, []);
}

/** Do a result's entries belong to this list, in its order? */
export function matches(list, entries) {
  const asked = entries.map(({ echo }) => echo).filter((echo) => echo.text || echo.num_boxes);
  const same = ({ text, boxes }, echo) => (text ? text === echo.text : Boolean(boxes) && !echo.text);
  return asked.length === list.length && list.every((prompt, i) => same(prompt, asked[i]));
}

/** Why prompts find nothing at all for now, in the server's words, by their keys. */
export function resting(list, entries) {
  return new Map(entries.flatMap(({ echo, note }) => (note && list[echo.prompt_index] ? [[list[echo.prompt_index].key, note]] : [])));
}

/** Colour and name for a `prompt_results` entry; a text ties it to the list, since indices move when a prompt goes. */
export function look(list, { echo }) {
  if (echo.type === "visual" && !echo.num_boxes) return { color: PICKED, label: "picked" };
  const at = list[echo.prompt_index];
  const prompt = echo.text ? list.find(({ text }) => text === echo.text) : at?.boxes ? at : list.find(({ boxes }) => boxes);
  return { color: prompt?.color ?? PALETTE[echo.prompt_index % PALETTE.length], label: prompt?.name ?? echo.text ?? "example" };
}

// The list of concepts and their colours. A plain value and functions that make a new one; the page keeps it.

export const MOST = 16; // the server's limit

// Told apart with the common kinds of colour blindness, and bright enough to lie over video (after Okabe and Ito).
const PALETTE = ["#56c7f2", "#f5b53d", "#f08bc0", "#4fd6a4", "#f4e36b", "#ff8657", "#a9a4ff", "#c8d46a"];
const PICKED = "#ffffff"; // objects made by clicks and boxes

const tidy = (text) => text.trim().replace(/\s+/g, " ");

/** Add a concept: `{list, refusal}`, with `refusal` in words when the list stays as it is. */
export function add(list, typed) {
  const text = tidy(typed);
  if (!text) return { list, refusal: "Type what to look for first." };
  if (list.some((prompt) => prompt.text.toLowerCase() === text.toLowerCase()))
    return { list, refusal: `“${text}” is already in the list.` };
  if (list.length >= MOST) return { list, refusal: `${MOST} concepts at once is the most. Remove one first.` };
  const used = list.map((prompt) => prompt.color);
  const color = PALETTE.find((one) => !used.includes(one)) ?? PALETTE[list.length % PALETTE.length];
  return { list: [...list, { text, color }], refusal: "" };
}

export function remove(list, text) {
  return list.filter((prompt) => prompt.text !== text);
}

/** The API's form of the list. */
export function wire(list) {
  return list.map(({ text }) => ({ type: "text", text }));
}

/** Colour and name for a `prompt_results` entry; the text ties it to the list, since indices move when a prompt goes. */
export function look(list, { echo }) {
  if (echo.type === "visual" && !echo.text) return { color: PICKED, label: "picked" };
  const prompt = list.find(({ text }) => text === echo.text);
  return { color: prompt?.color ?? PALETTE[echo.prompt_index % PALETTE.length], label: echo.text ?? "" };
}

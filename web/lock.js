// The dialog that asks for a key, for every page that needs one.

import { asking } from "./keys.js";
import { make } from "./dom.js";

const TITLE = "This server wants a key";
const WRONG = "The server does not know this key.";
const AWAY = "The server does not answer. Try again.";

export function listenToLock() {
  const input = make("input", { id: "key", type: "password", autocomplete: "current-password", required: true });
  const said = make("p", { id: "key-trouble", role: "alert" });
  const later = make("button", { id: "key-later", type: "button" }, "Not now");
  const open = make("button", { type: "submit", className: "primary" }, "Open");
  const label = make("label", { htmlFor: "key" }, "Key");
  const form = make(
    "form",
    {},
    make("h2", {}, TITLE),
    make("p", {}, label, input),
    said,
    make("div", { className: "row" }, open, later),
  );
  const dialog = make("dialog", { id: "lock", className: "card", ariaLabel: TITLE }, form);
  document.body.append(dialog);

  asking((exchange) => {
    said.textContent = "";
    input.value = "";
    dialog.showModal();
    return new Promise((resolve) => {
      const done = () => {
        form.onsubmit = dialog.onclose = null;
        input.value = "";
        resolve(dialog.returnValue === "open");
      };
      dialog.returnValue = "";
      dialog.onclose = done;
      form.onsubmit = async (event) => {
        event.preventDefault();
        const failed = await exchange(input.value.trim()).catch((error) => error);
        if (failed) said.textContent = words(failed);
        else dialog.close("open");
      };
    });
  });
  later.addEventListener("click", () => dialog.close(""));
}

function words({ status, retryAfter }) {
  if (status === 401) return WRONG;
  if (status === 429) return `Too many wrong keys came from here. Try again in ${retryAfter ?? 60} seconds.`;
  return AWAY;
}

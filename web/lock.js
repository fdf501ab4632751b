// The dialog that asks for a key.

import { asking } from "./keys.js";
import { $ } from "./dom.js";

const WRONG = "The server does not know this key.";
const AWAY = "The server does not answer. Try again.";

export function listenToLock() {
  const [dialog, input, said] = [$("lock"), $("key"), $("key-trouble")];
  const form = dialog.querySelector("form");

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
  $("key-later").addEventListener("click", () => dialog.close(""));
}

function words({ status, retryAfter }) {
  if (status === 401) return WRONG;
  if (status === 429) return `Too many wrong keys came from here. Try again in ${retryAfter ?? 60} seconds.`;
  return AWAY;
}

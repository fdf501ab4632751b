// The row of tools under the picture: what a box becomes, undo, how pictures and masks are brought together, files.

import { coco } from "./coco.js";
import { $ } from "./dom.js";
import { note } from "./panel.js";
import { Recording, canRecord, fileName, save, snapshot } from "./save.js";

const KEPT = "sam3-streamer-order"; // the person's choice, kept in the browser

function remembered() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null; // storage may be forbidden; then the choice lasts as long as the page
  }
}

function remember(value) {
  try {
    localStorage.setItem(KEPT, value);
  } catch {
    // see above
  }
}

/** Wire the tools to the app; `switchCamera(value)` goes over to another camera. */
export function listenToTools(app, switchCamera) {
  const chosen = (name) => document.querySelector(`input[name="${name}"]:checked`).value;
  for (const radio of document.querySelectorAll('input[name="box"]')) {
    radio.addEventListener("change", () => (app.edits.boxIs = chosen("box")));
  }
  for (const radio of document.querySelectorAll('input[name="order"]')) {
    radio.checked = radio.value === (remembered() ?? "step");
    radio.addEventListener("change", () => {
      remember(chosen("order"));
      app.setInStep(chosen("order") === "step");
    });
  }
  app.setInStep(chosen("order") === "step");
  $("undo").addEventListener("click", () => app.edits.undo());
  $("live-camera").addEventListener("change", () => switchCamera($("live-camera").value));
  $("snapshot").addEventListener("click", () => shoot(app));
  $("record").hidden = !canRecord();
  $("record").addEventListener("click", recorder(app));
  $("export").addEventListener("click", () => exportMasks(app));
}

async function shoot({ screen }) {
  if (!screen.view) return note("There is no picture yet.");
  save(await snapshot($("screen"), screen.view), fileName("png"));
}

async function exportMasks({ minute, running }) {
  if (!minute.entries.length) return note("There are no masks yet.");
  $("export").disabled = true;
  save(await coco([...minute.entries], running?.name ?? "a video"), fileName("json"));
  $("export").disabled = false;
}

/** The record button: the first press starts, the second one ends and saves. */
function recorder({ screen }) {
  let recording = null;
  let clock = 0;
  const button = $("record");
  const end = async () => {
    const done = recording;
    recording = screen.ondraw = null;
    clearInterval(clock);
    button.ariaPressed = "false";
    button.querySelector("span").textContent = "Record";
    const blob = await done.stop();
    if (!blob) return note("Nothing was shown, so nothing was recorded.");
    save(blob, fileName(done.type === "video/mp4" ? "mp4" : "webm"));
    if (done.full) note("The recording was as long as it may be, and was saved.");
  };
  return () => {
    if (recording) return end();
    recording = new Recording();
    screen.ondraw = (canvas, view) => recording.add(canvas, view);
    screen.redraw();
    button.ariaPressed = "true";
    clock = setInterval(() => {
      const seconds = Math.floor((performance.now() - recording.started) / 1000);
      button.querySelector("span").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
      if (recording.full || document.body.dataset.state === "ended" || document.body.dataset.state === "idle") end();
    }, 500);
  };
}

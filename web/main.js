// The page: its parts, and what belongs to which.

import { modelName } from "./api.js";
import { App } from "./app.js";
import { cameras, onCameras } from "./camera.js";
import { $ } from "./dom.js";
import { listenToLock } from "./lock.js";
import { hover } from "./marks.js";
import { under } from "./objects.js";
import { Painter } from "./painter.js";
import * as panel from "./panel.js";
import { Models } from "./models.js";
import { listen } from "./pointer.js";
import { Screen } from "./screen.js";
import { SHAPES, THINGS, openAddress } from "./sources.js";
import { Timeline } from "./timeline.js";
import { listenToTools } from "./tools.js";
import { Webcam } from "./webcam.js";

const LOADING = 3000; // ms between looks at whether a model is loaded

const screen = new Screen($("screen"));
const painter = new Painter();
const app = new App(screen, painter);
const timeline = new Timeline($("timeline"), $("timeline-words"), app.minute);
let camera = ""; // value of cameras(), the one in use
let webcamConcepts = SHAPES.concepts;

function openDemo({ address, name, concepts }) {
  app.suggest(concepts);
  app.start(name, (texts) => openAddress(address, texts));
}

function openWebcam() {
  camera = $("camera").value;
  app.suggest(webcamConcepts);
  app.start("Webcam", async (texts, on) => {
    const webcam = await Webcam.open(camera, texts, on);
    await listCameras(); // names can be read now
    return webcam;
  });
}

async function listCameras() {
  panel.cameras(await cameras(), camera);
}

async function switchCamera(value) {
  try {
    await app.running?.source.switch(value);
    camera = value;
  } catch (error) {
    panel.note(error);
    await listCameras();
  }
}

/** Examples and suggestions are those of the model that is loaded; it may still be loading. */
async function askModel() {
  const name = await modelName();
  if (!name) return setTimeout(askModel, LOADING);
  know(name);
  app.learn();
  if (name !== "nano") app.suggest(webcamConcepts);
}

function know(name) {
  panel.setModel(name);
  webcamConcepts = name === "nano" ? SHAPES.concepts : ["person"];
}

function choose(id) {
  screen.chosen = screen.chosen === id ? null : id;
  panel.objects(screen.found, screen.chosen);
}

function point(at) {
  const object = at && under(screen.found, at);
  const { width, height } = $("stage").getBoundingClientRect();
  hover($("hover"), object, at && screen.place(at), { width, height });
  if (app.running) app.running.player.near = object?.id ?? null;
}

async function remove(at) {
  const object = at && under(screen.found, at);
  const id = object?.id ?? screen.chosen;
  if (id !== null) await app.edits.remove(id);
}

const refresh = listen($("screen"), screen, {
  onPoint: (at, positive, frame) => app.edits.click(at, positive, frame),
  onBox: (box, frame) => app.edits.box(box, frame),
  onHover: point,
  onDelete: remove,
  onUndo: () => app.edits.undo(),
});
app.onShown = refresh;
app.onModel = ({ name }) => know(name);
const models = new Models((told) => app.meet(told.running));
app.onModels = (told) => models.hear(told);
app.onUntaught = (words) => models.offer(words);

panel.listen({
  webcam: openWebcam,
  shapes: () => openDemo(SHAPES),
  things: () => openDemo(THINGS),
  address: (url) => app.start("the address", (texts) => openAddress(url, texts)), // which may hold a password
  stop: () => app.idle(),
  again: () => app.again(),
  add: (text) => app.add(text),
  remove: (key) => app.remove(key),
  setThreshold: (key, value) => app.setThreshold(key, value),
  setColor: (key, color) => app.setColor(key, color),
  choose,
  removeObject: (id) => app.edits.remove(id),
});
listenToTools(app, switchCamera);
listenToLock();
onCameras(async () => {
  await listCameras();
  if (document.body.dataset.state === "ended" && document.body.dataset.trouble === "unplugged") app.again();
});
// A page that is left ends what it started: a camera nobody looks at costs somebody else a place.
window.addEventListener("pagehide", () => app.stop());
app.suggest(webcamConcepts);
listCameras();
askModel();
painter.where.then((where) => (document.body.dataset.painter = where));
app.idle();
timeline.start();

// The page: what the buttons do, and the way from idle to running and back. Everything shown goes through panel.js.

import { listSessions, whenLoaded } from "./api.js";
import { Meter } from "./meter.js";
import * as panel from "./panel.js";
import { Player } from "./player.js";
import { listen, target } from "./pointer.js";
import * as prompts from "./prompts.js";
import { Screen } from "./screen.js";
import { Session } from "./session.js";
import { openAddress, openWebcam, watch } from "./sources.js";

const screen = new Screen(document.getElementById("screen"));
let concepts = [];
let adopted = false; // has a watched session's own list been taken over?
let running = null; // {source, session, player}
let attempt = 0; // counts starts: a start that was overtaken lets go of what it opened
let last = null; // how to try again

const texts = () => concepts.map(({ text }) => text);

/** Open a source and show it. `open(prompts, onlost)` is one of the ways of sources.js. */
async function start(name, open) {
  stop();
  const mine = ++attempt;
  last = () => start(name, open);
  panel.waiting(`Opening ${name}…`);
  try {
    const opened = () => open(texts(), (error) => mine === attempt && fail(error));
    const waits = () => mine === attempt && (panel.waiting("The model is loading…"), true);
    const source = await whenLoaded(opened, waits);
    if (mine !== attempt) return source?.stop();
    run(source.name ?? name, source);
  } catch (error) {
    if (mine === attempt) fail(error);
  }
}

function run(name, source) {
  adopted = source.own;
  const meter = new Meter();
  const player = new Player(screen, source, (entry) => prompts.look(concepts, entry), (result, found, how) => {
    meter.tick();
    panel.figures(result, meter.fps(), how, player.skipped);
    panel.objects(found, screen.chosen);
  });
  const session = new Session(source.id, {
    pictures: source.pictures,
    on: {
      result(result, blob) {
        if (!adopted) adopt(result);
        player.put(result, blob);
      },
      state(state, reason) {
        if (state === "ended") end(reason);
        else panel.state(state, reason);
      },
      line(up) {
        if (!up) panel.state("reconnecting", "the server does not answer");
        else if (concepts.length) send();
      },
      failure: panel.note,
      gone: fail,
    },
  });
  running = { source, session, player };
  panel.started(name);
}

/** A watched session has concepts already: take its list over instead of replacing it. */
function adopt(result) {
  adopted = true;
  concepts = [];
  for (const { echo } of result.prompt_results ?? []) if (echo.text) concepts = prompts.add(concepts, echo.text).list;
  panel.prompts(concepts);
}

function stop() {
  attempt++;
  if (!running) return;
  const { source, session, player } = running;
  running = null;
  session.close();
  player.close();
  source.stop();
  panel.objects([], null);
}

function fail(error) {
  stop();
  panel.trouble(error);
}

function end(reason) {
  stop();
  panel.ended(reason);
}

async function idle() {
  stop();
  panel.idle();
  const sessions = await listSessions().catch(() => []);
  panel.sessions(sessions, (id, name) => start(name, async () => watch(id)));
}

/** Tell the server the present list; its hints about words it was never taught are shown. */
async function send() {
  if (!running || !adopted) return;
  try {
    const ack = await running.session.ask({ type: "prompts", prompts: prompts.wire(concepts) });
    panel.note(ack.hint ?? "");
  } catch (error) {
    if (error.kind !== "offline") panel.note(error); // a line that is down sends the list when it is back
  }
}

function add(text) {
  const { list, refusal } = prompts.add(concepts, text);
  panel.note(refusal);
  if (refusal) return false;
  concepts = list;
  panel.prompts(concepts);
  send();
  return true;
}

function remove(text) {
  concepts = prompts.remove(concepts, text);
  panel.prompts(concepts);
  panel.note("");
  send();
}

/** A click on an object says more about that object; one beside all of them makes a new one. */
async function click(point, positive, frame) {
  if (!running) return;
  const { session } = running;
  const id = target(screen.found, screen.chosen, point, positive);
  if (id === null && !positive) return panel.note("There is no object here to take something away from.");
  const message = { type: "click", frame_index: frame.index, points: [{ ...point, positive }] };
  if (id !== null) message.object_id = id;
  try {
    const ack = await session.ask(message);
    panel.note(id === null ? `Object ${ack.object_id} is followed.` : "", true);
  } catch (error) {
    panel.note(error);
  }
}

async function box(box, frame) {
  if (!running) return;
  try {
    const ack = await running.session.ask({ type: "box", frame_index: frame.index, box });
    panel.note(`Object ${ack.object_id} is followed.`, true);
  } catch (error) {
    panel.note(error);
  }
}

async function removeObject(id) {
  try {
    await running?.session.ask({ type: "remove", object_id: id });
    if (screen.chosen === id) screen.chosen = null;
  } catch (error) {
    panel.note(error);
  }
}

function choose(id) {
  screen.chosen = screen.chosen === id ? null : id;
  screen.redraw();
  panel.objects(screen.found, screen.chosen);
}

panel.listen({
  webcam: () => start("Webcam", openWebcam),
  demo: () => start("Synthetic camera", (list) => openAddress("demo:", list)),
  address: (url) => start(url, (list) => openAddress(url, list)),
  stop: idle,
  again: () => last?.(),
  add,
  remove,
  choose,
  removeObject,
});
listen(document.getElementById("screen"), screen, { onPoint: click, onBox: box });
// A page that is left ends what it started: a camera nobody looks at costs somebody else a place.
window.addEventListener("pagehide", stop);
add("red circle");
idle();

// The way from idle to running and back, and what is looked for. Everything shown goes through panel.js.

import { Refused, listSessions, modelList, readSession, whenLoaded } from "./api.js";
import { Edits } from "./edits.js";
import { Meter } from "./meter.js";
import { Minute } from "./minute.js";
import * as panel from "./panel.js";
import { Player } from "./player.js";
import * as prompts from "./prompts.js";
import { Session } from "./session.js";
import { watch } from "./sources.js";

// ms between tries to open a source again whose server went away: a restart with the full-size model takes minutes
const REOPEN = [0, 1000, 2000, 3000, 5000, ...Array(30).fill(8000)];
const OTHERS = 3; // results in a row with another list than this page's, before the session is asked for its own
const READABLE = 250; // ms between two writings of the figures: thirty a second cannot be read
const SETTLING = 150; // ms that a slider has to rest before its value is sent

const passing = ({ kind, status, hangs }) => kind === "offline" || kind === "connection" || status === 429 || hangs;

export class App {
  concepts = [];
  threshold = prompts.THRESHOLD; // of new concepts
  own = false; // has the person changed the list of concepts?
  running = null; // {name, source, session, player}
  minute = new Minute();
  edits = new Edits(this);
  inStep = true;
  onShown = () => {}; // after each result shown
  onModels = () => {}; // what the server says of its models, where this page has asked
  onModel = () => {}; // the model that answers, when it is another
  onUntaught = () => {}; // words of the list that the model was never taught
  #model = ""; // name of the model that answers, once it is known
  #adopted = false; // has a watched session's own list been taken over?
  #attempt = 0; // counts starts: a start that was overtaken lets go of what it opened
  #last = null; // {name, open}: how to try again
  #settle = 0;
  #asking = 0; // lists on their way to the server
  #differs = 0; // results in a row that were made with another list

  constructor(screen, painter) {
    this.screen = screen;
    this.painter = painter;
  }

  /** Open a source and show it. `open(prompts, on)` is one of the ways of sources.js and webcam.js. */
  async start(name, open) {
    this.stop();
    const mine = ++this.#attempt;
    this.#last = { name, open };
    panel.waiting(`Opening ${name}…`);
    try {
      await this.#open(name, open, mine);
    } catch (error) {
      if (mine === this.#attempt) this.fail(error);
    }
  }

  async #open(name, open, mine) {
    const texts = this.concepts.map(({ text }) => text).filter(Boolean);
    const on = {
      lost: (error) => mine === this.#attempt && this.#gone(error),
      line: (up) => mine === this.#attempt && this.#line(up),
    };
    const waits = () => mine === this.#attempt && (panel.waiting("The model is loading…"), true);
    const source = await whenLoaded(() => open(texts, on), waits);
    if (mine !== this.#attempt) return source?.stop();
    this.#run(source.name ?? name, source);
    this.learn();
  }

  #run(name, source) {
    this.#adopted = source.own;
    this.minute.clear(); // ids begin anew
    const meter = new Meter();
    let figures = -READABLE; // when they were written last
    const look = (entry) => prompts.look(this.concepts, entry);
    const shown = (result, found, how) => {
      if (this.minute.entries.at(-1)?.result.frame.index !== result.frame.index) meter.tick(); // not one told again
      this.minute.add(result, found);
      const now = performance.now();
      if (now >= figures + READABLE) {
        figures = now;
        panel.figures(result, meter.fps(), how, player.skipped);
      }
      panel.objects(found, this.screen.chosen);
      const stage = result.looked_at?.stage ?? "flow"; // flow asks for nothing, and so do frames before the first look
      if (stage !== "flow") panel.resting(prompts.resting(this.concepts, result.prompt_results));
      this.#compare(result.prompt_results);
      this.onShown();
    };
    const player = new Player(this.screen, this.painter, source, { look, shown }, this.inStep);
    const session = new Session(source.id, {
      pictures: source.pictures,
      ahead: this.#ahead(source),
      on: {
        result: (result, blob) => player.put(result, blob),
        state: (state, reason) => (state === "ended" ? this.#end(reason) : panel.state(state, reason)),
        line: (up) => (up ? this.#up() : panel.state("reconnecting", "the server does not answer")),
        offer: () => source.again?.(),
        model: () => this.#changed(),
        failure: panel.note,
        gone: (error) => this.#gone(error),
      },
    });
    this.running = { name, source, session, player };
    panel.started(name, source);
  }

  /** A watched session has concepts already: take its list over instead of replacing it. */
  async #up() {
    const { session } = this.running;
    if (!this.#adopted) {
      const told = await readSession(session.id).catch(() => null);
      if (session !== this.running?.session || !told) return;
      this.#adopted = true;
      this.setConcepts(prompts.adopt(told.prompts));
    } else if (this.concepts.length) this.send();
  }

  /** Another page may have changed the session's list: what results are made with for a while is taken over. */
  async #compare(entries) {
    this.#differs = this.#asking || prompts.matches(this.concepts, entries) ? 0 : this.#differs + 1;
    if (!this.#adopted || this.#differs !== OTHERS) return;
    const { session } = this.running;
    const told = await readSession(session.id).catch(() => null);
    this.#differs = 0;
    if (told && session === this.running?.session && !this.#asking) this.setConcepts(prompts.merge(this.concepts, told.prompts));
  }

  /** The camera's own connection, which the page keeps: it broke, or is back. */
  #line(up) {
    if (!this.running) return;
    if (up) this.running.player.restart();
    else panel.state("reconnecting", "the video connection is lost");
  }

  stop() {
    this.#attempt++;
    if (!this.running) return;
    const { source, session, player } = this.running;
    this.running = null;
    session.close();
    player.close();
    source.stop();
    this.edits.clear();
    panel.objects([], null);
  }

  fail(error) {
    this.stop();
    panel.trouble(error);
  }

  #end(reason) {
    this.stop();
    panel.ended(reason);
  }

  /** The session is no more. What this page opened it opens again, with its prompts, as soon as there is a server. */
  async #gone(error) {
    if (!this.running?.source.own || !["gone", "offline", "connection"].includes(error.kind)) return this.fail(error);
    const { name, open } = this.#last;
    this.stop();
    const mine = this.#attempt;
    this.#forgetExamples();
    for (const pause of REOPEN) {
      panel.waiting("The connection is lost. Opening it again…");
      await new Promise((resolve) => setTimeout(resolve, pause));
      if (mine !== this.#attempt) return;
      try {
        return await this.#open(name, open, mine);
      } catch (problem) {
        if (mine !== this.#attempt) return;
        if (!passing(problem)) return this.fail(problem);
      }
    }
    this.fail(new Refused("offline"));
  }

  again() {
    if (this.#last) this.start(this.#last.name, this.#last.open);
  }

  async idle() {
    this.stop();
    this.#forgetExamples();
    panel.idle();
    const sessions = await listSessions().catch(() => []);
    panel.sessions(sessions, (id, name) => this.start(name, async () => watch(id)));
  }

  setInStep(on) {
    this.inStep = on;
    if (!this.running) return;
    const { source, session, player } = this.running;
    player.inStep = on;
    session.ahead = this.#ahead(source);
  }

  /** Masks over pictures that are shown as they come would lag behind them: they are asked for a frame ahead. */
  #ahead({ video }) {
    return Boolean(video) && !this.inStep;
  }

  // What is looked for

  setConcepts(list) {
    this.concepts = list;
    panel.prompts(list);
  }

  /** An example box belongs to a picture of the session it was drawn in. */
  #forgetExamples() {
    this.setConcepts(prompts.lasting(this.concepts));
  }

  /** Tell the server the present list; its hints about words it was never taught are shown. Was it accepted? */
  async send() {
    if (!this.running || !this.#adopted) return true;
    this.#asking++;
    try {
      const ack = await this.running.session.ask({ type: "prompts", prompts: prompts.wire(this.concepts) });
      panel.note(ack.hint ?? "");
      this.onUntaught(ack.untaught ?? []);
      return true;
    } catch (error) {
      if (error.kind !== "offline") panel.note(error); // a line that is down sends the list when it is back
      return error.kind === "offline";
    } finally {
      this.#asking--;
      this.#differs = 0;
    }
  }

  /** Which model answers. What cannot be had now (a person has not given a key) is asked for again with the next source. */
  async learn() {
    if (this.#model) return;
    const told = await modelList().catch(() => null);
    if (!told) return;
    this.onModels(told);
    this.meet(told.running);
  }

  /** Begin with the running model's own threshold, also with what nobody has moved yet. */
  meet(model) {
    if (!model || model.name === this.#model) return;
    this.#model = model.name;
    const before = this.threshold;
    this.threshold = model.threshold;
    this.onModel(model);
    if (before === this.threshold || this.running?.source.own === false) return; // a watched session keeps its own
    this.setConcepts(prompts.moved(this.concepts, before, this.threshold));
    this.send();
  }

  /** Another model answers: what was clicked is gone, and the server has moved thresholds that nobody had chosen. */
  async #changed() {
    const { session } = this.running;
    this.edits.clear();
    this.screen.chosen = null;
    const [list, told] = await Promise.all([modelList(), readSession(session.id)].map((each) => each.catch(() => null)));
    if (session !== this.running?.session) return;
    if (told) this.setConcepts(prompts.merge(this.concepts, told.prompts));
    if (list) this.onModels(list);
    if (list) this.meet(list.running);
    if (this.running.source.own) await this.send(); // for what this one has to say of the words
    panel.remark("Another model answers now. Objects are found anew; click again what you clicked.");
  }

  add(text) {
    const { list, refusal } = prompts.add(this.concepts, text, this.threshold);
    panel.note(refusal);
    if (refusal) return false;
    this.own = true;
    this.setConcepts(list);
    this.send();
    return true;
  }

  remove(key) {
    this.own = true;
    this.setConcepts(prompts.remove(this.concepts, key));
    this.edits.removed(key);
    panel.note("");
    this.send();
  }

  /** A slider moves often: its value is sent when it rests. */
  setThreshold(key, threshold) {
    this.concepts = prompts.change(this.concepts, key, { threshold });
    clearTimeout(this.#settle);
    this.#settle = setTimeout(() => this.send(), SETTLING);
  }

  setColor(key, color) {
    this.setConcepts(prompts.change(this.concepts, key, { color }));
  }

  /** Concepts that suit a source, as long as nobody has chosen any. */
  suggest(texts) {
    if (this.own) return;
    this.setConcepts(texts.reduce((list, text) => prompts.add(list, text, this.threshold).list, []));
  }
}

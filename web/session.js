// One subscription to one session: results (with their pictures) in, requests out, and getting back after a break.

import { Refused, readSession, socketRoute } from "./api.js";

const ANSWER = 15000; // ms for an ack: a click waits its turn behind other streams
const FULL = 4429; // close code: as many watch this session as may
const REQUESTS = 32; // requests in the air at once
const RETRIES = [300, 700, 1500, 3000, 5000, 5000, 5000, 5000]; // ms; together about the server's grace of 30 s

export class Session {
  #socket = null;
  #picture = null; // {index, blob}: the picture that came last, until its result does
  #waiting = new Map();
  #next = 1;
  #tries = 0;
  #timer = 0;
  #closed = false;
  #ahead;

  /**
   * `pictures`: each result comes with its picture. `ahead`: masks moved on by one frame, to hide the delay.
   *
   * `on.result(result, blob | null)`, `on.state(state, reason)`, `on.line(connected)`: is the socket up,
   * `on.offer()`: the session waits for its camera to connect anew (may be left out), `on.model()`: another model answers
   * from now on, `on.failure(message)`: something failed that nobody asked for, `on.gone(error)`: there is no way back to
   * this session.
   */
  constructor(id, { pictures, ahead = false, on }) {
    this.id = id;
    this.pictures = pictures;
    this.#ahead = ahead;
    this.on = on;
    this.#open();
  }

  get ahead() {
    return this.#ahead;
  }

  /** From now on, also on a connection that is still to come. */
  set ahead(on) {
    if (on === this.#ahead) return;
    this.#ahead = on;
    if (this.#socket.readyState === WebSocket.OPEN) this.#choose();
  }

  #choose() {
    this.ask({ type: "options", ahead: Number(this.#ahead) }).catch(() => {}); // a line that broke asks anew
  }

  #open() {
    const ahead = this.#ahead;
    const query = { ...(this.pictures ? { pictures: 1 } : {}), ...(ahead ? { ahead: 1 } : {}) };
    const socket = new WebSocket(socketRoute(`/sessions/${encodeURIComponent(this.id)}/results`, query));
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      if (ahead !== this.#ahead) this.#choose(); // it was changed meanwhile
      this.on.line(true);
    };
    socket.onmessage = ({ data }) => (typeof data === "string" ? this.#message(JSON.parse(data)) : this.#binary(data));
    socket.onclose = ({ code }) => (code === FULL ? this.#full() : this.#lost());
    this.#socket = socket;
  }

  #binary(data) {
    const index = new DataView(data).getUint32(0, true);
    this.#picture = { index, blob: new Blob([new Uint8Array(data, 4)], { type: "image/jpeg" }) };
  }

  #message(message) {
    this.#tries = 0; // only a socket that says something counts as back
    if (message.type === "result") {
      const held = this.#picture;
      this.#picture = null;
      this.on.result(message, held?.index === message.frame.index ? held.blob : null);
    } else if (message.type === "state") {
      if (message.model) this.on.model();
      this.on.state(message.state, message.reason ?? "");
      if (message.offer) this.on.offer?.();
    } else if (this.#waiting.has(message.request)) {
      this.#answer(message);
    } else if (message.type === "error") {
      this.on.failure(message.message); // a frame that could not be looked at
    }
  }

  #answer(message) {
    const waiting = this.#waiting.get(message.request);
    if (!waiting) return;
    this.#waiting.delete(message.request);
    clearTimeout(waiting.timer);
    if (message.type === "ack") waiting.resolve(message);
    else waiting.reject(new Refused("request", { message: message.message }));
  }

  /** Send a message of the API; kept with its ack, broken with the server's words or when the line is down. */
  ask(message) {
    if (this.#socket.readyState !== WebSocket.OPEN) return Promise.reject(new Refused("offline"));
    if (this.#waiting.size >= REQUESTS) return Promise.reject(new Refused("busy"));
    const request = this.#next++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#answer({ type: "error", request, message: "no answer" }), ANSWER);
      this.#waiting.set(request, { resolve, reject, timer });
      this.#socket.send(JSON.stringify({ ...message, request }));
    });
  }

  #full() {
    this.close();
    this.on.gone(new Refused("http", { status: 429 }));
  }

  #lost() {
    this.#abandon();
    if (this.#closed) return;
    this.on.line(false);
    if (this.#tries >= RETRIES.length) {
      this.close();
      this.on.gone(new Refused("offline"));
      return;
    }
    this.#timer = setTimeout(() => this.#again(), RETRIES[this.#tries++]);
  }

  async #again() {
    const known = await readSession(this.id).catch(() => undefined); // undefined: the server is away, keep trying
    if (this.#closed) return;
    if (known === undefined) return this.#lost();
    if (known && known.state !== "ended") return this.#open();
    this.close();
    if (known) this.on.state("ended", known.reason ?? "");
    else this.on.gone(new Refused("gone"));
  }

  #abandon() {
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(new Refused("offline"));
    }
    this.#waiting.clear();
    this.#picture = null;
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#abandon();
    this.#socket.close();
  }
}

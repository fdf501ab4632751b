// The browser's camera, sent by WHIP; it comes back by itself after a lost connection, with its session.

import { Refused } from "./api.js";
import { openCamera } from "./camera.js";
import { Matcher, canMatch } from "./sync.js";
import { publish } from "./whip.js";

const RETRIES = [0, 1000, 2000, 4000, 6000, 8000]; // ms; together within the server's grace of 30 s

export class Webcam {
  own = true;
  pictures = false;
  id = null; // the session's
  matcher = null;
  camera; // value of cameras(), or "" for any
  video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });
  #track = null;
  #published = null;
  #stopped = false;
  #returning = false;
  #on;

  /** `on.lost(error)`: camera or connection are gone for good; `on.line(up)`: the connection broke, or is back. */
  static async open(camera, prompts, on) {
    const webcam = new Webcam();
    webcam.camera = camera;
    webcam.#on = on;
    try {
      await webcam.#capture();
      await webcam.#publish(prompts);
    } catch (error) {
      webcam.stop();
      throw error;
    }
    return webcam;
  }

  async #capture() {
    this.matcher?.rest();
    this.#track?.stop(); // many phones open one camera at a time
    const stream = await openCamera(this.camera);
    const [track] = stream.getVideoTracks();
    this.#track = track;
    this.video.srcObject = stream;
    this.video.play().catch(() => {});
    track.addEventListener("ended", () => track === this.#track && this.#on.lost(new Refused("unplugged")), { once: true });
  }

  async #publish(prompts) {
    this.matcher?.close();
    this.matcher = canMatch() ? await Matcher.create().catch(() => null) : null;
    const track = this.#track;
    const prepare = (sender) => this.matcher?.watch(sender, track);
    const published = await publish(track, prompts, { prepare, session: this.id });
    this.#published = published;
    this.id = published.id;
    await published.connected;
    const { connection } = published;
    connection.addEventListener("connectionstatechange", () => {
      if (connection.connectionState === "failed" && published === this.#published) this.again();
    });
  }

  /** The connection is lost, here or at the server: make another for the same session. */
  async again() {
    if (this.#returning || this.#stopped) return;
    this.#returning = true;
    await this.#return();
    this.#returning = false;
  }

  /** Several times; then it is the session's end. */
  async #return() {
    this.#on.line(false);
    this.#published.close();
    for (const pause of RETRIES) {
      await new Promise((resolve) => setTimeout(resolve, pause));
      if (this.#stopped) return;
      try {
        await this.#publish([]);
        if (this.#stopped) this.#published.stop();
        else this.#on.line(true);
        return;
      } catch (error) {
        this.#published?.close();
        if (error.status === 404 || error.status === 409) return this.#on.lost(new Refused("gone"));
      }
    }
    if (!this.#stopped) this.#on.lost(new Refused("connection"));
  }

  /** Go over to another camera in the same session. */
  async switch(camera) {
    const before = this.camera;
    this.camera = camera;
    try {
      await this.#capture();
    } catch (error) {
      this.camera = before;
      await this.#capture();
      throw error;
    } finally {
      await this.#change();
    }
  }

  async #change() {
    await this.#published.sender.replaceTrack(this.#track);
    this.matcher?.follow(this.#track);
  }

  stop() {
    this.#stopped = true;
    this.#published?.stop();
    this.matcher?.close();
    this.#track?.stop();
    this.video.srcObject = null;
  }
}

// Which model answers, and which other could: fetched, and gone over to. Asked again and again while something is under
// way or somebody looks; everything shown goes through modelpanel.js.

import { fetchModel, modelList, useModel } from "./api.js";
import * as panel from "./modelpanel.js";

const AGAIN = 1000; // ms between looks at how far it is

export class Models {
  #told = null; // what the server said last
  #timer = 0;
  #asking = false;
  #learnt;

  /** `learnt(told)` hears all that the server says of its models. */
  constructor(learnt) {
    this.#learnt = learnt;
    panel.listen({
      fetch: (name) => this.#do(() => fetchModel(name)),
      use: (name, resolution) => this.#do(() => useModel(name, resolution)),
      opened: () => this.refresh(),
    });
  }

  /** Ask the server, show it, and go on asking while there is a reason to. A server that does not answer is asked later. */
  async refresh() {
    if (this.#asking) return;
    this.#asking = true;
    clearTimeout(this.#timer);
    const told = await modelList().catch(() => null);
    this.#asking = false;
    if (told) this.#take(told);
    else this.#wait();
  }

  /** What was heard elsewhere of the models. */
  hear(told) {
    this.#show(told);
  }

  #take(told) {
    this.#show(told);
    this.#learnt(told);
  }

  #show(told) {
    this.#told = told;
    panel.show(told);
    this.#wait();
  }

  /** Offer a model that takes any word, where the one that answers was never taught these. */
  offer(untaught) {
    const { running, others = [], may_manage: mayManage } = this.#told ?? {};
    const able = running?.any_word || !mayManage ? [] : others.filter((each) => each.any_word);
    const best = able.find((each) => each.downloaded) ?? able.find((each) => !each.on_request) ?? able[0];
    panel.offer(untaught.length ? best : null, untaught);
  }

  async #do(ask) {
    panel.said("");
    try {
      this.#take(await ask());
    } catch (error) {
      panel.said(error);
      this.refresh();
    }
  }

  #wait() {
    clearTimeout(this.#timer);
    const told = this.#told;
    const busy = told?.change?.state === "running" || told?.others.some((each) => each.download?.state === "running");
    if (busy || panel.open()) this.#timer = setTimeout(() => this.refresh(), AGAIN);
  }
}

"""
What following costs and what it is worth, against the truth.

``python -m benchmarks.tracking`` runs every policy (when concepts are detected) with every follower (what happens
between) over scripted scenarios and prints HOTA, IDF1, id switches, J&F, cgF1, encoder and detector passes, and what a
frame costs. The streaming figures are of a live camera: on a virtual clock with the costs printed above the table, each
moment is judged by the newest result there is; a second table is of one whose every frame is presented
(tracking_live.py), on machines of four speeds. With --plot it draws quality against cost. With --keep what was
measured stays in a file and is not measured again: a long run can be made in pieces.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import cv2
import numpy as np

from benchmarks.first_light import machine, table
from benchmarks.once import Once
from benchmarks.scenarios import FPS, SCENARIOS, Scenario, easy
from benchmarks.tracking_live import Live, luma
from benchmarks.tracking_metrics import Frame, Shown, cgf1, tracking
from benchmarks.tracking_policies import COSTS, LIVE, POLICIES, Policy, act
from benchmarks.tracking_report import SEEN, Figures, Kept, plot, show
from tracker import Mask, Presenter, Prompt, Sam3, Stage, Step, load_model, prompt_keys, set_threads


@dataclass(slots=True)
class Run:
    """One policy on one scenario: what was shown on every frame, and what it cost."""

    shown: list[Shown] = field(default_factory=list)
    by_prompt: list[dict[str, list[Mask]]] = field(default_factory=list)
    encoded: int = 0
    detected: int = 0
    seconds: float = 0.0  # measured
    given: float = 0.0  # by the policy's costs

    def take(self, step: Step, took: float, cost: float) -> float:
        """Add a step; returns what it costs on the virtual clock."""
        self.encoded += step.stage is not Stage.FLOW
        self.detected += step.stage is Stage.KEYFRAME
        self.seconds += took
        self.given += cost
        return cost


def masks_of(step: Step) -> Shown:
    """What a step shows, by id."""
    return {track.id: track.mask for track in step.tracks}


def offline(model: Sam3, policy: Policy, scenario: Scenario) -> Run:
    """Every frame is looked at, however long it takes."""
    tracker, run = policy.tracker(model, scenario), Run()
    for index, scene in enumerate(scenario.scenes):
        act(tracker, scenario, index)
        began = time.perf_counter()
        step = tracker.step(scene.image, index, index / FPS)
        run.take(step, time.perf_counter() - began, policy.cost(step, len(tracker.prompts)))
        run.shown.append(masks_of(step))
        texts, keys = [prompt.text or "" for prompt in tracker.prompts], prompt_keys(tracker.prompts)
        found: dict[str, list[Mask]] = {text: [] for text in texts}
        for track in step.tracks:
            if track.key is not None:
                found[texts[keys.index(track.key)]].append(track.mask)
        run.by_prompt.append(found)
    return run


def streaming(model: Sam3, policy: Policy, scenario: Scenario) -> Run:
    """A live camera: the newest frame is looked at when the last one is done, and each moment has the newest result."""
    tracker, run = policy.tracker(model, scenario), Run()
    done: list[tuple[float, Shown]] = []  # when each result was there
    now, acted = 0.0, 0
    while (index := int(now * FPS + 1e-9)) < len(scenario.scenes):
        for moment in range(acted, index + 1):
            act(tracker, scenario, moment)
        acted = index + 1
        step = tracker.step(scenario.scenes[index].image, index, index / FPS)
        now += run.take(step, 0.0, policy.cost(step, len(tracker.prompts)))
        done.append((now, masks_of(step)))
        now = max(now, (index + 1) / FPS)
    for index in range(len(scenario.scenes)):
        ready = [shown for when, shown in done if when <= index / FPS + 1e-9]
        run.shown.append(ready[-1] if ready else {})
    return run


def live(model: Sam3, policy: Policy, scenario: Scenario) -> dict[str, float]:
    """What a viewer sees where every frame is presented, and what the newest look alone would show."""
    truth: list[Frame] = [scenario.truth(index) for index in range(len(scenario.scenes))]
    seen = Live(model, policy, scenario, Presenter()).run(luma(scenario))
    shown = (streaming(model, policy, scenario).shown, seen.presented, seen.ahead)
    judged = {name: tracking(truth, each) for name, each in zip(SEEN, shown, strict=True)}
    return {f"{seen} {name}": figures[name] for seen, figures in judged.items() for name in ("J&F", "HOTA")}


def presence(scenario: Scenario, run: Run) -> list[tuple[Sequence[Mask], Sequence[Mask]]]:
    """Truth and answer of every frame and prompt."""
    answers: list[tuple[Sequence[Mask], Sequence[Mask]]] = []
    for index, found in enumerate(run.by_prompt):
        scene = scenario.scenes[index]
        for text, shown in found.items():
            truth = [mask for each, mask in scene.truth.truth.items() if text in scene.names[each]]
            answers.append((truth, shown))
    return answers


def judge(model: Sam3, policy: Policy, scenario: Scenario) -> dict[str, float]:
    """All figures of one policy on one scenario."""
    truth: list[Frame] = [scenario.truth(index) for index in range(len(scenario.scenes))]
    run, live = offline(model, policy, scenario), streaming(model, policy, scenario)
    frames = len(scenario.scenes)
    streamed = tracking(truth, live.shown)
    return {
        **tracking(truth, run.shown),
        "cgF1": cgf1(presence(scenario, run)) if any(run.by_prompt) else float("nan"),
        "live HOTA": streamed["HOTA"],
        "live J&F": streamed["J&F"],
        "encoder": run.encoded / frames,
        "detector": run.detected / frames,
        "ms": 1000 * run.given / frames,
    }


def by_prompts(model: Sam3, frames: int) -> list[list[str]]:
    """Measured milliseconds a frame of the easy scenario, with 1, 4 and 16 prompts, all but three of them absent."""
    scenario = easy(0, frames)
    words = [
        f"{color} {shape}" for color in ("pink", "cyan", "purple", "orange") for shape in ("heart", "ring", "cross")
    ]
    absent = tuple(Prompt(word) for word in words)
    rows = []
    for policy in (
        POLICIES[0],
        Policy("every 10", 10, "pvs"),
        Policy("every 10", 10, "auto"),
        Policy("every 10", 10, "flow"),
    ):
        spent = []
        for count in (1, 4, 16):
            prompts = (*scenario.prompts, *absent)[:count]
            run = offline(model, policy, dataclasses.replace(scenario, prompts=prompts))
            spent.append(f"{1000 * run.seconds / frames:.1f}")
        rows.append([policy.name, policy.follower, *spent])
    return rows


def measure(
    model: Sam3,
    make: Callable[[int, int], Scenario],
    seed: int,
    frames: int,
    kept: Kept,
    policies: Sequence[Policy] = (*POLICIES, *LIVE),
) -> None:
    """Judge these policies on one film, unless they were before."""
    name = make.__name__
    missing = [policy for policy in policies if not kept.find(name, seed, policy)]
    if not missing:
        return
    film, once = make(seed, frames), cast(Sam3, Once(model))
    for policy in missing:
        kept.add(name, seed, policy, (live if policy in LIVE else judge)(once, policy, film))


def arguments_of() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=90, help="of each sequence")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--only", help="the scenarios whose names hold this")
    parser.add_argument("--live", action="store_true", help="only what a viewer sees where every frame is presented")
    parser.add_argument("--checkpoint", type=Path, help="other weights of nano")
    parser.add_argument("--prompts", action="store_true", help="only measure what 1, 4 and 16 prompts cost")
    parser.add_argument("--keep", type=Path, metavar="FILE.jsonl", help="figures measured before, and those of now")
    parser.add_argument("--plot", type=Path, metavar="FILE.png")
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    arguments = arguments_of()
    print(f"{machine()}; load before: {os.getloadavg()[0]:.1f}; costs of the virtual clock: {COSTS}", flush=True)
    model = load_model("nano", checkpoint=arguments.checkpoint)
    if arguments.prompts:
        set_threads(2)
        rows = by_prompts(model, arguments.frames)
        print(table(["policy", "follower", "1 prompt, ms", "4 prompts, ms", "16 prompts, ms"], rows))
        return
    set_threads(1)
    cv2.setNumThreads(0)
    policies = LIVE if arguments.live else (*POLICIES, *LIVE)
    kept, seeds = Kept(arguments.keep), range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    together: dict[Policy, list[Figures]] = {policy: [] for policy in policies}
    for make in SCENARIOS:
        if arguments.only and arguments.only not in make.__name__:
            continue
        for seed in seeds:
            measure(model, make, seed, arguments.frames, kept, policies)
        mine = {
            policy: [one for seed in seeds for one in kept.find(make.__name__, seed, policy)] for policy in policies
        }
        show((make.__doc__ or "").splitlines()[0], mine)
        for policy, runs in mine.items():
            together[policy] += runs
    show("All", together)
    if arguments.plot and not arguments.live:
        quality, costs = (
            {policy: float(np.mean([run[name] for run in together[policy]])) for policy in POLICIES}
            for name in ("HOTA", "ms")
        )
        plot(quality, costs, arguments.plot)


if __name__ == "__main__":
    main()

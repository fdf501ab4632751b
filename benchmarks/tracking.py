"""
What following costs and what it is worth, against the truth.

``python -m benchmarks.tracking`` runs every policy (when concepts are detected) with every follower (what happens
between) over scripted scenarios and prints HOTA, IDF1, id switches, J&F, cgF1, encoder and detector passes, and what a
frame costs. The streaming figures are of a live camera: on a virtual clock with the costs printed above the table, each
moment is judged by the newest result there is. With --plot it draws quality against cost. With --keep what was
measured stays in a file and is not measured again: a long run can be made in pieces.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.first_light import machine, table
from benchmarks.once import Once
from benchmarks.scenarios import FPS, SCENARIOS, Scenario, easy
from benchmarks.tracking_metrics import Frame, Shown, cgf1, tracking
from tracker import Mask, Prompt, Sam3, Stage, Step, Track, Tracker, load_model, set_threads
from tracker.match import assign
from tracker.nano.looks import Picture

Follower = Literal["auto", "pvs", "memory", "flow", "overlap"]

# Seconds of nano's stages on one core (benchmarks.first_light), a detection for each prompt, a refinement for each
# object: given, so that the virtual clock is the same everywhere.
COSTS = {"embed": 0.024, "detect": 0.016, "refine": 0.0018, "flow": 0.0015, "encode": 0.002}


class Overlap:
    """
    What everyone can do with a detector alone: detect on every frame, match by mask IoU with what was seen last.

    The yardstick for following: nothing is refined, remembered or expected anywhere. What is not found for KEPT frames
    is forgotten.
    """

    KEPT, LEAST = 30, 0.1  # frames; IoU

    def __init__(self, model: Sam3, prompts: Sequence[Prompt]) -> None:
        self.model, self.prompts, self.next_id = model, tuple(prompts), 1
        self.known: dict[int, tuple[str | None, Mask, int]] = {}  # id: text, mask, frame

    def set_prompts(self, prompts: Sequence[Prompt]) -> None:
        """Ask for other things from now on."""
        self.prompts = tuple(prompts)

    def step(self, image: Picture, index: int, seconds: float) -> Step:
        """Look at one frame."""
        embedding = self.model.embed(image)
        tracks: list[Track] = []
        found = self.model.finish(embedding, self.model.detect(embedding, self.prompts)) if self.prompts else []
        for place, (prompt, some) in enumerate(zip(self.prompts, found, strict=True)):
            mine = [each for each, (text, _, _) in self.known.items() if text == prompt.text]
            dense = [self.known[each][1].dense() for each in mine]
            ious = np.array([[overlap(each, one.mask.dense()) for one in some] for each in dense])
            pairs = assign(ious.reshape(len(mine), len(some)), self.LEAST) if mine and some else []
            ids = {column: mine[row] for row, column in pairs}
            for column, one in enumerate(some):
                if column not in ids:
                    ids[column], self.next_id = self.next_id, self.next_id + 1
                self.known[ids[column]] = (prompt.text, one.mask, index)
                tracks.append(Track(ids[column], place, one.score, one.box, one.mask, 0, Stage.KEYFRAME, False))
        self.known = {each: was for each, was in self.known.items() if index - was[2] <= self.KEPT}
        return Step(Stage.KEYFRAME, "interval", tracks, {"embed": 0.0, "detect": 0.0, "encode": 0.0}, {})


def overlap(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_]) -> float:
    """IoU of two masks of one size."""
    return float((a & b).sum() / max(1, (a | b).sum()))


@dataclass(frozen=True, slots=True)
class Policy:
    """When concepts are detected, and what follows objects between."""

    name: str
    interval: int
    follower: Follower = "auto"
    adaptive: bool = False
    rate: float | None = None
    slower: float = 1.0  # times COSTS, on the virtual clock and for the tracker's own budget

    @property
    def costs(self) -> dict[str, float]:
        """Seconds of each stage."""
        return {name: self.slower * seconds for name, seconds in COSTS.items()}

    def tracker(self, model: Sam3, scenario: Scenario) -> Any:
        """For one sequence."""
        if self.follower == "overlap":
            return Overlap(model, scenario.prompts)
        return Tracker(
            model,
            scenario.prompts,
            interval=self.interval,
            follower=self.follower,
            adaptive=self.adaptive,
            rate=self.rate,
            costs=self.costs,
        )


POLICIES = (
    Policy("every frame", 1, "overlap"),
    Policy("every frame", 1, "pvs"),
    *(Policy(f"every {interval}", interval, follower) for interval in (5, 10, 30) for follower in ("pvs", "auto")),
    Policy("every 10", 10, "memory"),
    Policy("every 5", 5, "flow"),
    Policy("adaptive", 10, "auto", adaptive=True),
    Policy("adaptive, 30 a second", 10, "auto", adaptive=True, rate=30),
    Policy("every frame, machine half as fast", 1, "pvs", slower=2),
    Policy("adaptive, machine half as fast", 10, "auto", adaptive=True, slower=2),
    Policy("adaptive, 30 a second, machine half as fast", 10, "auto", adaptive=True, rate=30, slower=2),
)


@dataclass(slots=True)
class Run:
    """One policy on one scenario: what was shown on every frame, and what it cost."""

    shown: list[Shown] = field(default_factory=list)
    by_prompt: list[dict[str, list[Mask]]] = field(default_factory=list)
    encoded: int = 0
    detected: int = 0
    seconds: float = 0.0  # measured
    given: float = 0.0  # by the policy's costs

    def take(self, step: Step, took: float, prompts: int, costs: Mapping[str, float]) -> float:
        """Add a step; returns what it costs on the virtual clock."""
        self.encoded += step.stage is not Stage.FLOW
        self.detected += step.stage is Stage.KEYFRAME
        self.seconds += took
        counts = {"detect": prompts, "refine": len(step.tracks)}
        cost = sum(costs.get(name, 0.0) * counts.get(name, 1) for name in step.timings)
        self.given += cost
        return cost


def masks_of(step: Step) -> Shown:
    """What a step shows, by id."""
    return {track.id: track.mask for track in step.tracks}


def act(tracker: Any, scenario: Scenario, index: int) -> None:
    """What people do before a frame."""
    if index in scenario.edits:
        tracker.set_prompts(scenario.edits[index])
    if index in scenario.clicks and not isinstance(tracker, Overlap):  # which knows no clicks
        seen, point = scenario.clicks[index]
        tracker.click(seen, [point])


def offline(model: Sam3, policy: Policy, scenario: Scenario) -> Run:
    """Every frame is looked at, however long it takes."""
    tracker, run = policy.tracker(model, scenario), Run()
    for index, scene in enumerate(scenario.scenes):
        act(tracker, scenario, index)
        began = time.perf_counter()
        step = tracker.step(scene.image, index, index / FPS)
        run.take(step, time.perf_counter() - began, len(tracker.prompts), policy.costs)
        run.shown.append(masks_of(step))
        texts = [prompt.text or "" for prompt in tracker.prompts]
        found: dict[str, list[Mask]] = {text: [] for text in texts}
        for track in step.tracks:
            if track.prompt is not None:
                found[texts[track.prompt]].append(track.mask)
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
        now += run.take(step, 0.0, len(tracker.prompts), policy.costs)
        done.append((now, masks_of(step)))
        now = max(now, (index + 1) / FPS)
    for index in range(len(scenario.scenes)):
        ready = [shown for when, shown in done if when <= index / FPS + 1e-9]
        run.shown.append(ready[-1] if ready else {})
    return run


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


HEAD = ("HOTA", "IDF1", "switches", "J&F", "cgF1", "live HOTA", "live J&F", "encoder", "detector", "ms a frame")
COLUMNS = ("HOTA", "IDF1", "switches", "J&F", "cgF1", "live HOTA", "live J&F", "encoder", "detector", "ms")


def rows_of(figures: Mapping[Policy, Sequence[Mapping[str, float]]]) -> list[list[str]]:
    """One row for each policy: means over seeds."""
    rows = []
    for policy, runs in figures.items():
        values = {name: float(np.nanmean([run[name] for run in runs])) for name in COLUMNS}
        shown = [f"{value:.1f}" if name in ("ms", "switches") else f"{value:.3f}" for name, value in values.items()]
        rows.append([policy.name, policy.follower, *shown])
    return rows


def plot(figures: Mapping[Policy, float], costs: Mapping[Policy, float], path: Path) -> None:
    """Quality against cost, one point for each policy of the usual machine; those in one place share a label."""
    figures = {policy: quality for policy, quality in figures.items() if policy.slower == 1}
    words: dict[tuple[int, int], str] = {}
    width, height = 900, 520
    picture = np.full((height, width, 3), 255, np.uint8)
    left, top, right, bottom = 70, 20, width - 30, height - 50
    low, high = min(figures.values()) - 0.03, max(figures.values()) + 0.03
    most = max(costs[policy] for policy in figures) * 1.25
    cv2.rectangle(picture, (left, top), (right, bottom), (190, 190, 190), 1)
    for policy, quality in figures.items():
        x = int(left + (right - left) * costs[policy] / most)
        y = int(bottom - (bottom - top) * (quality - low) / (high - low))
        cv2.circle(picture, (x, y), 6, (160, 90, 30), -1, cv2.LINE_AA)
        same = next((spot for spot in words if abs(spot[0] - x) < 60 and abs(spot[1] - y) < 9), (x, y))
        words[same] = " / ".join(filter(None, (words.get(same, ""), f"{policy.name}, {policy.follower}")))
    for (x, y), said in words.items():
        cv2.putText(picture, said, (x + 9, y + 4), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (40, 40, 40), 1, cv2.LINE_AA)
    for share in np.linspace(0, 1, 5):
        quality, cost = low + share * (high - low), share * most
        place = (8, int(bottom - (bottom - top) * share) + 4)
        cv2.putText(picture, f"{quality:.2f}", place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (90, 90, 90), 1, cv2.LINE_AA)
        place = (int(left + (right - left) * share) - 12, bottom + 18)
        cv2.putText(picture, f"{cost:.0f}", place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (90, 90, 90), 1, cv2.LINE_AA)
    title = "HOTA, mean of all scenarios, against milliseconds a frame"
    cv2.putText(picture, title, (left, height - 12), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (40, 40, 40), 1, cv2.LINE_AA)
    cv2.imwrite(str(path), picture)


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


Figures = dict[str, float]


class Kept:
    """Figures by scenario, seed and policy: in memory, and in a file of JSON lines if one is named."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        lines = path.read_text().splitlines() if path is not None and path.exists() else []
        self._known: dict[tuple[str, int, int], list[Figures]] = {}
        for line in lines:
            one = json.loads(line)
            self._known[one["scenario"], one["seed"], one["policy"]] = [one["figures"]]

    def find(self, scenario: str, seed: int, policy: Policy) -> list[Figures]:
        """What was measured: one, or nothing."""
        return self._known.get((scenario, seed, POLICIES.index(policy)), [])

    def add(self, scenario: str, seed: int, policy: Policy, figures: Figures) -> None:
        """Keep what was measured."""
        place = POLICIES.index(policy)
        self._known[scenario, seed, place] = [figures]
        if self.path is not None:
            with self.path.open("a") as file:
                print(json.dumps({"scenario": scenario, "seed": seed, "policy": place, "figures": figures}), file=file)


def measure(model: Sam3, name: str, make: Callable[[int, int], Scenario], seed: int, frames: int, kept: Kept) -> None:
    """Judge every policy on one film, unless it was before."""
    missing = [policy for policy in POLICIES if not kept.find(name, seed, policy)]
    if not missing:
        return
    film, once = make(seed, frames), cast(Sam3, Once(model))
    for policy in missing:
        kept.add(name, seed, policy, judge(once, policy, film))


def show(title: str, figures: Mapping[Policy, Sequence[Figures]]) -> None:
    """Print one table."""
    print(f"\n## {title}\n\n{table(['policy', 'follower', *HEAD], rows_of(figures))}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=90, help="of each sequence")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--only", help="the scenarios whose names hold this")
    parser.add_argument("--checkpoint", type=Path, help="other weights of nano")
    parser.add_argument("--prompts", action="store_true", help="only measure what 1, 4 and 16 prompts cost")
    parser.add_argument("--keep", type=Path, metavar="FILE.jsonl", help="figures measured before, and those of now")
    parser.add_argument("--plot", type=Path, metavar="FILE.png")
    arguments = parser.parse_args()
    print(f"{machine()}; load before: {os.getloadavg()[0]:.1f}; costs of the virtual clock: {COSTS}", flush=True)
    model = load_model("nano", checkpoint=arguments.checkpoint)
    if arguments.prompts:
        set_threads(2)
        rows = by_prompts(model, arguments.frames)
        print(table(["policy", "follower", "1 prompt, ms", "4 prompts, ms", "16 prompts, ms"], rows))
        return
    set_threads(1)
    kept, seeds = Kept(arguments.keep), range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    together: dict[Policy, list[Figures]] = {policy: [] for policy in POLICIES}
    for make in SCENARIOS:
        if arguments.only and arguments.only not in make.__name__:
            continue
        for seed in seeds:
            measure(model, make.__name__, make, seed, arguments.frames, kept)
        mine = {
            policy: [one for seed in seeds for one in kept.find(make.__name__, seed, policy)] for policy in POLICIES
        }
        show((make.__doc__ or "").splitlines()[0], mine)
        for policy, runs in mine.items():
            together[policy] += runs
    show("All", together)
    if arguments.plot:
        quality, costs = (
            {policy: float(np.mean([run[name] for run in runs])) for policy, runs in together.items()}
            for name in ("HOTA", "ms")
        )
        plot(quality, costs, arguments.plot)


if __name__ == "__main__":
    main()

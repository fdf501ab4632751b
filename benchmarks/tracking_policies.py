"""What is compared by ``benchmarks.tracking``: when concepts are detected, and what follows objects between."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from benchmarks.scenarios import Scenario
from tracker import FrameGone, Mask, Prompt, Sam3, Stage, Step, Track, Tracker, prompt_keys
from tracker.stream.association import assign
from tracker.worlds.looks import Picture
from tracker.worlds.objects import iou

Follower = Literal["auto", "pvs", "memory", "flow", "overlap"]

# Seconds of nano's stages on one core (benchmarks.first_light), a detection for each prompt, a refinement for each
# object, two led by memory: given, so that the virtual clock is the same everywhere.
COSTS = {"embed": 0.024, "detect": 0.016, "refine": 0.0018, "flow": 0.0015, "encode": 0.002, "lead": 0.07}


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
        keys = prompt_keys(self.prompts)
        found = self.model.finish(embedding, self.model.detect(embedding, self.prompts)) if self.prompts else []
        for place, (prompt, some) in enumerate(zip(self.prompts, found, strict=True)):
            mine = [each for each, (text, _, _) in self.known.items() if text == prompt.text]
            dense = [self.known[each][1].dense() for each in mine]
            ious = np.array([[iou(each, one.mask.dense()) for one in some] for each in dense])
            pairs = assign(ious.reshape(len(mine), len(some)), self.LEAST) if mine and some else []
            ids = {column: mine[row] for row, column in pairs}
            for column, one in enumerate(some):
                if column not in ids:
                    ids[column], self.next_id = self.next_id, self.next_id + 1
                self.known[ids[column]] = (prompt.text, one.mask, index)
                tracks.append(Track(ids[column], keys[place], one.score, one.box, one.mask, 0, Stage.KEYFRAME, False))
        self.known = {each: was for each, was in self.known.items() if index - was[2] <= self.KEPT}
        return Step(Stage.KEYFRAME, "interval", tracks, {"embed": 0.0, "detect": 0.0, "encode": 0.0}, {})


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

    def cost(self, step: Step, prompts: int) -> float:
        """What a step costs on the virtual clock, in seconds."""
        counts = {"detect": prompts, "refine": len(step.tracks)}
        return sum(self.costs.get(name, 0.0) * counts.get(name, 1) for name in step.timings)

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


def act(tracker: Any, scenario: Scenario, index: int) -> None:
    """What people do before a frame. A click on a frame of which nothing is known any more is lost."""
    if index in scenario.edits:
        tracker.set_prompts(scenario.edits[index])
    if index in scenario.clicks and not isinstance(tracker, Overlap):  # which knows no clicks
        seen, point = scenario.clicks[index]
        with contextlib.suppress(FrameGone):
            tracker.click(seen, [point])


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

# The machines on which every frame is presented (tracking_live.py).
LIVE = tuple(Policy(f"live, cost × {slower}", 10, adaptive=True, slower=slower) for slower in (1, 2, 5, 10))

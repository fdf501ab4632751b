"""
A live camera on a virtual clock, with every frame presented: what a viewer sees while the model catches up.

Frame i is presented when it comes, and a viewer sees that result while frame i + 1 is the truth. A look takes the frame
that was presented last when the look before is done by the policy's costs; its answer is shown from the first frame on
that comes after it is done. Orders wait for the look at hand.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.scenarios import FPS, Scenario
from benchmarks.tracking_metrics import Shown
from benchmarks.tracking_policies import Policy, act
from tracker import Sam3, Track, prompt_keys
from tracker.presenting.presenter import Presented, Presenter
from tracker.presenting.snapshot import Snapshot

SOON = 1e-9  # seconds: what two sums of the same costs may differ by


@dataclass(slots=True)
class Seen:
    """What a viewer sees at each moment: the last frame's result, and the same moved on to the present one."""

    presented: list[Shown] = field(default_factory=lambda: [{}])
    ahead: list[Shown] = field(default_factory=lambda: [{}])
    scenes: list[int] = field(default_factory=list)  # the scene that each frame was taken for
    looks: list[int] = field(default_factory=list)  # which frames were looked at


def luma(scenario: Scenario) -> list[npt.NDArray[np.uint8]]:
    """The brightness of every frame, as a decoder gives it."""
    return [np.asarray(cv2.cvtColor(scene.image, cv2.COLOR_RGB2GRAY), np.uint8) for scene in scenario.scenes]


def masks(tracks: Sequence[Track]) -> Shown:
    """Masks by id."""
    return {track.id: track.mask for track in tracks}


class Live:
    """One policy on one scenario."""

    def __init__(self, model: Sam3, policy: Policy, scenario: Scenario, presenter: Presenter) -> None:
        self.scenario, self.policy = scenario, policy
        self.tracker = policy.tracker(model, scenario)
        self.presenter = presenter
        self.seen = Seen()
        self.presented: Presented | None = None  # the newest frame
        self.done: float | None = None  # when the look at hand will be; None: there is none
        self.waiting: list[int] = []  # moments whose orders wait for it

    def run(self, brightness: Sequence[npt.NDArray[np.uint8]]) -> Seen:
        """Present every frame, and look at those for which there is time."""
        frames = len(self.scenario.scenes)
        for index in range(frames):
            moment = index / FPS
            self.catch_up(moment)
            self.order(index)
            size = self.scenario.scenes[index].image.shape[:2]
            self.presented = self.presenter.present(brightness[index], size, index, moment, ahead=True)
            self.seen.presented.append(masks(self.presented.tracks))
            self.seen.ahead.append(masks(self.presented.ahead or ()))
            self.seen.scenes.append(self.presented.scene)
            if self.done is None:
                self.look(moment)
        self.seen.presented.pop()  # is seen after the end
        self.seen.ahead.pop()
        return self.seen

    def catch_up(self, moment: float) -> None:
        """Whatever looks end, and begin, before this moment."""
        while self.done is not None and self.done <= moment + SOON:
            ended, self.done = self.done, None
            for each in self.waiting:
                act(self.tracker, self.scenario, each)
            self.waiting.clear()
            self.take()
            assert self.presented is not None
            if ended < moment - SOON and self.presented.index > self.seen.looks[-1]:
                self.look(ended)

    def look(self, moment: float) -> None:
        """Begin to look at the frame that was presented last."""
        last = self.presented
        assert last is not None
        self.seen.looks.append(last.index)
        self.presenter.begin(last.index)
        image = self.scenario.scenes[last.index].image
        step = self.tracker.step(image, last.index, last.index / FPS, motion=last.motion, scene=last.scene)
        self.done = moment + self.policy.cost(step, len(self.tracker.prompts))

    def order(self, index: int) -> None:
        """People's orders wait for the look at hand; only what is asked for no more goes at once."""
        if index not in self.scenario.edits and index not in self.scenario.clicks:
            return
        if self.done is not None:
            self.waiting.append(index)
        else:
            act(self.tracker, self.scenario, index)
            self.take()
        shown = None if self.presented is None else self.presented.snapshot
        if shown is not None and index in self.scenario.edits:
            self.presenter.take(without(shown, set(prompt_keys(self.scenario.edits[index]))))

    def take(self) -> None:
        """What the tracker knows by now is shown."""
        snapshot = self.tracker.snapshot
        if snapshot is not None:
            self.presenter.take(snapshot)


def without(snapshot: Snapshot, asked: set[Any]) -> Snapshot:
    """A look's answer less what is not asked for any more."""
    kept = tuple(each for each in snapshot.objects if each.key is None or each.key in asked)
    return dataclasses.replace(snapshot, objects=kept)

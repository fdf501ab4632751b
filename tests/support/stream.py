"""A stream of pictures through the tracker on the stand-in model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import numpy as np

from benchmarks.support.fake_model import FakeModel, Picture, picture
from tracker import (
    Point,
    Prompt,
    Sam3,
    Step,
    Track,
    Tracker,
)

RED = Prompt("red")
GREEN = Prompt("green")
FRAME = 1 / 30  # seconds


class Stream:
    """A tracker and the frames given to it so far."""

    def __init__(self, *prompts: Prompt, **options: Any) -> None:
        self.model = FakeModel()
        self.tracker = Tracker(cast(Sam3, self.model), prompts, **options)
        self.index = -1

    def see(self, *blobs: tuple[str, int, int, int], **size: int) -> Step:
        return self.look(picture(*blobs, **size))

    def look(self, image: Picture, **options: Any) -> Step:
        self.index += 1
        return self.tracker.step(image, self.index, self.index * FRAME, **options)

    def watch(self, frames: int, *blobs: tuple[str, int, int, int]) -> list[Step]:
        return [self.see(*blobs) for _ in range(frames)]


def ids(step: Step) -> list[int]:
    return sorted(track.id for track in step.tracks)


def only(step: Step) -> Track:
    assert len(step.tracks) == 1, step.tracks
    return step.tracks[0]


def overlaps(tracks: Iterable[Track]) -> bool:
    return bool((np.sum([track.mask.dense() for track in tracks], axis=0) > 1).any())


def click_at(x: float, y: float, *, positive: bool = True) -> list[Point]:
    return [Point(x, y, positive)]

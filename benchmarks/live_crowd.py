"""
Presenting many objects beside a model that never rests: in one process, as in the server.

Disks stand for the objects; the pictures are a world's. What it takes to move, encode and tell the masks of a frame
does not depend on what found them, so no model has to find sixty-four things.
"""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.watching import PROMPT
from streamer.result import FrameInfo, LookedAt, Result
from streamer.wire import results
from tracker import Presented, Presenter, Prompt, Sam3, Shown, Snapshot, Stage, Step, Tracker
from tracker.worlds.worlds import Video

FPS, SIZE = 30, (640, 480)
SCENES = 60  # pictures, shown forth and back
LOOK_EVERY, LOOK_TAKES = 4, 3  # frames from one look to the next, and until its answer is there
SLOPE = 40.0  # logits in a disk's radius

Picture = npt.NDArray[np.uint8]


@dataclass
class Crowd:
    """What became of so many objects. ``milliseconds``: of processor time, for each frame that has a result."""

    objects: int
    ahead: bool
    seconds: float = 0.0
    milliseconds: list[float] = field(default_factory=list)
    told: list[int] = field(default_factory=list)  # objects in each result

    HEAD = ("objects", "ahead", "results a second", "processor ms a frame", "objects told")

    @property
    def results(self) -> float:
        """Frames with a result, a second."""
        return len(self.milliseconds) / self.seconds

    def row(self) -> list[str]:
        """One line of the table."""
        mean, told = np.mean(self.milliseconds), np.mean(self.told)
        return [str(self.objects), str(int(self.ahead)), f"{self.results:.1f}", f"{mean:.1f}", f"{told:.1f}"]


def disks(count: int, side: int) -> tuple[Shown, ...]:
    """Objects in a grid, each half as wide as its cell: what a look of ``side`` cells would show of them."""
    across = math.ceil(math.sqrt(count))
    places = (np.arange(side) + 0.5) / side * across
    found = []
    for number in range(count):
        row, column = divmod(number, across)
        away = np.hypot(places[:, None] - row - 0.5, places - column - 0.5)
        logits = np.clip((0.25 - away) * SLOPE, -10, 10).astype(np.float32)
        found.append(Shown(number + 1, Prompt(PROMPT).key, 0.9, False, 1, Stage.REFINE, logits))
    return tuple(found)


def crowd(model: Sam3, count: int, seconds: float, *, ahead: bool = False) -> Crowd:
    """Present a camera for so long, dropping what there is no time for, while another thread steps a tracker."""
    pictures = [drawn.image for drawn in itertools.islice(Video(1, *SIZE, fps=FPS, objects=(16, 16)), SCENES // 2 + 1)]
    pictures += pictures[-2:0:-1]
    stop = threading.Event()
    looking = threading.Thread(target=_look, args=(model, pictures, stop))
    found = Crowd(count, ahead)
    shown = disks(count, model.side)
    looking.start()
    try:
        _present(found, shown, pictures, seconds)
    finally:
        stop.set()
        looking.join()
    return found


def _look(model: Sam3, pictures: Sequence[Picture], stop: threading.Event) -> None:
    tracker = Tracker(model, [Prompt(PROMPT)])
    for index in itertools.count():
        if stop.is_set():
            return
        tracker.step(pictures[index % len(pictures)], index, index / FPS)


def _present(found: Crowd, shown: tuple[Shown, ...], pictures: Sequence[Picture], seconds: float) -> None:
    grey = [np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8) for picture in pictures]
    presenter, began, last, begun = Presenter(), time.monotonic(), -1, -LOOK_EVERY
    height, width = grey[0].shape
    while (now := time.monotonic() - began) < seconds:
        index = int(now * FPS)
        if index == last:
            time.sleep(max(0.0, (index + 1) / FPS - now))
            continue
        last, spent = index, time.thread_time()
        if begun >= 0 and index - begun >= LOOK_TAKES:
            presenter.take(Snapshot(begun, 0, Stage.REFINE, "interval", shown, (Prompt(PROMPT),)))
        picture = grey[index % len(grey)]
        presented = presenter.present(picture, (height, width), index, index / FPS, ahead=found.ahead)
        if index - begun >= LOOK_EVERY:
            presenter.begin(index)
            begun = index
        _tell(presented, (width, height), ahead=found.ahead)
        if presented.snapshot is not None:
            found.milliseconds.append(1000 * (time.thread_time() - spent))
            found.told.append(len(presented.tracks))
    found.seconds = time.monotonic() - began


def _tell(presented: Presented, size: tuple[int, int], **options: Any) -> str:
    """A presented frame as a reader is sent it."""
    info = FrameInfo(presented.index, 0, None, Fraction(1, FPS), None, 0.0, *size)
    step = Step(Stage.FLOW, "presented", presented.tracks)
    look = None if presented.snapshot is None else LookedAt(presented.snapshot.index, 0.0, Stage.REFINE, "interval")
    result = Result("crowd", info, (Prompt(PROMPT),), step, None, 0.0, 0.0, 0, look, True, presented.ahead)
    return results.dumps(results.result_message(result, **options))

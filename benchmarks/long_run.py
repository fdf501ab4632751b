"""
Does a stream that never ends cost more and more?

``python -m benchmarks.long_run`` presents 100,000 frames on which objects come and go, and looks at every third;
prompts are edited and things are clicked. For each tenth it prints how many ids were given, what the tracker, the past
frames and the process hold, and what a frame takes. The model is a stand-in that finds blobs of a colour: what is
measured is the tracker and the presenter, and not the network. ``--model nano`` takes the real one (an hour or two).
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import psutil

from benchmarks.first_light import machine, table
from benchmarks.support.fake_model import FakeModel, Picture, picture
from tracker import FrameGone, History, Point, Presenter, Prompt, Tracker, load_model, set_threads

COLORS = ("red", "green", "blue", "white")
FPS = 30
EDIT_EVERY, CLICK_EVERY, LOOK_EVERY = 997, 612, 3  # frames; clicks come when there was a look
HEAD = ("frames", "ids given", "objects", "memories", "kept frames", "past frames", "shown", "MiB", "ms a frame")


def scene(frame: int, random: np.random.Generator, blobs: list[list[Any]]) -> list[tuple[str, int, int, int]]:
    """Move what is there, take away what has left, and let something new come in from the left."""
    for blob in blobs:
        blob[1] += blob[4]
    blobs[:] = [blob for blob in blobs if blob[1] < 130]
    if random.random() < 0.08 and len(blobs) < 10:
        blobs.append([COLORS[frame % 4], -12, int(random.integers(0, 110)), 14, int(random.integers(1, 4))])
    return [(color, left, top, side) for color, left, top, side, _ in blobs]


class Stream:
    """One stream: its tracker, its presenter, and what was presented of late."""

    def __init__(self, model: Any, prompts: Sequence[Prompt]) -> None:
        self.prompts = list(prompts)
        self.tracker = Tracker(model, prompts)
        self.presenter, self.history = Presenter(), History()
        self.shown = 0  # objects on the newest frame

    def frame(self, image: Picture, index: int) -> None:
        """Present a frame, and look at it when it is time."""
        seconds = index / FPS
        luma = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
        size = (image.shape[0], image.shape[1])
        presented = self.presenter.present(luma, size, index, seconds, ahead=True)
        self.history.add(presented, seconds, size)
        self.shown = len(presented.tracks)
        if index % LOOK_EVERY == 0:
            self.presenter.begin(index)
            self.tracker.step(image, index, seconds, motion=presented.motion, scene=presented.scene)
            self.show()

    def show(self) -> None:
        """What the tracker knows by now is shown from the next frame on."""
        snapshot = self.tracker.snapshot
        if snapshot is not None:
            self.presenter.take(snapshot)

    def edit(self) -> None:
        """Ask for one thing less, or for all again."""
        some = self.prompts[:-1] if len(self.tracker.prompts) == len(self.prompts) else self.prompts
        self.tracker.set_prompts(some)
        self.show()

    def click(self, image: Picture, index: int, point: Point) -> None:
        """Click a frame that was presented before the newest look; without a way to a look it is looked at itself."""
        path, seconds = self.history.path(index), index / FPS
        try:
            self.tracker.click(index, [point], seconds=seconds, path=path)
        except FrameGone:
            self.tracker.look_back(image, index, seconds)
            self.tracker.click(index, [point], seconds=seconds, path=path)
        self.show()

    def held(self) -> list[int]:
        """Objects, memories of theirs, frames that can be clicked, past frames, and objects that are shown."""
        banks = [each.memory.bank for each in self.tracker._objects]
        memories = sum(len(bank.conditioning) + len(bank.recent) for bank in banks)
        return [len(banks), memories, len(self.tracker._clickable), len(self.history), self.shown]


def run(stream: Stream, frames: int) -> list[list[str]]:
    """A line for each tenth, printed as it comes."""
    random, blobs, before = np.random.default_rng(1), list[list[Any]](), picture()
    process, rows, began = psutil.Process(), list[list[str]](), time.perf_counter()
    tenth = max(1, frames // 10)
    most = [0] * len(stream.held())
    for index in range(frames):
        clicked = next((Point(left + 7, top + 7) for _, left, top, _, _ in blobs if 0 <= left < 114), None)
        image = picture(*scene(index, random, blobs))
        stream.frame(image, index)
        if index % EDIT_EVERY == EDIT_EVERY - 1:
            stream.edit()
        if index and index % CLICK_EVERY == 0 and clicked is not None:
            stream.click(before, index - 1, clicked)
        before = image
        most = [max(pair) for pair in zip(most, stream.held(), strict=True)]
        if index % tenth == tenth - 1:
            milliseconds = 1000 * (time.perf_counter() - began) / tenth
            memory = process.memory_info().rss / 2**20
            counts = [index + 1, stream.tracker.next_id - 1, *most]
            rows.append([*map(str, counts), f"{memory:.0f}", f"{milliseconds:.2f}"])
            print(" ".join(rows[-1]), flush=True)
            most, began = [0] * len(most), time.perf_counter()
    return rows


def main() -> None:
    """Run, and print a line for each tenth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--model", choices=("stand-in", "nano"), default="stand-in")
    arguments = parser.parse_args()
    set_threads(1)
    model: Any = FakeModel() if arguments.model == "stand-in" else load_model("nano")
    words = ("red", "green", "blue") if arguments.model == "stand-in" else ("red thing", "green thing", "blue thing")
    print(f"{machine()}; {arguments.model}; load before: {os.getloadavg()[0]:.1f}", flush=True)
    print(table(HEAD, run(Stream(model, [Prompt(word) for word in words]), arguments.frames)))


if __name__ == "__main__":
    main()

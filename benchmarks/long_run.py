"""
Does a stream that never ends cost more and more?

``python -m benchmarks.long_run`` looks at 100,000 frames on which objects come and go, prompts are edited and things
are clicked, and prints for each tenth how many ids were given, what the tracker and the process hold, and what a frame
takes. The model is a stand-in that finds blobs of a colour: what is measured is the tracker and not the network.
``--model nano`` takes the real one (an hour or two).
"""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

import numpy as np
import psutil

from benchmarks.first_light import machine, table
from benchmarks.support.fake_model import FakeModel, picture
from tracker import Point, Prompt, Tracker, load_model, set_threads

COLORS = ("red", "green", "blue", "white")
EDIT_EVERY, CLICK_EVERY = 997, 613  # frames


def scene(frame: int, random: np.random.Generator, blobs: list[list[Any]]) -> list[tuple[str, int, int, int]]:
    """Move what is there, take away what has left, and let something new come in from the left."""
    for blob in blobs:
        blob[1] += blob[4]
    blobs[:] = [blob for blob in blobs if blob[1] < 130]
    if random.random() < 0.08 and len(blobs) < 10:
        blobs.append([COLORS[frame % 4], -12, int(random.integers(0, 110)), 14, int(random.integers(1, 4))])
    return [(color, left, top, side) for color, left, top, side, _ in blobs]


def held(tracker: Tracker) -> list[int]:
    """Objects, memories of theirs, and kept frames."""
    banks = [each.memory.bank for each in tracker._objects]
    memories = sum(len(bank.conditioning) + len(bank.recent) for bank in banks)
    return [len(banks), memories, len(tracker._clickable)]


def main() -> None:
    """Run, and print a line for each tenth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--model", choices=("stand-in", "nano"), default="stand-in")
    arguments = parser.parse_args()
    set_threads(1)
    model: Any = FakeModel() if arguments.model == "stand-in" else load_model("nano")
    words = ("red", "green", "blue") if arguments.model == "stand-in" else ("red thing", "green thing", "blue thing")
    prompts = [Prompt(word) for word in words]
    tracker = Tracker(model, prompts)
    random, blobs = np.random.default_rng(1), list[list[Any]]()
    print(f"{machine()}; {arguments.model}; load before: {os.getloadavg()[0]:.1f}", flush=True)
    process, rows, began = psutil.Process(), list[list[str]](), time.perf_counter()
    tenth = max(1, arguments.frames // 10)
    most = [0, 0, 0]
    for frame in range(arguments.frames):
        tracker.step(picture(*scene(frame, random, blobs)), frame, frame / 30)
        if frame % EDIT_EVERY == EDIT_EVERY - 1:
            tracker.set_prompts(prompts[:-1] if len(tracker.prompts) == len(prompts) else prompts)
        if frame % CLICK_EVERY == CLICK_EVERY - 1 and blobs:
            x, y = blobs[0][1] + 7, blobs[0][2] + 7
            if 0 <= x < 128 and 0 <= y < 128:
                tracker.click(frame, [Point(x, y)])
        most = [max(pair) for pair in zip(most, held(tracker), strict=True)]
        if frame % tenth == tenth - 1:
            milliseconds = 1000 * (time.perf_counter() - began) / tenth
            memory = process.memory_info().rss / 2**20
            rows.append(
                [f"{frame + 1}", f"{tracker.next_id - 1}", *map(str, most), f"{memory:.0f}", f"{milliseconds:.2f}"]
            )
            print(" ".join(rows[-1]), flush=True)
            most, began = [0, 0, 0], time.perf_counter()
    print(table(["frames", "ids given", "objects", "memories", "kept frames", "MiB", "ms a frame"], rows))


if __name__ == "__main__":
    main()

"""
How many results a second following gives on this machine, with and without an encoder pass for every frame.

``python -m benchmarks.live`` starts the real server for each way of following, lets it watch the synthetic camera
(640x480 at 30 fps, five objects, one prompt that all of them answer), and reads the results as any client would. No
browser takes part. ``--cores`` says how many of the machine's cores the server and this reader share.

``--alone`` starts no server: it steps a tracker over the same pictures and counts the processor's time of the one
thread that does it, which means something on a busy machine too.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from benchmarks.first_light import PROMPT, SEED, Figures, Server, machine, table, watch
from tracker import Prompt, Tracker, load_model, set_threads
from tracker.worlds.worlds import Video

SOURCE = f"demo:?seed={SEED}&size=640x480&fps=30&objects=5"
WARMED = 10  # frames left out at the start
WAYS: Mapping[str, Mapping[str, str]] = {
    "every frame encoded": {},
    "30 a second wanted": {"STREAMER_RATE": "30"},
    "flow between keyframes": {"STREAMER_FOLLOWER": "flow", "STREAMER_INTERVAL": "5"},
}


@contextmanager
def told(settings: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for the server that is started inside."""
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


async def through(way: str, seconds: float) -> Figures:
    """Watch the camera one way."""
    with told(WAYS[way]):
        async with Server.running() as server:
            return await watch(server, await server.pull(SOURCE), way, seconds)


def alone(frames: int) -> list[list[str]]:
    """Processor time of a step in this process, and how many a second that leaves room for on a core of its own."""
    set_threads(1)
    model = load_model("nano")
    video = Video(SEED, 640, 480, fps=30, objects=(5, 5))
    pictures = [video.next().image for _ in range(frames)]
    rows = []
    for way, tracker in (
        ("every frame encoded", Tracker(model, [Prompt(PROMPT)])),
        ("flow between keyframes", Tracker(model, [Prompt(PROMPT)], follower="flow", interval=5)),
    ):
        spent, objects, stages = [], [], Counter[str]()
        for index, image in enumerate(pictures):
            began = time.thread_time()
            step = tracker.step(image, index, index / 30)
            spent.append(1000 * (time.thread_time() - began))
            objects.append(len(step.tracks))
            stages[str(step.stage)] += 1
        mean = float(np.mean(spent[WARMED:]))
        rows.append([way, f"{mean:.1f}", f"{1000 / mean:.1f}", f"{np.mean(objects):.1f}", *shares(stages)])
    return rows


def shares(stages: Counter[str]) -> list[str]:
    """Of a hundred results, how many were made how."""
    total = max(1, stages.total())
    return [f"{100 * stages[stage] / total:.0f} %" for stage in ("keyframe", "refine", "flow")]


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=15.0, help="watched each way, after warming up")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--cores", type=int, default=2, help="the first so many cores are used, by all that takes part")
    parser.add_argument("--alone", type=int, metavar="FRAMES", help="only step a tracker over so many frames")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    print(f"{machine()}; load before: {os.getloadavg()[0]:.1f}")
    stages = ["keyframe", "refine", "flow"]
    if arguments.alone:
        head = ["way", "processor ms a frame", "results a second", "objects"]
        print(table([*head, *stages], alone(arguments.alone)))
        return
    rows = []
    for way in arguments.ways:
        figures = await through(way, arguments.seconds)
        rows.append([way, *figures.row()[1:], *shares(figures.stages)])
        print(" ".join(rows[-1]), flush=True)
    head = ["way", "results a second", "age p50 ms", "age p95 ms", "frames dropped", "objects", "memory MB", "CPU"]
    print(table([*head, *stages], rows))


if __name__ == "__main__":
    asyncio.run(main())

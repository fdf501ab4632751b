"""
How many results a second following gives on this machine, with and without an encoder pass for every frame.

``python -m benchmarks.live`` starts the real server for each way of following, lets it watch the synthetic camera
(640x480 at 30 fps, five objects, one prompt that all of them answer), and reads the results as any client would. No
browser takes part. ``--cores`` says how many of the machine's cores the server and this reader share.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from benchmarks.first_light import SEED, Figures, Server, machine, table, watch

SOURCE = f"demo:?seed={SEED}&size=640x480&fps=30&objects=5"
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
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    print(f"{machine()}; load before: {os.getloadavg()[0]:.1f}")
    rows = []
    for way in arguments.ways:
        figures = await through(way, arguments.seconds)
        rows.append([way, *figures.row()[1:], *shares(figures.stages)])
        print(" ".join(rows[-1]), flush=True)
    head = ["way", "results a second", "age p50 ms", "age p95 ms", "frames dropped", "objects", "memory MB", "CPU"]
    print(table([*head, "keyframe", "refine", "flow"], rows))


if __name__ == "__main__":
    asyncio.run(main())

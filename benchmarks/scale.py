"""
How far one cluster goes, reckoned and simulated from what is measured on this machine.

``python -m benchmarks.scale`` measures what the roster's file takes for a write and the roster for a word of a worker
(``--ray``: what a call of an actor takes, too), then prints for 10^2 to 10^5 cameras how many workers, front doors and
bytes there are and how busy the roster is, and simulates failures: how long streams are away when one worker, one
machine or a rack of them dies at once, and how many are away at any time of a year.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.first_light import machine, table
from streamer.cluster.reports import Report
from streamer.cluster.roster import WATCH, Roster
from streamer.cluster.worker import BEAT
from streamer.store import Database, Kept, Origin
from tracker import Prompt

YEAR = 365 * 24 * 3600.0
CAMERAS = (100, 1_000, 10_000, 100_000)
AT_A_WORKER = 16  # cameras of one GPU; docs/figures.md has what one carries
AT_A_MACHINE = 8  # workers
IN_A_RACK = 10  # machines
READERS = 0.1  # of a camera at a time: most are watched by nobody, their events are
RESULTS, BYTES = 25.0, 3_000.0  # a second for each reader; of one result with two masks, as JSON
EDITS = 1 / 3600  # prompts that are edited, of a camera, a second
NEW_IDS = 0.2  # objects that get an id, of a camera, a second; a write reserves 500 of them
MTBF = 60 * 24 * 3600.0  # seconds between failures of a machine: an assumption
OPENING = (0.5, 2.0)  # seconds until a camera that is opened gives its first picture: an assumption
NOTICED = (0.1, 2.5)  # seconds until Ray, or a front door, has noticed that a process is gone
CALL = 0.00046  # seconds of a core that a call of one of Ray's actors takes where it is answered: `--ray` measures it
RELAYED = 0.0006  # seconds of a door's core for a result: benchmarks.cluster measures it


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds: ``beat`` and ``call`` of the roster's core for a word of a worker, ``write`` of its file's disk."""

    beat: float
    write: float
    call: float = CALL


def measured(folder: Path, rounds: int = 200) -> Costs:
    """What a roster takes here, with 256 sessions."""
    database = Database(folder / "cluster.db")

    async def nobody(*_: Any) -> None: ...

    async def ask() -> Costs:
        roster = Roster(database, nobody, expected=1)
        await roster.hello("worker", "a", "http://worker", set())
        kept = [Kept.new(f"rtsp://camera/{each}", [Prompt("person")], Origin.HTTP) for each in range(256)]
        for each in kept:
            await roster.write("worker", {each.id: each})
        report = Report({each.id for each in kept[:AT_A_WORKER]}, AT_A_WORKER, 0.5, ready=True)
        began = time.perf_counter()
        for _ in range(rounds):
            await roster.beat("worker", "a", report)
        beat = (time.perf_counter() - began) / rounds
        times = []
        for number in range(rounds):
            each = replace(kept[number % len(kept)], next_id=1000 * number)
            began = time.perf_counter()
            await roster.write("worker", {each.id: each})
            times.append(time.perf_counter() - began)
        return Costs(beat, statistics.median(times))

    try:
        return asyncio.run(ask())
    finally:
        database.close()


def call_of_ray(calls: int = 2000) -> float:
    """Seconds for each call of an actor that is asked by one process, many at a time."""
    os.environ.setdefault("RAY_worker_niceness", "0")  # as streamer/cluster has it
    import ray

    class Answers:
        async def answer(self, number: int) -> int:
            return number

    ray.init(include_dashboard=False, log_to_driver=False)
    actor = ray.remote(Answers).remote()
    ray.get(actor.answer.remote(0))
    began = time.perf_counter()
    ray.get([actor.answer.remote(each) for each in range(calls)])
    took = (time.perf_counter() - began) / calls
    ray.shutdown()
    return took


def row(cameras: int, costs: Costs) -> list[str]:
    """What so many cameras need, and how busy the roster is: of its core, and of its disk."""
    workers = -(-cameras // AT_A_WORKER)
    read = cameras * READERS * RESULTS
    core = workers / BEAT * (costs.beat + costs.call)
    writes = cameras * (EDITS + NEW_IDS / 500)
    doors = max(2, round(0.5 + read * RELAYED / 0.7))
    disk = writes * costs.write
    return [
        f"{cameras:,}",
        f"{workers:,}",
        f"{doors}",
        f"{read * BYTES * 8 / 1e9:.2f}",
        f"{workers / BEAT:,.0f}",
        f"{core:.0%}",
        f"{writes:.1f}",
        f"{disk:.0%}",
    ]


def storm(sessions: int, costs: Costs, chance: random.Random) -> list[float]:
    """
    Seconds for which each of so many streams is away that lose their workers at once.

    The roster gives all of them away at its next look; each new owner writes its session before it opens the camera,
    one write after another. So they stand in one line, in front of the disk and of the roster's core.
    """
    noticed = chance.uniform(*NOTICED) + chance.uniform(0, WATCH)
    each = max(costs.write, 2 * costs.call)  # to hand it over, and to be written to
    return [noticed + (place + 1) * each + chance.uniform(*OPENING) for place in range(sessions)]


def year(cameras: int, costs: Costs, chance: random.Random) -> tuple[int, float, float]:
    """Failures of machines in a year; the mean share of streams that are away; the p95 of how long they are."""
    machines = max(1, -(-cameras // (AT_A_WORKER * AT_A_MACHINE)))
    failures = round(chance.gauss(mean := machines * YEAR / MTBF, mean**0.5))
    away: list[float] = []
    lost = min(cameras, AT_A_WORKER * AT_A_MACHINE)
    for _ in range(min(failures, 500)):  # the others are like them
        away += storm(lost, costs, chance)
    total = sum(away) / max(1, min(failures, 500)) * failures
    return failures, total / (cameras * YEAR), p95(away) if away else 0.0


def p95(values: Sequence[float]) -> float:
    """The value that 95 of 100 do not exceed."""
    return sorted(values)[max(0, -(-len(values) * 95 // 100) - 1)]


def main() -> None:
    """As the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ray", action="store_true", help="measure a call of an actor, too")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        costs = measured(Path(folder))
    if given.ray:
        costs = replace(costs, call=call_of_ray())
    print(machine(), "\n")
    print(
        f"The roster: {costs.beat * 1e6:.0f} µs for a word of a worker, {costs.write * 1e3:.1f} ms for a write; ",
        end="",
    )
    print(f"a call of an actor: {costs.call * 1e3:.2f} ms.\n")
    head = ["cameras", "workers", "front doors", "relayed Gbit/s", "words a second", "roster's core", "writes a second"]
    print(table([*head, "its disk"], [row(each, costs) for each in CAMERAS]), "\n")
    chance = random.Random(7)  # noqa: S311  (no secret)
    sizes = {"a worker": AT_A_WORKER, "a machine": AT_A_WORKER * AT_A_MACHINE}
    sizes["a rack"] = sizes["a machine"] * IN_A_RACK
    storms = {name: [each for _ in range(20) for each in storm(size, costs, chance)] for name, size in sizes.items()}
    rows = [
        [name, f"{sizes[name]:,}", f"{statistics.median(all_):.1f}", f"{p95(all_):.1f}"]
        for name, all_ in storms.items()
    ]
    print(table(["what dies at once", "streams", "away, p50 s", "p95 s"], rows), "\n")
    years = [(each, year(each, costs, chance)) for each in CAMERAS]
    rows = [[f"{each:,}", f"{failed:,}", f"{share:.1e}", f"{away:.1f}"] for each, (failed, share, away) in years]
    print(table(["cameras", "machines that fail in a year", "share of streams away", "away, p95 s"], rows))


if __name__ == "__main__":
    main()

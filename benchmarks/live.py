"""
What a reader of a live camera is told on this machine, however slow the model is: results and looks a second.

``python -m benchmarks.live`` starts the real server for each way, lets it watch a camera (640x480 at 30 fps, five
objects, one prompt that all of them answer), and reads the results as any client would. The camera is a recording
played at its own speed: the server decodes it, as a camera's, and does not draw it. No browser takes part. ``--cores``
says how many of the machine's cores the server and this reader share. A slower model is this one with every operation
computed ten times (``benchmarks.slow_server``), so that it takes the processor as a larger one would. Where a way names
another model, that computes all that is asked, with random weights, and this one answers; it is measured where
``--ways`` names it.

Then it lets one server draw and watch some synthetic cameras of 320x240 at 15 fps (``--streams``), and presents a crowd
of made-up objects beside a model that never rests (``--crowd``, ``benchmarks.live_crowd``). The last table says which
bars were reached.

A frame that was presented has the masks of the newest look, moved along with the picture. *Looks* are the different
looks behind the results; the age of a look is counted from the arrival of the frame that the model saw.

``--alone`` starts no server: it steps a tracker over the same pictures and counts the processor's time of the one
thread that does it, which means something on a busy machine too; the same for presenting them.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from benchmarks.first_light import SEED, judged, machine, table
from benchmarks.live_crowd import LOOK_EVERY, Crowd, Picture, crowd
from benchmarks.recording import record
from benchmarks.watching import PROMPT, Figures, Server, watch
from tracker import Presenter, Prompt, Tracker, load_model, set_threads
from tracker.worlds.worlds import Video

SPARE = 30.0  # seconds that the recording is longer than it is watched: until the first result, and warming up
SMALL = "demo:?seed={seed}&size=320x240&fps=15"
WARMED = 10  # frames left out at the start
STAGES = ("keyframe", "refine", "flow")
PRESENTED, LOOKED, SLOWLY = "every frame presented", "only looked at", ", model ten times slower"
LARGE = ("efficientsam3-ev@336", "efficientsam3-ev@504", "sam3-litetext-s0@504")

# The bars, for two cores with AVX2 and nothing else running.
RESULTS, AGE = 28.0, 30.0  # a second at the least, of 30 that the camera gives; p95 in ms at the most
LARGE_RESULTS, LARGE_AGE = 25.0, 60.0  # the same beside a large model
LOOKS = 0.85  # of the looks a second that there are when nothing is presented
SMALL_RESULTS, CROWD_RESULTS = 13.0, 15.0  # a second at the least: of each small stream; of a crowd


@dataclass(frozen=True)
class Way:
    """How the server is set, and which program stands in for it."""

    settings: Mapping[str, str] = field(default_factory=dict)
    program: tuple[str, ...] = ()


ONLY_LOOKED, TEN_TIMES = {"STREAMER_PRESENT": "looked"}, ("benchmarks.slow_server", "10")
WAYS: Mapping[str, Way] = {
    PRESENTED: Way(),
    LOOKED: Way(ONLY_LOOKED),
    "30 looks a second wanted": Way({"STREAMER_LOOKS": "30"}),
    "flow between keyframes": Way({**ONLY_LOOKED, "STREAMER_FOLLOWER": "flow", "STREAMER_INTERVAL": "5"}),
    PRESENTED + SLOWLY: Way({}, TEN_TIMES),
    LOOKED + SLOWLY: Way(ONLY_LOOKED, TEN_TIMES),
    **{f"{PRESENTED}, {name}": Way({}, ("benchmarks.slow_server", name)) for name in LARGE},
}
USUAL = tuple(WAYS)[: -len(LARGE)]


async def through(name: str, film: Path, seconds: float) -> Figures:
    """Watch the camera one way."""
    way = WAYS[name]
    async with Server.running(*way.program, settings=way.settings) as server:
        return await watch(server, await server.pull(f"{film}?pace=realtime"), name, seconds)


async def together(count: int, seconds: float) -> list[Figures]:
    """Watch so many small cameras at one server; memory and CPU of each line are the whole server's."""
    async with Server.running() as server:
        sessions = [await server.pull(SMALL.format(seed=SEED + number)) for number in range(count)]
        streams = (
            watch(server, session, f"stream {number + 1} of {count}", seconds)
            for number, session in enumerate(sessions)
        )
        return await asyncio.gather(*streams)


def bars(
    ways: Mapping[str, Figures], streams: Sequence[Figures], crowds: Sequence[Crowd]
) -> list[tuple[str, str, bool]]:
    """What is aimed at, what came out, and whether that is enough; of what was measured."""
    found = []
    usual, large = (PRESENTED, PRESENTED + SLOWLY), tuple(f"{PRESENTED}, {name}" for name in LARGE)
    for names, results, age in ((usual, RESULTS, AGE), (large, LARGE_RESULTS, LARGE_AGE)):
        for name, way in ((name, ways[name]) for name in names if name in ways):
            words = f"{way.results:.1f} a second"
            found.append((f"{name}: at least {results:g} results a second", words, way.results >= results))
            found.append((f"{name}: age at p95 at most {age:g} ms", f"{way.age_p95:.0f} ms", way.age_p95 <= age))
    for slowly in ("", SLOWLY):
        mine, other = ways.get(PRESENTED + slowly), ways.get(LOOKED + slowly)
        if mine is not None and other is not None:
            share = mine.looks_a_second / other.looks_a_second if other.looks else float("nan")
            words = f"{PRESENTED}{slowly}: looks a second at least {LOOKS:.0%} of those when {LOOKED}"
            found.append((words, f"{share:.0%}", share >= LOOKS))
    if streams:
        least = min(stream.results for stream in streams)
        words = f"{len(streams)} streams of 320x240 at 15 fps: at least {SMALL_RESULTS:g} results a second each"
        found.append((words, f"{least:.1f} a second", least >= SMALL_RESULTS))
    for each in crowds:
        words = f"{each.objects} objects{', ahead' if each.ahead else ''}: at least {CROWD_RESULTS:g} results a second"
        found.append((words, f"{each.results:.1f} a second", each.results >= CROWD_RESULTS))
    return found


def alone(frames: int) -> list[list[str]]:
    """Processor time of a look and of presenting in this process, and how many a second a core would do."""
    set_threads(1)
    model = load_model("nano")
    video = Video(SEED, 640, 480, fps=30, objects=(5, 5))
    pictures = [video.next().image for _ in range(frames)]
    return [
        looking_alone("looking", Tracker(model, [Prompt(PROMPT)]), pictures),
        looking_alone(
            "looking, flow between keyframes", Tracker(model, [Prompt(PROMPT)], follower="flow", interval=5), pictures
        ),
        presenting_alone("presenting", Tracker(model, [Prompt(PROMPT)]), pictures),
    ]


def looking_alone(way: str, tracker: Tracker, pictures: Sequence[Picture]) -> list[str]:
    """Look at every picture."""
    spent, objects, stages = [], [], Counter[str]()
    for index, image in enumerate(pictures):
        began = time.thread_time()
        step = tracker.step(image, index, index / 30)
        spent.append(1000 * (time.thread_time() - began))
        objects.append(len(step.tracks))
        stages[str(step.stage)] += 1
    return [way, *_processor(spent), f"{np.mean(objects):.1f}", *shares(stages)]


def presenting_alone(way: str, tracker: Tracker, pictures: Sequence[Picture]) -> list[str]:
    """Present every picture with the answer of the newest look; one in LOOK_EVERY is looked at, and not counted."""
    presenter, spent, objects = Presenter(), [], []
    for index, image in enumerate(pictures):
        luma = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
        began = time.thread_time()
        shown = presenter.present(luma, (image.shape[0], image.shape[1]), index, index / 30)
        spent.append(1000 * (time.thread_time() - began))
        objects.append(len(shown.tracks))
        if index % LOOK_EVERY == 0:
            presenter.begin(index)
            tracker.step(image, index, index / 30, motion=shown.motion, scene=shown.scene)
            if (looked := tracker.snapshot) is not None:
                presenter.take(looked)
    return [way, *_processor(spent), f"{np.mean(objects):.1f}", *["–"] * len(STAGES)]


def _processor(spent: Sequence[float]) -> list[str]:
    mean = float(np.mean(spent[WARMED:]))
    return [f"{mean:.1f}", f"{1000 / mean:.1f}"]


def shares(stages: Counter[str]) -> list[str]:
    """Of a hundred looks, how many were made how."""
    total = max(1, stages.total())
    return [f"{100 * stages[stage] / total:.0f} %" for stage in STAGES]


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=15.0, help="watched each way, after warming up")
    parser.add_argument("--ways", nargs="*", choices=WAYS, default=USUAL, help="nothing behind it: none")
    parser.add_argument("--streams", type=int, default=4, help="cameras at one server; 0: leave them out")
    parser.add_argument("--crowd", type=int, default=64, help="made-up objects; 0: leave them out")
    parser.add_argument("--cores", type=int, default=2, help="the first so many cores are used, by all that takes part")
    parser.add_argument("--alone", type=int, metavar="FRAMES", help="only step a tracker over so many frames")
    return parser.parse_args()


def say(figures: Figures) -> Figures:
    """Print a line as soon as there is one."""
    print(" ".join([*figures.row(), *shares(figures.stages)]), flush=True)
    return figures


async def main() -> None:
    """Measure and print."""
    given = options()
    os.sched_setaffinity(0, list(itertools.islice(sorted(os.sched_getaffinity(0)), given.cores)))
    print(f"{machine()}; load before: {os.getloadavg()[0]:.1f}", flush=True)
    if given.alone:
        print(table(["way", "processor ms", "a second", "objects", *STAGES], alone(given.alone)))
        return
    with tempfile.TemporaryDirectory() as folder:
        frames = round((given.seconds + SPARE) * 30) if given.ways else 0
        film = record(Path(folder) / "film.mp4", frames, seed=SEED, objects=5, fps=30, size=(640, 480))
        ways = {name: say(await through(name, film, given.seconds)) for name in given.ways}
    streams = [say(each) for each in await together(given.streams, given.seconds)] if given.streams else []
    crowds: list[Crowd] = []
    if given.crowd:
        set_threads(1)
        model = load_model("nano")
        crowds = [crowd(model, given.crowd, given.seconds, ahead=ahead) for ahead in (False, True)]
    for name, some in (("way", list(ways.values())), ("stream", streams)):
        if some:
            rows = ([*each.row(), *shares(each.stages)] for each in some)
            print(f"\n{table([name, *Figures.HEAD, *STAGES], rows)}")
    if crowds:
        print(f"\n{table(Crowd.HEAD, (each.row() for each in crowds))}")
    print(f"\n{judged(bars(ways, streams, crowds))}")


if __name__ == "__main__":
    asyncio.run(main())

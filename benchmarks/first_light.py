"""
One stream on this machine, through every door, and each stage alone: the first figures of docs/figures.md.

``python -m benchmarks.first_light`` starts the real server in a process of its own for each door, plays it a recorded
world (640x480 at 30 fps, three objects, one prompt), reads the results as any client would, and prints two tables.
The camera, the RTSP server and this reader share the same cores; ``--cores`` says how many. The server is set by the
same ``STREAMER_*`` variables as always (``STREAMER_FOLLOWER=memory``, for instance).
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import platform
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

import av
import numpy as np
import psutil

from benchmarks.recording import record
from benchmarks.support.rtsp import Camera
from benchmarks.watching import PROMPT, WARM_UP, Figures, Server, saying, watch

FPS, SIZE, OBJECTS = 30, (640, 480), 3
SEED = 20_001  # not a seed of training
STAGES = (
    *("decode", "convert", "compare", "embed", "lead", "refine", "detect"),
    *("refine the rest", "settle", "encode", "appearance", "memorize", "keep", "present", "publish"),
)
DOORS = ("webrtc", "rtsp", "file", "demo")


async def through(door: str, recording: Path, seconds: float) -> Figures:
    """Play the recording through one door of a fresh server."""
    async with Server.running() as server:
        if door == "webrtc":
            async with webrtc(server, recording) as session:
                return await watch(server, session, door, seconds)
        if door == "rtsp":
            with Camera(recording) as camera:
                return await watch(server, await server.pull(camera.url), door, seconds)
        source = str(recording) if door == "file" else f"demo:?seed={SEED}&size=640x480&fps={FPS}"
        return await watch(server, await server.pull(source), door, seconds)


@asynccontextmanager
async def webrtc(server: Server, recording: Path) -> AsyncIterator[str]:
    """A camera in a process of its own; gives the session's id."""
    url = f"http://{server.address}/whip?prompt={PROMPT}"
    async with saying(sys.executable, "-m", "benchmarks.whip_camera", url, str(recording)) as location:
        yield location.rpartition("/")[2]


def stages_alone(recording: Path, frames: int) -> dict[str, list[float]]:
    """
    Each stage in this process, with nothing beside it: milliseconds by stage name.

    Every frame is presented with the answer of the look before, and looked at.
    """
    from streamer.config import Config
    from streamer.frame import Frame
    from streamer.result import FrameInfo, Result
    from streamer.wire import results
    from tracker import Presenter, Prompt, Tracker, load_model, set_threads

    config = Config.from_env()
    set_threads(config.threads or max(1, (os.cpu_count() or 2) - 1))
    prompts = (Prompt(PROMPT),)
    follower = Tracker(load_model(config.model, checkpoint=config.checkpoint, device=config.device), prompts)
    presenter, spent = Presenter(), defaultdict[str, list[float]](list)
    with av.open(str(recording)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        pictures = container.decode(video=0)
        for index in range(frames):
            picture = timed(lambda: next(pictures, None), spent["decode"])
            if picture is None:
                break
            frame = Frame(index, 0, picture.pts, picture.time_base or Fraction(1, FPS), None, index / FPS, picture)
            rgb = timed(frame.rgb, spent["convert"])
            show = partial(presenter.present, frame.luma(), (frame.height, frame.width), index, index / FPS)
            shown = timed(show, spent["present"])
            presenter.begin(index)
            step = follower.step(rgb, index, index / FPS, motion=shown.motion, scene=shown.scene)
            if (looked := follower.snapshot) is not None:
                presenter.take(looked)
            for stage, seconds in step.timings.items():
                spent[stage].append(seconds * 1000)
            result = Result("alone", FrameInfo.of(frame), prompts, step, None, 0.0, 0.0, 0)
            timed(partial(results.result_json, result), spent["publish"])
    follower.close()
    return spent


def timed(call: Callable[[], Any], into: list[float]) -> Any:
    """Call, and note the milliseconds it took."""
    began = time.perf_counter()
    answer = call()
    into.append((time.perf_counter() - began) * 1000)
    return answer


def machine() -> str:
    """The processor's name, the cores that are used, the memory, and the graphics card if there is one."""
    import torch

    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    cores = len(os.sched_getaffinity(0))
    memory = psutil.virtual_memory().total / 2**30
    card = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return (
        f"{names[0] if names else platform.machine()}, {cores} cores, {memory:.0f} GiB{card}; torch {torch.__version__}"
    )


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    lines = [[*head]]
    lines.append(["---"] * len(lines[0]))
    lines += [[*row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def judged(bars: Iterable[tuple[str, str, bool]]) -> str:
    """A table of what is aimed at, what came out, and whether that is enough."""
    rows = ([what, came, "reached" if enough else "NOT reached"] for what, came, enough in bars)
    return table(["bar", "came out", ""], rows)


def stage_rows(alone: dict[str, list[float]], figures: list[Figures]) -> list[list[str]]:
    """Mean ms by stage: alone, then under each door. The server does not time decoding and publishing while it runs."""
    means = [{stage: float(np.mean(values)) for stage, values in alone.items()}, *(each.timings for each in figures)]
    return [[stage, *(f"{mean[stage]:.2f}" if stage in mean else "–" for mean in means)] for stage in STAGES]


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="watched for each door, after warming up")
    parser.add_argument("--frames", type=int, default=300, help="looked at to time each stage alone")
    parser.add_argument("--doors", nargs="+", choices=DOORS, default=DOORS)
    parser.add_argument("--cores", type=int, default=2, help="the first so many cores are used, by all that takes part")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, list(itertools.islice(sorted(os.sched_getaffinity(0)), arguments.cores)))

    print(f"{machine()}; load before: {os.getloadavg()[0]:.1f}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        # Twice the time: the server may take a file faster than it plays.
        frames = round(2 * (arguments.seconds + WARM_UP) * FPS)
        recording = record(Path(folder) / "world.mp4", frames, seed=SEED, objects=OBJECTS, fps=FPS, size=SIZE)
        figures = [await through(door, recording, arguments.seconds) for door in arguments.doors]
        alone = stages_alone(recording, arguments.frames)
    print()
    print(table(["source", *Figures.HEAD], (each.row() for each in figures)))
    print()
    print(table(["stage, mean ms", "alone", *(each.door for each in figures)], stage_rows(alone, figures)))


if __name__ == "__main__":
    asyncio.run(main())

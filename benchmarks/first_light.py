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
import json
import os
import platform
import socket
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

import av
import httpx
import numpy as np
import psutil
import websockets

from benchmarks.recording import record
from benchmarks.support.rtsp import Camera

PROMPT = "thing"  # every object of a world answers it
FPS, SIZE, OBJECTS = 30, (640, 480), 3
SEED = 20_001  # not a seed of training
WARM_UP = 4.0  # seconds left out at the start: first keyframes, caches
STAGES = (
    *("decode", "convert", "compare", "embed", "refine", "detect"),
    *("settle", "encode", "appearance", "memorize", "keep", "publish"),
)
DOORS = ("webrtc", "rtsp", "file", "demo")


@dataclass
class Figures:
    """What was seen of one door. Ages in ms, memory in MB, timings in ms by stage."""

    door: str
    seconds: float = 0.0
    ages: list[float] = field(default_factory=list)
    objects: list[int] = field(default_factory=list)
    stages: Counter[str] = field(default_factory=Counter)
    dropped: int = 0
    frames: int = 0
    memory: float = 0.0
    cpu: float = 0.0  # percent of one core
    timings: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def row(self) -> list[str]:
        """One line of the table."""
        if not self.ages:
            return [self.door, "no results", *["–"] * 6]
        p50, p95 = np.percentile(self.ages, [50, 95])
        return [
            self.door,
            f"{len(self.ages) / self.seconds:.1f}",
            f"{p50:.0f}",
            f"{p95:.0f}",
            f"{self.dropped} of {self.frames}",
            f"{np.mean(self.objects):.1f}",
            f"{self.memory:.0f}",
            f"{self.cpu:.0f} %",
        ]


class Server:
    """The real server, in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, address: str) -> None:
        self.address = address
        self.process = psutil.Process(process.pid)

    @staticmethod
    @asynccontextmanager
    async def running(*program: str) -> AsyncIterator[Server]:
        """Start it, wait until it is ready, stop it; ``program`` stands in for ``streamer.cli``."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", *(program or ("streamer.cli",)), "serve", "--port", str(port)]
        process = await asyncio.create_subprocess_exec(*command, stdout=sys.stderr)
        try:
            server = Server(process, f"127.0.0.1:{port}")
            await server._ready(process)
            yield server
        finally:
            await ended(process)

    async def _ready(self, process: asyncio.subprocess.Process) -> None:
        async with httpx.AsyncClient() as http, asyncio.timeout(120):
            while process.returncode is None:
                try:
                    if (await http.get(f"http://{self.address}/readyz")).status_code == 200:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.2)
        raise RuntimeError(f"the server ended with {process.returncode}")

    async def pull(self, source: str) -> str:
        """Start a session on a source; returns its id."""
        async with httpx.AsyncClient(base_url=f"http://{self.address}") as http:
            answer = await http.post("/sessions", json={"source": source, "prompts": [{"text": PROMPT}]})
            return str(answer.raise_for_status().json()["id"])


async def watch(server: Server, session: str, door: str, seconds: float) -> Figures:
    """Read the results of a session for so long, and ask every 200 ms what its stages took."""
    figures = Figures(door)
    looker = asyncio.create_task(_look_at_stages(server, session, figures))
    try:
        async with websockets.connect(f"ws://{server.address}/sessions/{session}/results", max_size=None) as reader:
            await _read(reader, figures, seconds, server)
    finally:
        looker.cancel()
        await asyncio.wait([looker])
    return figures


async def _read(reader: websockets.ClientConnection, figures: Figures, seconds: float, server: Server) -> None:
    first: dict[str, Any] | None = None
    began = 0.0
    async for text in reader:
        message = json.loads(text)
        if message["type"] == "state" and message["state"] == "ended":
            return
        if message["type"] != "result":
            continue
        now = time.monotonic()
        if first is None:
            first, began = message, now + WARM_UP
            continue
        if now < began:
            first = message
            server.process.cpu_percent()  # what follows is counted from here
            continue
        figures.seconds = now - began
        figures.ages.append(message["age_ms"])
        figures.stages[message["stage"]] += 1
        figures.objects.append(sum(len(each["predictions"]) for each in message["prompt_results"]))
        figures.frames = message["frame"]["index"] - first["frame"]["index"]
        figures.dropped = message["dropped"]["source"] - first["dropped"]["source"]
        if figures.seconds >= seconds:
            figures.cpu = server.process.cpu_percent()
            return


async def _look_at_stages(server: Server, session: str, figures: Figures) -> None:
    async with httpx.AsyncClient(base_url=f"http://{server.address}") as http:
        while True:
            figures.memory = max(figures.memory, server.process.memory_info().rss / 1e6)
            answer = await http.get(f"/sessions/{session}")
            if answer.status_code == 200 and figures.ages:
                for stage, milliseconds in answer.json().get("timings_ms", {}).items():
                    figures.timings[stage].append(milliseconds)
            await asyncio.sleep(0.2)


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


@asynccontextmanager
async def saying(*command: str) -> AsyncIterator[str]:
    """Run a command; gives the first line it prints, and ends it afterwards by closing its input."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            line = (await process.stdout.readline()).decode().strip()
        if not line:
            raise RuntimeError(f"{' '.join(command)} ended without a word")
        yield line
    finally:
        process.stdin.close()
        await ended(process)


async def ended(process: asyncio.subprocess.Process) -> None:
    """Wait until a process has ended: by itself within 5 s, asked to within 30, killed then."""
    for patience, ask in ((0.0 if process.stdin is None else 5.0, process.terminate), (30.0, process.kill)):
        try:
            async with asyncio.timeout(patience):
                await process.wait()
                return
        except TimeoutError:
            ask()
    await process.wait()


def stages_alone(recording: Path, frames: int) -> dict[str, list[float]]:
    """Each stage in this process, with nothing beside it: milliseconds by stage name."""
    from streamer.config import Config
    from streamer.frame import Frame
    from streamer.result import FrameInfo, Result
    from streamer.wire import results
    from tracker import Prompt, Tracker, load_model, set_threads

    config = Config.from_env()
    set_threads(config.threads or max(1, (os.cpu_count() or 2) - 1))
    prompts = (Prompt(PROMPT),)
    follower = Tracker(load_model(config.model, checkpoint=config.checkpoint, device=config.device), prompts)
    spent: dict[str, list[float]] = defaultdict(list)
    with av.open(str(recording)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        pictures = container.decode(video=0)
        for index in range(frames):
            picture = timed(lambda: next(pictures, None), spent["decode"])
            if picture is None:
                break
            frame = Frame(index, 0, picture.pts, picture.time_base or Fraction(1, FPS), None, index / FPS, picture)
            rgb = timed(frame.rgb, spent["convert"])
            step = follower.step(rgb, index, index / FPS)
            for stage, seconds in step.timings.items():
                spent[stage].append(seconds * 1000)
            result = Result("alone", FrameInfo.of(frame), prompts, step, None, 0.0, 0.0, 0)
            timed(lambda result=result: results.result_json(result), spent["publish"])  # type: ignore[misc]
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


def stage_rows(alone: dict[str, list[float]], figures: list[Figures]) -> list[list[str]]:
    """Mean ms by stage: alone, then under each door. The server does not time decoding and publishing while it runs."""

    def mean(values: list[float]) -> str:
        return f"{np.mean(values):.2f}" if values else "–"

    return [
        [stage, mean(alone.get(stage, [])), *(mean(each.timings.get(stage, [])) for each in figures)]
        for stage in STAGES
    ]


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
    head = ["source", "results a second", "age p50 ms", "age p95 ms", "frames dropped", "objects", "memory MB", "CPU"]
    print()
    print(table(head, (each.row() for each in figures)))
    print()
    print(table(["stage, mean ms", "alone", *(each.door for each in figures)], stage_rows(alone, figures)))


if __name__ == "__main__":
    asyncio.run(main())

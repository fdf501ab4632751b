"""The real server in a process of its own, and a reader that counts what it is sent."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
import psutil
import websockets
from prometheus_client.parser import text_string_to_metric_families

PROMPT = "thing"  # every object of a world answers it
WARM_UP = 4.0  # seconds left out at the start: first keyframes, caches
PARTS = "streamer_step_part_seconds"  # the metric that says what the parts of a step took

Parts = Mapping[str, tuple[float, float]]  # seconds and number of times, by the name of a part


@dataclass
class Figures:
    """
    What a reader saw of one stream. Ages in ms, memory in MB, timings in mean ms by stage.

    ``looks`` are the different looks behind the results; where only looked-at frames have results, the results.
    ``stages`` says how they were made.
    """

    door: str
    seconds: float = 0.0
    ages: list[float] = field(default_factory=list)
    look_ages: list[float] = field(default_factory=list)
    looks: int = 0
    objects: list[int] = field(default_factory=list)
    stages: Counter[str] = field(default_factory=Counter)
    dropped: int = 0
    frames: int = 0
    memory: float = 0.0
    cpu: float = 0.0  # percent of one core
    timings: dict[str, float] = field(default_factory=dict)

    HEAD = (
        *("results a second", "age p50 ms", "age p95 ms", "looks a second", "look's age p50 ms", "look's age p95 ms"),
        *("frames without a result", "objects", "memory MB", "CPU"),
    )

    @property
    def results(self) -> float:
        """Frames with a result, a second."""
        return len(self.ages) / self.seconds if self.seconds else 0.0

    @property
    def looks_a_second(self) -> float:
        """Looks whose answers were seen, a second."""
        return self.looks / self.seconds if self.seconds else 0.0

    @property
    def age_p95(self) -> float:
        """p95 of the ages; without results infinite."""
        return float(np.percentile(self.ages, 95)) if self.ages else float("inf")

    def row(self) -> list[str]:
        """One line of the table: its name, and what HEAD names."""
        if not self.ages:
            return [self.door, "no results", *["–"] * (len(self.HEAD) - 1)]
        return [
            self.door,
            f"{self.results:.1f}",
            *_percentiles(self.ages),
            f"{self.looks_a_second:.1f}",
            *_percentiles(self.look_ages),
            f"{self.dropped} of {self.frames}",
            f"{np.mean(self.objects):.1f}",
            f"{self.memory:.0f}",
            f"{self.cpu:.0f} %",
        ]


def _percentiles(values: list[float]) -> list[str]:
    return [f"{each:.0f}" for each in np.percentile(values, [50, 95])] if values else ["–", "–"]


class Counting:
    """Counts the results that come, into ``figures``. ``begin`` with each until the window opens, then ``add``."""

    def __init__(self, figures: Figures) -> None:
        self.figures = figures
        self._first: dict[str, Any] = {}
        self._newest = -1
        self._look: int | None = None

    def begin(self, message: dict[str, Any]) -> None:
        """A result from before the window."""
        self._first, self._newest, self._look = message, message["frame"]["index"], _look_of(message)

    def add(self, message: dict[str, Any], seconds: float) -> None:
        """A result, so many seconds after the window opened. A frame that is told again counts once."""
        figures, first, index, look = self.figures, self._first, message["frame"]["index"], message["looked_at"]
        figures.seconds = seconds
        if look is not None and look["index"] != self._look:
            self._look = look["index"]
            figures.looks += 1
            figures.stages[look["stage"]] += 1
        if index <= self._newest:
            return
        self._newest = index
        figures.ages.append(message["age_ms"])
        figures.objects.append(sum(len(each["predictions"]) for each in message["prompt_results"]))
        if look is not None:
            figures.look_ages.append(look["age_ms"])
        figures.frames = index - first["frame"]["index"]
        figures.dropped = message["dropped"]["source"] - first["dropped"]["source"]


def _look_of(message: dict[str, Any]) -> int | None:
    return None if message["looked_at"] is None else message["looked_at"]["index"]


class Server:
    """The real server, in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, address: str) -> None:
        self.address = address
        self.process = psutil.Process(process.pid)

    @staticmethod
    @asynccontextmanager
    async def running(*program: str, settings: Mapping[str, str] | None = None) -> AsyncIterator[Server]:
        """
        Start it, wait until it is ready, stop it.

        ``program`` stands in for ``streamer.cli``; ``settings`` are environment variables besides this process's own.
        """
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", *(program or ("streamer.cli",)), "serve", "--port", str(port)]
        environment = {**os.environ, **(settings or {})}
        process = await asyncio.create_subprocess_exec(*command, stdout=sys.stderr, env=environment)
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

    def spent(self) -> float:
        """Seconds of processor time since it was started."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


async def watch(server: Server, session: str, door: str, seconds: float) -> Figures:
    """Read the results of a session for so long, and ask now and then what the server holds and its steps took."""
    figures = Figures(door)
    beside = asyncio.create_task(_watch_server(server, figures))
    try:
        async with websockets.connect(f"ws://{server.address}/sessions/{session}/results", max_size=None) as reader:
            await _read(reader, figures, seconds, server)
    finally:
        beside.cancel()
        await asyncio.wait([beside])
    return figures


async def _read(reader: websockets.ClientConnection, figures: Figures, seconds: float, server: Server) -> None:
    counting, opens, spent = Counting(figures), None, 0.0
    async for text in reader:
        message = json.loads(text)
        if message["type"] == "state" and message["state"] == "ended":
            return
        if message["type"] != "result":
            continue
        now = time.monotonic()
        if opens is None or now < opens:
            opens = now + WARM_UP if opens is None else opens
            counting.begin(message)
            spent = server.spent()
            continue
        counting.add(message, now - opens)
        if figures.seconds >= seconds:
            figures.cpu = 100 * (server.spent() - spent) / figures.seconds
            return


async def _watch_server(server: Server, figures: Figures) -> None:
    before: Parts | None = None
    async with httpx.AsyncClient(base_url=f"http://{server.address}") as http:
        while True:
            figures.memory = max(figures.memory, server.process.memory_info().rss / 1e6)
            if figures.ages:
                now = parts((await http.get("/metrics")).text)
                figures.timings = means(now if before is None else before, now)
                before = before or now
            await asyncio.sleep(0.5)


def parts(metrics: str) -> Parts:
    """What the parts of all steps took, from the text of ``/metrics``."""
    samples = {
        (sample.name, sample.labels["part"]): sample.value
        for family in text_string_to_metric_families(metrics)
        if family.name == PARTS
        for sample in family.samples
    }
    names = {part for _, part in samples}
    return {part: (samples[f"{PARTS}_sum", part], samples[f"{PARTS}_count", part]) for part in names}


def means(before: Parts, after: Parts) -> dict[str, float]:
    """Milliseconds that each part took on average between two readings; without those that did not occur."""
    found = {}
    for part, (seconds, times) in after.items():
        earlier = before.get(part, (0.0, 0.0))
        if times > earlier[1]:
            found[part] = 1000 * (seconds - earlier[0]) / (times - earlier[1])
    return found


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

"""
What docs/figures.md says of the HTTP API: requests a second and latency, and what the embedding cache saves.

``python -m benchmarks.http`` starts the real server in a process of its own and asks it about pictures of synthetic
worlds: first about a new picture each time (cold), then about one that it knows by ``image_id`` (cached). After that it
watches a live session alone, and again while 50 callers ask as fast as they are answered.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import itertools
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import numpy as np
from PIL import Image

from benchmarks.first_light import machine, table
from benchmarks.watching import Figures, Server, watch
from tracker.worlds import worlds

SEED = 30_001  # not a seed of training
SIZE = (640, 480)
CALLERS = 50
KNOWN = "benchmark"
LIVE = Figures.HEAD[:6]  # results, looks, and their ages: callers take turns from the looks
Body = dict[str, Any]


def pictures() -> Iterator[Body]:
    """Pictures as requests hold them, no two alike."""
    for drawn in worlds.Video(SEED, *SIZE, objects=(3, 3)):
        buffer = io.BytesIO()
        Image.fromarray(drawn.image).save(buffer, "JPEG", quality=85)
        yield {"type": "base64", "value": base64.b64encode(buffer.getvalue()).decode()}


WORDS: Body = {"prompts": [{"type": "text", "text": "red circle"}], "format": "rle"}
CLICK: Body = {"prompts": [{"points": [{"x": 320, "y": 240, "positive": True}]}], "format": "rle"}
CALLS = {"concept_segment": WORDS, "visual_segment": CLICK, "embed_image": {}}


async def ask(http: httpx.AsyncClient, call: str, seconds: float, image: Callable[[], Body]) -> list[float]:
    """Ask one request after the other for so long; the milliseconds each one took."""
    took: list[float] = []
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        body = {**CALLS[call], **image()}
        start = time.perf_counter()
        (await http.post(f"/sam3/{call}", json=body)).raise_for_status()
        took.append((time.perf_counter() - start) * 1000)
    return took


async def crowd(server: Server, seconds: float) -> Counter[int]:
    """CALLERS callers at once, each coming back a moment after it was refused; how often each status was answered."""
    statuses: Counter[int] = Counter()
    bodies = [{**WORDS, "image": image} for image in itertools.islice(pictures(), 20)]
    # The server closes a connection that has been idle for 5 s; a request must not meet that moment.
    limits = httpx.Limits(max_connections=CALLERS, keepalive_expiry=2.0)
    async with httpx.AsyncClient(base_url=f"http://{server.address}", timeout=60, limits=limits) as http:

        async def call(number: int) -> None:
            for turn in itertools.count(number):
                answer = await http.post("/sam3/concept_segment", json=bodies[turn % len(bodies)])
                statuses[answer.status_code] += 1
                if answer.status_code == 429:
                    await asyncio.sleep(float(answer.headers["retry-after"]))

        async with asyncio.TaskGroup() as tasks:
            callers = [tasks.create_task(call(number)) for number in range(CALLERS)]
            await asyncio.sleep(seconds)
            for caller in callers:
                caller.cancel()
    return statuses


async def alone_and_crowded(server: Server, seconds: float) -> tuple[list[list[str]], Counter[int]]:
    """A live session's figures without and with the crowd."""
    session = await server.pull("demo:?seed=7&size=640x480&fps=30&objects=3")
    quiet = await watch(server, session, "alone", seconds)
    crowded = asyncio.create_task(crowd(server, 3 * seconds))
    busy = await watch(server, session, f"{CALLERS} callers", seconds)
    statuses = await crowded
    return [each.row()[: 1 + len(LIVE)] for each in (quiet, busy)], statuses


async def cold_and_cached(server: Server, seconds: float) -> list[list[str]]:
    """One row for each call, first with new pictures, then with a known one."""
    rows = []
    fresh = pictures()
    async with httpx.AsyncClient(base_url=f"http://{server.address}", timeout=60) as http:
        (await http.post("/sam3/embed_image", json={"image": next(fresh), "image_id": KNOWN})).raise_for_status()
        for call in CALLS:
            cold = await ask(http, call, seconds, lambda: {"image": next(fresh)})
            cached = await ask(http, call, seconds, lambda: {"image_id": KNOWN}) if call != "embed_image" else []
            for name, took in (("new picture", cold), ("cached", cached)):
                if took:
                    p50, p95 = np.percentile(took, [50, 95])
                    rows.append([call, name, f"{1000 / np.mean(took):.1f}", f"{p50:.1f}", f"{p95:.1f}"])
    return rows


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="for each line")
    arguments = parser.parse_args()
    print(f"{machine()}; load before: {os.getloadavg()[0]:.1f}", flush=True)
    async with Server.running() as server:
        rows = await cold_and_cached(server, arguments.seconds)
        live, statuses = await alone_and_crowded(server, arguments.seconds)
    print()
    print(table(["call", "picture", "requests a second", "p50 ms", "p95 ms"], rows))
    print()
    print(table(["live session", *LIVE], live))
    print()
    print("answers to the callers:", ", ".join(f"{count} × {status}" for status, count in sorted(statuses.items())))


if __name__ == "__main__":
    asyncio.run(main())

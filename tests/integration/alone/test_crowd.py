"""Fifty HTTP callers beside a live session, over real sockets; only the model is a fake, of known cost."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np
from websockets.asyncio.client import connect

from benchmarks.support.fake_model import FakeModel, Picture
from tests.support.serving import Served, serving
from tracker import Detected, Embedding, Prompt, Sam3

CALLERS = 50
RESULTS = 60  # looked at for a 95th percentile
SLICE = 0.04  # seconds of one piece of work
ROUNDS = 3  # a machine with something else to do may spoil one


class SlowFakeModel(FakeModel):
    """Takes its time, and leaves the processor to others meanwhile: ages come from waiting in line alone."""

    def embed(self, image: Picture) -> Embedding:
        time.sleep(SLICE)
        return super().embed(image)

    def detect(self, embedding: Embedding, prompts: Sequence[Prompt], *, nms_iou: float | None = 0.1) -> list[Detected]:
        time.sleep(SLICE)
        return super().detect(embedding, prompts, nms_iou=nms_iou)

    def hint(self, text: str) -> None:
        """It knows every word."""


class Watched(NamedTuple):
    """A live session, seen for RESULTS results."""

    age: float  # seconds that 95 of 100 results are not older than when they are published
    took: float  # seconds until they were there


async def watch(served: Served, session: str) -> Watched:
    ages: list[float] = []
    began = time.perf_counter()
    async with connect(f"ws://{served.address}/sessions/{session}/results", max_size=None) as socket:
        while len(ages) < RESULTS:
            message = json.loads(await socket.recv())
            if message["type"] == "result":
                ages.append(message["age_ms"] / 1000)
    return Watched(float(np.percentile(ages, 95)), time.perf_counter() - began)


async def crowded(served: Served, session: str) -> tuple[Watched, Counter[int]]:
    """The same while CALLERS ask about new pictures as fast as they are let; and what they were answered."""
    command = (sys.executable, "-m", "tests.support.callers", served.address, str(CALLERS))
    callers = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    assert callers.stdout is not None
    assert await callers.stdout.readline() == b"asking\n"
    found = await watch(served, session)
    printed, _ = await callers.communicate(b"")
    return found, Counter({int(status): times for status, times in json.loads(printed).items()})


async def test_a_live_session_stays_young_beside_fifty_callers() -> None:
    with serving(cast(Sam3, SlowFakeModel())) as served:
        session = served.start("demo:?size=64x64&fps=30&objects=1", {"text": "red"})
        for round_left in reversed(range(ROUNDS)):
            alone = await watch(served, session)
            beside, statuses = await crowded(served, session)
            if beside.age <= 2 * alone.age + SLICE or not round_left:
                break
    print(f"alone {alone}, beside {CALLERS} callers {beside}")
    assert beside.age <= 2 * alone.age + SLICE
    assert beside.took <= 3 * alone.took  # every second turn is the session's
    assert set(statuses) == {200, 429}
    assert statuses[200] > 10  # they are served too

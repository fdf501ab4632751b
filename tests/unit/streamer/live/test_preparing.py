"""Pictures are made ready for a look off the model's thread."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import numpy as np
import pytest

from streamer.engine import Engine
from streamer.frame import Frame
from streamer.latest import Latest
from streamer.live import preparing
from streamer.live.preparing import Prepared, Preparing
from streamer.live.presenting import Candidate
from tests.support.results import frame
from tests.support.stage import Stage
from tracker import small
from tracker.stream import optical_flow


async def test_the_newest_candidate_is_prepared_and_each_that_takes_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    candidates: Latest[Candidate] = Latest()
    ready, converted, begun = Preparing(candidates), list[int](), asyncio.Event()
    loop, convert = asyncio.get_running_loop(), preparing.prepared

    def noted(frame: Frame) -> Prepared:
        converted.append(frame.index)
        loop.call_soon_threadsafe(begun.set)
        return convert(frame)

    monkeypatch.setattr(preparing, "prepared", noted)
    frames = [frame(index) for index in range(2)]
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(ready.run())
        for each in frames:
            begun.clear()
            candidates.put(Candidate(each))
            await begun.wait()
        task.cancel()
    held = await ready.of(frames[1])
    assert await ready.of(frames[1]) is held
    assert np.array_equal(held.grey, small(frames[1].rgb()))
    ready.clear()
    assert await ready.of(frames[1]) is not held
    assert converted == [0, 1, 1]


async def test_colours_and_small_pictures_are_not_made_on_the_models_thread(
    stage: Stage, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: dict[str, list[str]] = {"rgb": [], "small": []}

    def noted(name: str, call: Any) -> Any:
        def run(*args: Any) -> Any:
            threads[name].append(threading.current_thread().name)
            return call(*args)

        return run

    monkeypatch.setattr(Frame, "rgb", noted("rgb", Frame.rgb))
    for module in (preparing, optical_flow):
        monkeypatch.setattr(module, "small", noted("small", small))
    assert (await engine.run(lambda: threading.current_thread().name)).startswith("model")
    for _ in range(2):
        assert "result" in (await stage.frame())["type"]
    assert all(threads.values())
    assert not [each for every in threads.values() for each in every if each.startswith("model")]

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
from tracker import Sam3, rle, small
from tracker.stream import optical_flow


async def test_the_newest_candidate_is_prepared_and_each_that_takes_its_place(
    fake_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidates: Latest[Candidate] = Latest()
    ready, converted, begun = Preparing(candidates, fake_engine), list[int](), asyncio.Event()
    loop, convert = asyncio.get_running_loop(), preparing.prepared

    def noted(frame: Frame, model: Sam3) -> Prepared:
        converted.append(frame.index)
        loop.call_soon_threadsafe(begun.set)
        return convert(frame, model)

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


class OnDevice:
    """Notes on which threads pictures are sent to a device that is not there, and what is embedded."""

    def __init__(self, model: Sam3, monkeypatch: pytest.MonkeyPatch) -> None:
        self.threads, self.sent, self.embedded = list[str](), list[object](), list[object]()
        self._embed = model.embed
        monkeypatch.setattr(model, "send", self.send)
        monkeypatch.setattr(model, "embed", self.embed)

    def send(self, image: Any) -> Any:
        self.threads.append(threading.current_thread().name)
        self.sent.append(object())
        return self.sent[-1]

    def embed(self, image: Any, sent: object = None) -> Any:
        self.embedded.append(sent)
        return self._embed(image)


async def test_pictures_go_to_the_device_off_the_models_thread_and_are_embedded_from_there(
    presented: Stage, fake_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = OnDevice(fake_engine.need_model(), monkeypatch)
    while len(seen.embedded) < 2:
        assert (await presented.frame())["type"] == "result"
    assert all(each in seen.sent for each in seen.embedded)  # one may be sent and left out for a newer one
    assert seen.threads and not [each for each in seen.threads if each.startswith("model")]


async def test_what_goes_wrong_while_sending_the_look_meets_itself_where_it_is_judged(
    stage: Stage, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(image: Any) -> Any:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(engine.need_model(), "send", fail)
    assert (await stage.frame())["type"] == "error"
    assert engine.faults.broken is not None and "illegal memory access" in engine.faults.broken


async def test_run_lengths_of_looks_are_not_packed_on_the_models_thread(
    stage: Stage, presented: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads, pack = list[str](), rle.encode_part

    def noted(*given: Any) -> bytes:
        threads.append(threading.current_thread().name)
        return pack(*given)

    monkeypatch.setattr(rle, "encode_part", noted)
    for each in (stage, presented):
        threads.clear()
        for _ in range(3):
            assert (await each.frame())["type"] == "result"
        assert threads
    assert not [each for each in threads if each.startswith("model")]

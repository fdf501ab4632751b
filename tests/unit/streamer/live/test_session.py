"""One stream, with a real tracker and a source that is held by the hand."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from typing import Any

import pytest

from streamer.config import Config
from streamer.counters import Counters
from streamer.engine import Engine
from streamer.errors import FrameGone, NotFound, TooMany
from streamer.frame import Frame
from streamer.live.recent_frames import LENGTH
from streamer.live.session import Session
from streamer.result import Result
from streamer.sources.base import State
from tests.support.sources import HandSource
from tests.support.stage import Stage, make
from tracker import Sam3


async def test_a_frame_goes_in_and_its_result_comes_out(stage: Stage) -> None:
    message = await stage.frame()
    assert message["type"] == "result"
    assert message["frame"]["index"] == 0
    assert message["frame"]["width"] == 64
    assert message["session"] == "s"
    assert message["age_ms"] >= 0
    assert [entry["echo"]["text"] for entry in message["prompt_results"]] == ["red circle"]
    assert (stage.session.looked, stage.session.decoded, stage.session.dropped) == (1, 1, 0)


async def test_the_newest_frame_is_taken_when_the_turn_comes(stage: Stage, engine: Engine) -> None:
    await stage.frame()
    async with engine.turn:
        stage.source.give(50)
        await stage.source.taken()
    message = await stage.read("result")
    assert message["frame"]["index"] == 50
    assert message["dropped"]["source"] == 49


async def test_frames_are_counted_as_looked_at_or_dropped(engine: Engine) -> None:
    source, counters = HandSource(), Counters()
    session = make(engine, source, counters=counters)
    async with asyncio.timeout(100), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(session.run())
        await source.running.wait()
        with session.subscribe() as reader:
            async with engine.turn:
                source.give(5)
                await source.taken()
            async for message in reader:
                if json.loads(message)["type"] == "result":
                    break
        task.cancel()
    value = counters.registry.get_sample_value
    assert value("streamer_frames_decoded_total") == 5
    assert value("streamer_frames_dropped_total") == 4
    assert value("streamer_frames_looked_at_total", {"stage": "keyframe"}) == 1


async def test_every_frame_of_a_recording_is_looked_at_and_written(engine: Engine) -> None:
    written: list[Result] = []
    times: list[float] = []

    async def write(frame: Frame, result: Result) -> None:
        await asyncio.sleep(0.01)
        written.append(result)
        times.append(time.monotonic())

    source = HandSource(live=False)
    source.give(12)
    source.end()
    session = make(engine, source, write=write)
    async with asyncio.timeout(100):
        await session.run()
    assert [result.frame.index for result in written] == list(range(12))
    assert session.dropped == 0
    # Its age begins when it stands next in line, however far ahead the source decoded.
    assert all(result.frame.arrived >= done for result, done in zip(written[2:], times, strict=False))
    assert (session.state, session.reason) == (State.ENDED, "The hand was taken away.")


async def test_the_end_is_told_after_the_last_result(engine: Engine) -> None:
    source = HandSource(live=False)
    session = make(engine, source)
    source.give(2)
    source.end()
    async with asyncio.timeout(100), asyncio.TaskGroup() as tasks:
        with session.subscribe() as reader:
            tasks.create_task(session.run())
            kinds = [json.loads(message) async for message in reader]
    assert kinds[-1] == {"type": "state", "state": "ended", "reason": "The hand was taken away."}
    assert kinds[-2]["frame"]["index"] == 1


async def test_a_source_that_fails_ends_the_session_with_its_reason(stage: Stage) -> None:
    stage.source.fail(ValueError("cable cut"))
    message = await stage.read("state")
    while message["state"] != "ended":
        message = await stage.read("state")
    assert message["reason"] == "It failed inside: ValueError: cable cut"


async def test_stopping_frees_the_model_state_behind_the_running_step(
    engine: Engine, model: Sam3, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    begun, go_on = threading.Event(), threading.Event()
    embed = model.embed

    def slow(image: Any) -> Any:
        begun.set()
        go_on.wait(30)
        order.append("step")
        return embed(image)

    monkeypatch.setattr(model, "embed", slow)
    source = HandSource()
    session = make(engine, source)
    async with asyncio.timeout(100), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(session.run())
        with session.subscribe() as reader:
            source.give()
            await asyncio.to_thread(begun.wait, 30)
            monkeypatch.setattr(session.tracking._tracker, "close", lambda: order.append("close"))
            task.cancel()
            await source.stopped.wait()
            go_on.set()
            messages = [json.loads(message) async for message in reader]
    assert order == ["step", "close"]
    assert messages[-1] == {"type": "state", "state": "ended", "reason": "It was stopped."}
    assert not engine.turn.locked()


async def test_a_frame_is_found_by_its_rtp_timestamp_over_the_wrap_around(stage: Stage) -> None:
    stage.source.give(20)
    await stage.source.taken()
    stamps = [(4_294_960_000 + 3000 * index) % 2**32 for index in range(20)]
    assert stamps[0] > stamps[-1]
    assert [stage.session.recent.find(rtp_timestamp=stamp).index for stamp in stamps] == list(range(20))
    assert stage.session.recent.find(rtp_timestamp=stamps[5] + 10).index == 5
    with pytest.raises(FrameGone) as gone:
        stage.session.recent.find(rtp_timestamp=stamps[-1] + 90_000)
    assert gone.value.field == "rtp_timestamp"


async def test_a_frame_that_is_not_known_any_more_is_refused_with_what_is(stage: Stage) -> None:
    last = LENGTH + 40
    await stage.frame()
    stage.source.give(last)
    await stage.source.taken()
    with pytest.raises(FrameGone) as gone:
        stage.session.recent.find(index=0)
    assert gone.value.available is not None
    with pytest.raises(FrameGone):
        stage.session.recent.find(index=10**6)


async def test_readers_are_limited(stage: Stage) -> None:
    limit = Config().max_subscribers
    with pytest.raises(TooMany):
        await _subscribe_all(stage.session, limit)
    assert stage.session.subscribers == 1


async def _subscribe_all(session: Session, count: int) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(session.subscribe())


async def test_the_pictures_are_those_of_the_results(stage: Stage) -> None:
    with pytest.raises(NotFound, match="looked at"):
        await stage.session.picture()
    for _ in range(3):
        await stage.frame()
    for index in range(3):
        found, data = await stage.session.picture(index)
        assert found == index
        assert data.startswith(b"\xff\xd8")
    assert (await stage.session.picture())[0] == 2
    with pytest.raises(FrameGone) as gone:
        await stage.session.picture(7)
    assert gone.value.available == (0, 2)

"""One stream, with a real tracker and a source that is held by the hand."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from streamer.config import Config
from streamer.counters import Counters
from streamer.engine import Engine
from streamer.errors import BadRequest, Conflict, FrameGone, NotFound, TooMany
from streamer.frame import Frame
from streamer.live.recent_frames import LENGTH
from streamer.live.session import Session
from streamer.live.subscription import Subscription
from streamer.result import Result
from streamer.sources.base import State
from tests.support.models import untrained
from tests.support.sources import HandSource
from tracker import Box, Point, Prompt, Sam3, TrackerError


class Stage:
    """A session that runs, its source, and one reader of it."""

    def __init__(self, session: Session, source: HandSource, reader: Subscription) -> None:
        self.session, self.source, self.reader = session, source, reader
        self.messages = aiter(reader)

    async def read(self, kind: str) -> dict[str, Any]:
        async for message in self.messages:
            data: dict[str, Any] = json.loads(message)
            if data["type"] == kind:
                return data
        raise AssertionError(f"no {kind} came")

    async def frame(self) -> dict[str, Any]:
        """Give a frame and wait for what becomes of it."""
        self.source.give()
        async for message in self.messages:
            data: dict[str, Any] = json.loads(message)
            if "frame" in data:
                return data
        raise AssertionError("nothing became of it")


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    engine = Engine(untrained)
    await engine.load()
    yield engine
    await engine.close()


@pytest.fixture
def model(engine: Engine) -> Sam3:
    return engine.need_model()


def make(engine: Engine, source: HandSource, **more: Any) -> Session:
    encoder = ThreadPoolExecutor(1)
    config, counters = more.pop("config", Config()), more.pop("counters", Counters())
    prompts = more.pop("prompts", (Prompt("red circle", threshold=0.0),))
    return Session("s", source, prompts, engine=engine, executor=encoder, config=config, counters=counters, **more)


@pytest.fixture
async def stage(engine: Engine) -> AsyncIterator[Stage]:
    source = HandSource()
    session = make(engine, source)
    async with asyncio.timeout(100), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(session.run())
        with session.subscribe() as reader:
            yield Stage(session, source, reader)
        task.cancel()


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


async def test_a_step_that_raises_is_that_frames_error_and_the_stream_goes_on(
    stage: Stage, model: Sam3, monkeypatch: pytest.MonkeyPatch
) -> None:
    resets: list[int] = []
    await stage.frame()
    tracker = stage.session._tracker
    assert tracker is not None
    reset = tracker.reset

    def counted() -> None:
        resets.append(1)
        reset()

    monkeypatch.setattr(tracker, "reset", counted)
    with monkeypatch.context() as broken:

        def embed(image: object) -> Any:
            raise RuntimeError("out of memory")

        broken.setattr(model, "embed", embed)
        first = await stage.frame()
        assert first["type"] == "error"
        assert first["frame"]["index"] == 1
        assert "out of memory" in first["message"]
        assert resets == []
        second = await stage.frame()
        assert second["type"] == "error"
        assert "dropped; the prompts are kept" in second["message"]
        assert resets == [1]
    healthy = await stage.frame()
    assert healthy["type"] == "result"
    assert healthy["frame"]["index"] == 3
    assert [entry["echo"]["text"] for entry in healthy["prompt_results"]] == ["red circle"]


async def test_one_failure_between_healthy_frames_resets_nothing(
    stage: Stage, model: Sam3, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.frame()
    monkeypatch.setattr(stage.session._tracker, "reset", lambda: pytest.fail("was reset"))
    for _ in range(2):
        with monkeypatch.context() as broken:
            broken.setattr(model, "embed", lambda image: 1 / 0)
            assert (await stage.frame())["type"] == "error"
        assert (await stage.frame())["type"] == "result"


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
            monkeypatch.setattr(session._tracker, "close", lambda: order.append("close"))
            task.cancel()
            await source.stopped.wait()
            go_on.set()
            messages = [json.loads(message) async for message in reader]
    assert order == ["step", "close"]
    assert messages[-1] == {"type": "state", "state": "ended", "reason": "It was stopped."}
    assert not engine.turn.locked()


async def test_prompts_are_replaced_and_seen_in_the_next_result(stage: Stage) -> None:
    await stage.frame()
    await stage.session.set_prompts([Prompt("star"), Prompt("square")])
    assert [prompt.text for prompt in stage.session.prompts] == ["star", "square"]
    message = await stage.frame()
    assert [entry["echo"]["text"] for entry in message["prompt_results"]] == ["star", "square"]


async def test_prompts_may_be_set_before_the_first_frame(stage: Stage) -> None:
    await stage.session.set_prompts([Prompt("star")])
    message = await stage.frame()
    assert [entry["echo"]["text"] for entry in message["prompt_results"]] == ["star"]


async def test_a_click_makes_an_object_of_the_frame_that_was_seen(stage: Stage) -> None:
    await stage.frame()
    frame = stage.session.recent.find(index=0)
    answer = await stage.session.click(frame, [Point(30, 20)])
    assert answer.frame_index == 0
    message = await stage.frame()
    extra = message["prompt_results"][1]
    assert extra["echo"] == {"prompt_index": 1, "type": "visual", "text": None, "num_boxes": 0}
    assert [each["object_id"] for each in extra["predictions"]] in ([answer.object_id], [])
    await stage.session.remove(answer.object_id)
    with pytest.raises(NotFound) as unknown:
        await stage.session.remove(answer.object_id)
    assert unknown.value.field == "object_id"


@contextlib.asynccontextmanager
async def bursts(engine: Engine, fps: int) -> AsyncIterator[Stage]:
    """A session whose frames are evenly spaced in time but arrive ten at once, a day between two bursts."""
    source = HandSource(ticks=90_000 // fps, arrive=lambda index: index // 10 * 86_400.0)
    session = make(engine, source)
    async with asyncio.timeout(100), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(session.run())
        with session.subscribe() as reader:
            stage = Stage(session, source, reader)
            await stage.frame()
            yield stage
        task.cancel()


async def burst(stage: Stage, engine: Engine, frames: int) -> None:
    """Let frames come while the model is busy: the last of them is looked at, the others are dropped."""
    async with engine.turn:
        stage.source.give(frames)
        await stage.source.taken()
    await stage.read("result")


async def test_a_click_on_a_dropped_frame_is_answered_by_the_streams_clock_and_not_by_arrival(engine: Engine) -> None:
    async with bursts(engine, fps=30) as stage:
        await burst(stage, engine, 9)
        await burst(stage, engine, 10)  # of which frame 10 was a thirtieth of a second after frame 9
        answer = await stage.session.click(stage.session.recent.find(index=10), [Point(30, 20)])
        assert answer.frame_index == 9
        boxed = await stage.session.box(stage.session.recent.find(index=11), Box(10, 10, 40, 40))
        assert boxed.frame_index == 9


async def test_frames_that_only_arrived_together_do_not_stand_for_each_other(engine: Engine) -> None:
    async with bursts(engine, fps=5) as stage:
        await burst(stage, engine, 9)
        with pytest.raises(FrameGone) as gone:  # 0.8 s after frame 0, 1 s before frame 9
            await stage.session.click(stage.session.recent.find(index=4), [Point(30, 20)])
        assert (gone.value.available, gone.value.field) == ((0, 9), "frame_index")
        prompt = Prompt(boxes=(Box(10, 10, 40, 40),))
        with pytest.raises(FrameGone):
            await stage.session.set_prompts([prompt], stage.session.recent.find(index=4))


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


async def test_after_its_end_a_session_takes_no_orders(engine: Engine) -> None:
    source = HandSource()
    source.end()
    session = make(engine, source)
    async with asyncio.timeout(100):
        await session.run()
    with pytest.raises(Conflict, match="has ended"):
        await session.set_prompts([])
    with session.subscribe() as reader:
        assert [json.loads(message)["state"] async for message in reader] == ["ended"]


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


async def test_the_newest_frames_embedding_can_be_had(stage: Stage) -> None:
    with pytest.raises(NotFound, match="looked at yet") as nothing:
        await stage.session.present()
    assert nothing.value.field == "image"
    for index in range(3):
        await stage.frame()
        found, embedding = await stage.session.present()
        assert found == index
        assert (embedding.width, embedding.height) == (64, 48)
        assert embedding.trunk is not None


async def test_what_is_newest_is_what_was_looked_at_and_not_what_came_in(stage: Stage, engine: Engine) -> None:
    await stage.frame()
    async with engine.turn:
        stage.source.give(5)
        await stage.source.taken()
        asking = asyncio.gather(stage.session.present())  # in line behind the session's own next step
        await asyncio.sleep(0)
    ((index, _),) = await asking
    assert index in (0, 5)
    await stage.read("result")
    assert (await stage.session.present())[0] == 5


async def test_an_ended_session_has_no_newest_frame(engine: Engine) -> None:
    source = HandSource(live=False)
    source.give(2)
    source.end()
    session = make(engine, source)
    async with asyncio.timeout(100):
        await session.run()
    with pytest.raises(Conflict, match="has ended"):
        await session.present()


async def test_what_the_tracker_refuses_is_a_bad_request(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await stage.frame()

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise TrackerError("too many objects")

    monkeypatch.setattr(stage.session._tracker, "box", refuse)
    with pytest.raises(BadRequest, match="too many objects"):
        await stage.session.box(stage.session.recent.find(index=0), Box(1, 2, 3, 4))

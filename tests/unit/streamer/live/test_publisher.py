"""What a session tells, to whom, and which pictures it keeps."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from streamer.config import Config
from streamer.counters import Counters
from streamer.errors import TooMany
from streamer.frame import Frame
from streamer.live.jpegs import Pictures
from streamer.live.publisher import Publisher
from streamer.live.reader_options import Options
from streamer.result import Result
from tests.support.results import frame, result, track
from tracker import Prompt

STATE = {"type": "state", "state": "live", "reason": ""}
CUP = (Prompt("cup"),)


@pytest.fixture
def publisher() -> Publisher:
    return Publisher(Pictures(ThreadPoolExecutor(1), 2**20), Counters(), Config(max_subscribers=2))


async def kept(publisher: Publisher, indexes: range) -> list[int]:
    """Frames of these indexes of which there is a picture by now."""
    return [index for index in indexes if await publisher.pictures.get(index) is not None]


async def test_the_newest_result_is_remembered_and_counted(publisher: Publisher) -> None:
    for index in range(100):
        publisher.publish(frame(index), result(index))
    assert publisher.last is not None
    assert publisher.last.frame.index == 99
    assert publisher.fps > 0
    assert len(publisher._times) < 100


async def test_there_are_only_so_many_readers(publisher: Publisher) -> None:
    with publisher.subscribe(STATE, ended=False), publisher.subscribe(STATE, ended=False):
        assert publisher.subscribers == 2
        with pytest.raises(TooMany), publisher.subscribe(STATE, ended=False):
            pass
    assert publisher.subscribers == 0


async def test_an_order_changes_what_is_not_sent_yet(publisher: Publisher) -> None:
    with publisher.subscribe(STATE, ended=False) as reader:
        publisher.publish(frame(0), result(0, (track(1, 0), track(2, 0)), CUP))
        publisher.revise(CUP, {1})
        sent = [message async for message in _until_result(reader)]
    assert '"object_id":2' in sent[-1]
    assert '"object_id":1' not in sent[-1]
    assert publisher.last is not None
    assert publisher.last.step is not None
    assert [each.id for each in publisher.last.step.tracks] == [2]


async def test_an_order_leaves_one_result_for_all_readers(publisher: Publisher) -> None:
    """So that it is rendered once for those with equal options."""
    with publisher.subscribe(STATE, ended=False) as one, publisher.subscribe(STATE, ended=False) as other:
        publisher.publish(frame(0), result(0, (track(1, 0), track(2, 0)), CUP))
        publisher.revise(CUP, {1})
        assert one._results.take() is other._results.take() is publisher.last


async def _until_result(reader: Any) -> Any:
    async for message in reader:
        yield message
        if '"type":"result"' in message:
            return


async def test_masks_are_moved_ahead_while_somebody_reads_them(publisher: Publisher) -> None:
    assert not publisher.wants_ahead
    with publisher.subscribe(STATE, ended=False, options=Options(ahead=1)):
        wanted = [publisher.wants_ahead]
    assert [*wanted, publisher.wants_ahead] == [True, False]


async def test_all_pictures_are_kept_for_who_is_sent_them_and_a_few_for_other_readers(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamer.live.publisher.time.monotonic", clock := Clock())

    async def show(indexes: range) -> list[int]:
        for index in indexes:
            clock.now = index / 30
            publisher.publish(frame(index), result(index))
            await asyncio.gather(*publisher.pictures._pending.values())
        return await kept(publisher, indexes)

    assert await show(range(100, 110)) == [109]  # nobody reads: the newest alone, encoded when asked for
    with publisher.subscribe(STATE, ended=False):
        assert await show(range(200, 210)) == [200, 203, 206, 209]
    with publisher.subscribe(STATE, ended=False, pictures=True):
        assert await show(range(300, 310)) == list(range(300, 310))


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_who_writes_slowly_misses_results_and_holds_up_nobody(publisher: Publisher) -> None:
    written: list[int] = []
    go_on = asyncio.Event()

    async def write(_: Frame, told: Result) -> None:
        written.append(told.frame.index)
        await go_on.wait()

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(publisher.record(write))
        for index in range(50):
            await asyncio.sleep(0)
            publisher.publish(frame(index), result(index))
        await asyncio.sleep(0)
        go_on.set()
        publisher.close()
    assert written == [0, 49]

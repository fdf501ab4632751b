"""One reader of a session."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import cv2
import numpy as np
import pytest

from streamer.counters import Counters
from streamer.live import jpegs, rendering
from streamer.live import subscription as module
from streamer.live.reader_options import Options
from streamer.live.subscription import OUTBOX, Subscription
from tests.support.results import HEIGHT, WIDTH, result, track
from tracker import Prompt


async def no_picture(index: int) -> bytes | None:
    return None


async def some_picture(index: int) -> bytes | None:
    return b"jpeg %d" % index


async def gather(subscription: Subscription) -> list[Any]:
    return [json.loads(part) if isinstance(part, str) else part async for part in subscription]


async def test_a_reader_gets_the_newest_result_and_is_told_what_it_missed() -> None:
    reader = Subscription(no_picture, Counters())
    for index in range(1000):
        reader.publish(result(index))
    reader.close()
    (message,) = await gather(reader)
    assert message["frame"]["index"] == 999
    assert message["dropped"] == {"source": 2, "subscriber": 999}


async def test_pictures_are_no_wider_than_their_reader_wants_and_made_once_for_equal_wishes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    large = jpegs.jpeg(np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
    made: list[int] = []

    def narrowed(data: bytes, width: int) -> bytes:
        made.append(width)
        return jpegs.narrowed(data, width)

    async def picture(index: int) -> bytes:
        return large

    monkeypatch.setattr(rendering, "narrowed", narrowed)
    told, widths = result(0), (WIDTH // 2, WIDTH // 2, WIDTH // 4, WIDTH, 2 * WIDTH, None)
    readers = [Subscription(picture, Counters(), pictures=True, options=Options(picture_width=each)) for each in widths]
    for reader in readers:
        reader.publish(told)
        reader.close()
    sent = [(await gather(reader))[0][4:] for reader in readers]
    sizes = [np.asarray(cv2.imdecode(np.frombuffer(each, np.uint8), cv2.IMREAD_COLOR)).shape[:2] for each in sent]
    assert sizes == [(HEIGHT // 2, WIDTH // 2)] * 2 + [(HEIGHT // 4, WIDTH // 4)] + [(HEIGHT, WIDTH)] * 3
    assert made == [WIDTH // 2, WIDTH // 4]


async def test_results_that_were_sent_and_missed_are_counted() -> None:
    counters = Counters()
    reader = Subscription(no_picture, counters)
    for index in range(10):
        reader.publish(result(index))
    reader.close()
    reader.publish(result(10))
    assert len(await gather(reader)) == 1
    pictureless = Subscription(no_picture, counters, pictures=True)
    pictureless.publish(result(0))
    pictureless.close()
    assert await gather(pictureless) == []
    value = counters.registry.get_sample_value
    assert value("streamer_results_sent_total") == 1
    assert value("streamer_results_dropped_total") == 9 + 1


async def test_what_is_told_stands_in_line_and_is_not_dropped_for_results() -> None:
    reader = Subscription(no_picture, Counters())
    for number in range(OUTBOX):
        reader.tell({"type": "ack", "request": number})
        reader.publish(result(number))
    reader.close()
    messages = await gather(reader)
    assert [message["request"] for message in messages if message["type"] == "ack"] == list(range(OUTBOX))
    assert sum(message["type"] == "result" for message in messages) == 1


async def test_a_result_that_lies_unsent_does_not_contradict_what_was_acknowledged() -> None:
    reader, cup = Subscription(no_picture, Counters()), (Prompt("cup"),)
    reader.publish(result(5, (track(1, 0), track(2, 0)), cup))
    reader.revise(lambda unsent: unsent.revised(cup, removed={1}))
    reader.tell({"type": "ack", "object_id": 1})
    iterator = aiter(reader)
    assert json.loads(await anext(iterator))["type"] == "ack"
    sent = json.loads(await anext(iterator))
    assert [each["object_id"] for each in sent["prompt_results"][0]["predictions"]] == [2]
    assert reader.dropped == 0


async def test_an_order_that_finds_no_result_unsent_changes_nothing() -> None:
    reader = Subscription(no_picture, Counters())
    reader.revise(lambda unsent: unsent.revised((), removed={1}))
    reader.tell({"type": "ack", "object_id": 1})
    reader.publish(result(6, (track(1, None),)))
    iterator = aiter(reader)
    assert json.loads(await anext(iterator))["type"] == "ack"
    assert json.loads(await anext(iterator))["frame"]["index"] == 6


async def test_the_last_result_comes_before_word_of_the_end() -> None:
    reader = Subscription(no_picture, Counters(), options=Options(max_fps=0.001))
    reader.publish(result(0))
    iterator = aiter(reader)
    assert "result" in str(await anext(iterator))
    reader.publish(result(1))
    reader.tell({"type": "state", "state": "ended"})
    reader.close()
    rest = [json.loads(part) async for part in iterator]
    assert [message["type"] for message in rest] == ["result", "state"]


async def test_a_reader_that_leaves_its_line_full_is_given_up_with_a_reason() -> None:
    reader = Subscription(no_picture, Counters())
    for number in range(10 * OUTBOX):
        reader.tell({"type": "state", "request": number})
    async with asyncio.timeout(10):
        await reader.converse(asyncio.Event().wait())
        assert await gather(reader) == []
    assert f"{OUTBOX} messages lie unread" in str(reader.given_up)


async def test_an_answer_waits_for_its_place_in_line() -> None:
    reader = Subscription(no_picture, Counters())
    for number in range(OUTBOX):
        await reader.answer({"request": number})
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        late = tasks.create_task(reader.answer({"request": "late"}))
        await asyncio.sleep(0)
        assert not late.done()
        iterator = aiter(reader)
        assert json.loads(await anext(iterator)) == {"request": 0}
        await late
        reader.close()
        assert json.loads([part async for part in iterator][-1]) == {"request": "late"}


async def test_an_answer_that_never_finds_a_place_gives_the_reader_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.01)
    reader = Subscription(no_picture, Counters())
    async with asyncio.timeout(10):
        for number in range(OUTBOX + 1):
            await reader.answer({"request": number})
    assert "answers lay unread" in str(reader.given_up)


async def test_a_reader_with_pictures_gets_each_result_after_its_own_picture() -> None:
    reader = Subscription(some_picture, Counters(), pictures=True)
    iterator = aiter(reader)
    for index in (5, 300):
        reader.publish(result(index))
        assert await anext(iterator) == index.to_bytes(4, "little") + b"jpeg %d" % index
        assert json.loads(await anext(iterator))["frame"]["index"] == index


async def test_a_result_whose_picture_was_not_kept_counts_as_dropped() -> None:
    reader = Subscription(no_picture, Counters(), pictures=True)
    reader.publish(result(1))
    reader.tell({"type": "state"})
    reader.close()
    assert [message["type"] for message in await gather(reader)] == ["state"]
    assert reader.dropped == 1


async def test_max_fps_holds_results_back_but_not_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Subscription(no_picture, Counters(), options=Options(max_fps=0.01))
    iterator = aiter(reader)
    reader.publish(result(0))
    assert json.loads(await anext(iterator))["frame"]["index"] == 0
    reader.publish(result(1))
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        following = tasks.create_task(_next(iterator))
        await asyncio.sleep(0)
        assert not following.done()
        reader.tell({"type": "ack"})
        assert json.loads(await following) == {"type": "ack"}
        reader.options = Options()
        assert json.loads(await _next(iterator))["frame"]["index"] == 1


async def test_polygons_are_sent_when_asked_for() -> None:
    reader = Subscription(no_picture, Counters(), options=Options(format="polygon"))
    reader.publish(result(0, (track(1, 0),), (Prompt("square"),)))
    reader.close()
    (message,) = await gather(reader)
    (prediction,) = message["prompt_results"][0]["predictions"]
    assert prediction["format"] == "polygon"
    assert sorted(prediction["masks"][0]) == [[10, 5], [10, 24], [29, 5], [29, 24]]


async def _next(iterator: Any) -> Any:
    return await anext(iterator)

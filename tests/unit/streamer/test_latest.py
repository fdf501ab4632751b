"""The one-slot mailbox."""

from __future__ import annotations

import asyncio

import pytest

from streamer.latest import Closed, Latest


async def test_the_newest_item_replaces_the_one_nobody_took() -> None:
    box: Latest[int] = Latest()
    box.put(1)
    box.put(2)
    assert box.take() == 2
    assert box.dropped == 1


async def test_it_holds_one_item_however_many_are_put() -> None:
    box: Latest[int] = Latest()
    for item in range(10_000):
        box.put(item)
    assert box.take() == 9_999
    assert box.dropped == 9_999
    assert not box.waiting
    with pytest.raises(Closed):
        box.take()


async def test_an_item_that_lies_there_can_be_revised() -> None:
    box: Latest[int] = Latest()
    box.revise(lambda item: item + 1)
    assert not box.waiting
    box.put(1)
    box.revise(lambda item: item + 1)
    assert (box.take(), box.dropped) == (2, 0)
    with pytest.raises(Closed):
        box.take()


async def test_ready_waits_for_an_item() -> None:
    box: Latest[str] = Latest()
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(box.ready())
        await asyncio.sleep(0)
        assert not waiting.done()
        box.put("frame")
    assert box.take() == "frame"


async def test_ready_does_not_take_so_a_newer_item_may_still_come() -> None:
    box: Latest[int] = Latest()
    box.put(1)
    await box.ready()
    box.put(2)
    assert box.take() == 2


async def test_false_and_zero_are_items() -> None:
    box: Latest[int] = Latest()
    box.put(0)
    assert box.waiting
    await box.ready()
    assert box.take() == 0


async def test_an_item_put_before_close_can_still_be_taken() -> None:
    box: Latest[int] = Latest()
    box.put(1)
    box.close()
    box.put(2)
    await box.ready()
    assert box.take() == 1
    with pytest.raises(Closed):
        await box.ready()


async def test_close_wakes_who_waits() -> None:
    box: Latest[int] = Latest()
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        reader = tasks.create_task(_closed(box.ready()))
        await asyncio.sleep(0)
        box.close()
    assert reader.result()


async def test_room_waits_until_the_item_was_taken() -> None:
    box: Latest[int] = Latest()
    await box.room()
    box.put(1)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        writer = tasks.create_task(box.room())
        await asyncio.sleep(0)
        assert not writer.done()
        box.take()
    assert box.dropped == 0


async def test_there_is_no_room_in_a_closed_box() -> None:
    box: Latest[int] = Latest()
    box.put(1)
    box.close()
    async with asyncio.timeout(10):
        assert await _closed(box.room())


async def _closed(waiting: object) -> bool:
    try:
        await waiting  # type: ignore[misc]
    except Closed:
        return True
    return False


async def test_what_lies_in_the_slot_can_be_let_go() -> None:
    box: Latest[int] = Latest()
    box.put(1)
    box.clear()
    assert (box.waiting, box.dropped) == (False, 0)
    box.put(2)
    await box.ready()
    assert box.take() == 2
    box.put(3)
    box.close()
    box.clear()
    with pytest.raises(Closed):
        await box.ready()


async def test_an_item_can_be_seen_in_the_slot_and_the_next_that_takes_its_place_waited_for() -> None:
    latest: Latest[str] = Latest()
    latest.put("first")
    assert await latest.other(None) == "first"
    second = asyncio.ensure_future(latest.other("first"))
    await asyncio.sleep(0)
    assert not second.done()
    latest.put("second")
    assert await second == latest.take() == "second"

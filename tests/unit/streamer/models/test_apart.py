"""Blocking work on a thread that nobody waits for."""

from __future__ import annotations

import asyncio
import threading

import pytest

from streamer.models.apart import apart


async def test_its_answer_and_its_failure_come_back() -> None:
    thread = await apart(threading.current_thread, "far away")
    assert (thread.name, thread.daemon) == ("far away", True)

    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await apart(fail, "far away")


async def test_who_is_cancelled_leaves_it_alone() -> None:
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert go_on.wait(60)
        done.set()

    task = asyncio.ensure_future(apart(work, "far away"))
    await asyncio.to_thread(begun.wait, 60)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    assert await asyncio.to_thread(done.wait, 60)
    await asyncio.sleep(0)  # what it answers now is nobody's


def test_a_loop_that_is_closed_meanwhile_is_no_traceback() -> None:
    go_on, threads = threading.Event(), list[threading.Thread]()

    def work() -> None:
        threads.append(threading.current_thread())
        assert go_on.wait(60)

    async def begin() -> None:
        task = asyncio.ensure_future(apart(work, "far away"))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(begin())
    go_on.set()
    threads[0].join(60)
    assert not threads[0].is_alive()

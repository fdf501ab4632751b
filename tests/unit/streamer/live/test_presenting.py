"""The path of every frame: one slot in, one job at a time, and what looking has to say in between."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from streamer.frame import Frame
from streamer.live.presenters import Here
from streamer.live.presenting import NEWS, Moved, Presenting
from tests.support.results import frame
from tracker import Presenter, Shown, Snapshot, Stage


class Presented:
    """A presenting that runs, and what came out of it."""

    def __init__(self, executor: ThreadPoolExecutor) -> None:
        self.presenting = Presenting("s", executor, Here())
        self.out: list[Moved] = []
        self.news = asyncio.Event()

    def take(self, moved: Moved) -> None:
        self.out.append(moved)
        self.news.set()

    async def show(self, shown: Frame) -> Moved:
        """One frame, once it is out."""
        self.news.clear()
        self.presenting.put(shown, shown.index / 30)
        async with asyncio.timeout(60):
            await self.news.wait()
        return self.out[-1]


@pytest.fixture
def executor() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1)


async def running(executor: ThreadPoolExecutor, body: Callable[[Presented], object]) -> list[Moved]:
    played = Presented(executor)
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(played.presenting.run(played.take, lambda: False))
        await body(played)  # type: ignore[misc]
        played.presenting.close()
    return played.out


def snapshot(index: int, scene: int = 0) -> Snapshot:
    logits = np.full((16, 16), -5, np.float32)
    logits[4:12, 4:12] = 5
    shown = Shown(7, None, 0.9, False, 1, Stage.REFINE, logits)
    return Snapshot(index, scene, Stage.KEYFRAME, "start", (shown,))


async def test_what_a_look_found_is_shown_from_the_next_frame_on(executor: ThreadPoolExecutor) -> None:
    async def body(played: Presented) -> None:
        first = await played.show(frame(0))
        assert first.presented is not None
        assert (first.presented.tracks, first.presented.snapshot) == ((), None)
        played.presenting.began(0)
        played.presenting.take(snapshot(0))
        await played.show(frame(1))

    out = await running(executor, body)
    shown = out[1].presented
    assert shown is not None
    assert [(track.id, track.stage) for track in shown.tracks] == [(7, Stage.FLOW)]
    assert shown.snapshot is not None
    assert shown.snapshot.index == 0
    assert out[1].seconds > 0


async def test_a_look_that_began_before_the_last_answer_came_is_not_mixed_up(executor: ThreadPoolExecutor) -> None:
    """Between two frames: the answer of one look, and the beginning of the next."""

    async def body(played: Presented) -> None:
        await played.show(frame(0))
        played.presenting.began(0)
        await played.show(frame(1))
        played.presenting.take(snapshot(0))
        played.presenting.began(1)
        await played.show(frame(2))
        played.presenting.take(snapshot(1))
        await played.show(frame(3))

    out = await running(executor, body)
    looks = [moved.presented.snapshot for moved in out if moved.presented is not None]
    assert [None if look is None else look.index for look in looks] == [None, None, 0, 1]
    motions = [moved.presented.motion for moved in out if moved.presented is not None]
    assert [(motion.before, motion.now) for motion in motions if motion is not None][-1] == (1, 3)


async def test_a_connection_that_begins_anew_is_another_scene(executor: ThreadPoolExecutor) -> None:
    async def body(played: Presented) -> None:
        await played.show(frame(0))
        played.presenting.began(0)
        played.presenting.take(snapshot(0))
        await played.show(frame(1))
        await played.show(replace(frame(2), epoch=1))
        played.presenting.take(snapshot(0))  # of the scene before
        await played.show(replace(frame(3), epoch=1))

    out = await running(executor, body)
    assert [len(moved.presented.tracks) for moved in out if moved.presented is not None] == [0, 1, 0, 0]
    assert [moved.presented.scene for moved in out if moved.presented is not None] == [0, 0, 1, 1]


async def test_of_frames_that_come_meanwhile_the_newest_is_presented(executor: ThreadPoolExecutor) -> None:
    go_on = threading.Event()

    async def body(played: Presented) -> None:
        executor.submit(go_on.wait, 60)
        for index in range(20):
            played.presenting.put(frame(index), index / 30)
            await asyncio.sleep(0)
        go_on.set()

    out = await running(executor, body)
    assert [moved.frame.index for moved in out] == [0, 19]


async def test_a_frame_that_fails_comes_out_without_masks_and_the_next_one_with(
    executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(played: Presented) -> None:
        with monkeypatch.context() as broken:
            broken.setattr(Presenter, "present", lambda *_, **__: 1 / 0)
            assert (await played.show(frame(0))).presented is None
        assert (await played.show(frame(1))).presented is not None

    assert len(await running(executor, body)) == 2


async def test_a_stream_that_ends_while_it_is_presented_is_forgotten_all_the_same(
    executor: ThreadPoolExecutor,
) -> None:
    """Behind the job that was waiting; else the worker would keep a presenter of a stream that is gone."""
    worker, go_on, first = Here(), threading.Event(), asyncio.Event()
    presenting = Presenting("s", executor, worker)
    assert worker.streams == 1  # from the start, so that the next stream finds a worker with fewer
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(presenting.run(lambda _: first.set(), lambda: False))
        presenting.put(frame(0), 0.0)
        await first.wait()
        assert len(worker._presenting) == 1
        executor.submit(go_on.wait, 60)
        presenting.put(frame(1), 1 / 30)
        await asyncio.sleep(0.01)  # it stands in line now
        running.cancel()
        presenting.free()
        go_on.set()
    await asyncio.to_thread(executor.submit(lambda: None).result, 60)
    await asyncio.to_thread(executor.submit(lambda: None).result, 60)
    assert (worker.streams, len(worker._presenting)) == (0, 0)


async def test_what_lies_in_line_for_the_next_frame_is_bounded(executor: ThreadPoolExecutor) -> None:
    presenting = Presenting("s", executor, Here())
    for index in range(10 * NEWS):
        presenting.take(snapshot(index))
    assert len(presenting._news) == NEWS


async def test_a_connection_that_begins_anew_with_a_frame_that_fails_is_another_scene_all_the_same(
    executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(played: Presented) -> None:
        await played.show(frame(0))
        played.presenting.began(0)
        played.presenting.take(snapshot(0))
        assert (await played.show(frame(1))).presented is not None
        with monkeypatch.context() as broken:
            broken.setattr(Presenter, "present", lambda *_, **__: 1 / 0)
            await played.show(replace(frame(2), epoch=1))
        await played.show(replace(frame(3), epoch=1))

    out = await running(executor, body)
    assert out[-1].presented is not None
    assert (out[-1].presented.scene, out[-1].presented.tracks) == (1, ())

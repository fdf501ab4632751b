"""streamer.video.viewers without a network: one picture for everybody, nothing for nobody, nobody slows another."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest

from streamer.errors import Conflict, NotFound, TooMany
from streamer.latest import Closed
from streamer.result import Result
from streamer.video import composer
from streamer.video.encoder import Encoder
from streamer.video.viewers import UNSENT, Line, Playback
from tests.support.playback import Compositions
from tests.support.results import frame, result

WAIT = 60


class Watcher:
    """Stands for a connection: it reads when the test says so."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.gone = asyncio.Event()
        self.closed = False

    async def answer(self, offer: str) -> str:
        return offer.upper()

    async def live(self) -> None:
        await self.gone.wait()

    async def close(self) -> None:
        self.closed = True


class Stage:
    """A playback, its newest result, and frames by number."""

    def __init__(self, compositions: Compositions) -> None:
        self.result: Result | None = None
        self.compositions = compositions
        self.playback = Playback(3)
        self.shown = 0

    async def watcher(self) -> Watcher:
        """Let one in, who reads the first picture."""
        _, watcher, _ = await self.playback.admit(Watcher, "offer")
        reading = asyncio.ensure_future(watcher.line.next())
        await until(lambda: watcher.line in self.playback._lines)
        for _ in range(10):  # SOONEST is 8 of these frames
            await self.show()
            if watcher.line._whole:
                break
        await reading
        return watcher

    async def show(self, **options: Any) -> None:
        """Show a frame and wait until it was composed."""
        before = self.compositions.count
        self.playback.show(frame(self.shown, arrived=self.shown / 30, **options), self.result)
        self.shown += 1
        await until(lambda: self.compositions.count > before)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


def threads() -> int:
    return sum(thread.name.startswith("playback") for thread in threading.enumerate())


@pytest.fixture
def compositions(monkeypatch: pytest.MonkeyPatch) -> Compositions:
    return Compositions(monkeypatch)


@pytest.fixture
async def stage(compositions: Compositions) -> AsyncIterator[Stage]:
    stage = Stage(compositions)
    async with stage.playback:
        yield stage
        stage.playback.close()


async def test_while_nobody_watches_nothing_is_composed_and_no_thread_runs(stage: Stage) -> None:
    assert threads() == 0
    stage.playback.show(frame(0), None)
    _, watcher, answer = await stage.playback.admit(Watcher, "offer")
    stage.playback.show(frame(1), None)  # one who is not connected yet does not watch
    await asyncio.sleep(0)
    assert (stage.compositions.count, len(stage.playback._lines), stage.playback.viewers) == (0, 0, 1)
    assert (answer, watcher.closed, threads()) == ("OFFER", False, 0)


async def test_it_stops_when_the_last_one_leaves(stage: Stage) -> None:
    one, other = await stage.watcher(), await stage.watcher()
    one.gone.set()
    await until(lambda: len(stage.playback._lines) == 1)
    await stage.show()
    assert one.closed
    other.gone.set()
    await until(lambda: stage.playback.viewers == 0)
    composed = stage.compositions.count
    for number in range(5):
        stage.playback.show(frame(100 + number), None)
    await until(lambda: threads() == 0)
    assert stage.compositions.count == composed


async def test_everybody_is_given_the_very_same_pictures(stage: Stage) -> None:
    one, other = await stage.watcher(), await stage.watcher()
    while one.line._packets:  # what was made for the other one's beginning
        await one.line.next()
    composed = stage.compositions.count
    for _ in range(3):
        await stage.show()
        assert await one.line.next() is await other.line.next()
    assert stage.compositions.count == composed + 3


async def test_a_picture_that_cannot_be_composed_is_passed_over(stage: Stage) -> None:
    watcher = await stage.watcher()
    broken = frame(90)
    broken.picture = np.zeros((0, 0, 3), np.uint8)
    stage.playback.show(broken, None)
    await until(lambda: stage.playback._failures == 1)
    await stage.show()
    await watcher.line.next()


async def test_one_more_than_the_limit_is_refused_until_one_leaves(stage: Stage) -> None:
    admitted = [await stage.playback.admit(Watcher, "offer") for _ in range(3)]
    with pytest.raises(TooMany, match="3 viewers"):
        await stage.playback.admit(Watcher, "offer")
    await stage.playback.dismiss(admitted[0][0])
    assert admitted[0][1].closed
    await stage.playback.admit(Watcher, "offer")


async def test_who_is_refused_takes_no_place(stage: Stage) -> None:
    class Refused(Watcher):
        async def answer(self, offer: str) -> str:
            raise Conflict("no")

    for _ in range(5):
        with pytest.raises(Conflict):
            await stage.playback.admit(Refused, "offer")
    assert stage.playback.viewers == 0


async def test_who_is_gone_cannot_be_found(stage: Stage) -> None:
    id, watcher, _ = await stage.playback.admit(Watcher, "offer")  # noqa: A001
    assert stage.playback.find(id) is watcher
    await stage.playback.dismiss(id)
    with pytest.raises(NotFound):
        stage.playback.find(id)
    with pytest.raises(NotFound):
        await stage.playback.dismiss("nobody")


async def test_the_end_hangs_up_on_everybody_and_lets_nobody_in(compositions: Compositions) -> None:
    stage = Stage(compositions)
    async with stage.playback:
        watcher = await stage.watcher()
    assert watcher.closed
    with pytest.raises(Closed):
        await watcher.line.next()
    with pytest.raises(Conflict, match="ended"):
        await stage.playback.admit(Watcher, "offer")
    await until(lambda: threads() == 0)


async def test_who_reads_nothing_holds_up_nobody_and_goes_on_with_a_keyframe(stage: Stage) -> None:
    slow, quick = await stage.watcher(), await stage.watcher()
    got = len(quick.line._packets)
    for _ in range(2 * UNSENT + 10):
        await stage.show()
        while quick.line._packets:
            await quick.line.next()
            got += 1
        assert len(slow.line._packets) <= UNSENT
    assert got >= 2 * UNSENT + 10
    assert (await slow.line.next()).is_keyframe
    assert len(slow.line._packets) < UNSENT


async def test_a_line_begins_with_a_keyframe_and_asks_for_it() -> None:
    encoder = Encoder()
    coded = [encoder.encode(np.zeros((48, 64, 3), np.uint8), 3000 * n) for n in range(4)]
    begun: list[Line] = []
    line = Line(begun.append)
    for each in (coded[1], coded[2], coded[0], coded[3]):
        assert line.wants_keyframe == (each is not coded[3])
        line.put(each)
    assert await line.next() is coded[0].packet
    assert await line.next() is coded[3].packet
    assert (begun, line.wants_keyframe) == ([line], False)
    line.ask_for_keyframe()
    line.put(coded[3])  # it goes on meanwhile
    assert line.wants_keyframe
    assert await line.next() is coded[3].packet


async def test_a_connection_that_fails_to_close_takes_nobody_with_it(stage: Stage) -> None:
    class Broken(Watcher):
        async def close(self) -> None:
            raise ConnectionError("no way")

    id, broken, _ = await stage.playback.admit(Broken, "offer")  # noqa: A001
    other = await stage.watcher()
    broken.gone.set()
    await until(lambda: stage.playback.viewers == 1)
    with pytest.raises(NotFound):
        stage.playback.find(id)
    await stage.show()
    assert not other.closed


async def test_who_is_answered_as_the_session_ends_is_hung_up_on(stage: Stage) -> None:
    class Late(Watcher):
        async def answer(self, offer: str) -> str:
            asyncio.get_running_loop().call_soon(stage.playback.close)
            return offer

    watchers: list[Late] = []

    def make(line: Line) -> Late:
        watchers.append(Late(line))
        return watchers[-1]

    with pytest.raises(Conflict):
        await stage.playback.admit(make, "offer")
    assert watchers[0].closed and stage.playback.viewers == 0


async def test_masks_of_a_picture_of_another_size_are_not_claimed() -> None:
    made = result()
    assert not composer.fits(made, frame(1), 2 * made.frame.height, made.frame.width)
    assert composer.fits(made, frame(1), made.frame.height, made.frame.width)


async def test_jpegs_are_made_once_for_all_who_want_one_width(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int | None] = []
    jpeg = composer.Composer._jpeg

    def counted(self: composer.Composer, *given: Any) -> bytes:
        made.append(given[2])
        return jpeg(self, *given)

    monkeypatch.setattr(composer.Composer, "_jpeg", counted)
    with stage.playback.watch(None) as one, stage.playback.watch(None) as other, stage.playback.watch(32) as small:
        assert stage.playback.viewers == 3
        with pytest.raises(TooMany), stage.playback.watch(None):
            pass
        stage.playback.show(frame(0), None)
        await until(lambda: one.waiting and other.waiting and small.waiting)
        first = one.take()
        assert first is other.take() and len(small.take()) < len(first)
        assert sorted(made, key=str) == [32, None]
    await until(lambda: threads() == 0)
    stage.playback.show(frame(1), None)
    await asyncio.sleep(0)
    assert len(made) == 2


async def test_video_and_jpegs_are_drawn_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    monkeypatch.setattr("streamer.video.overlay.note", lambda picture, text: drawn.append(text))
    watcher = await stage.watcher()
    drawn.clear()
    with stage.playback.watch(None) as pictures:
        await stage.show()
        await until(lambda: pictures.waiting)
        assert (len(drawn), watcher.line._whole) == (1, True)


async def test_who_watches_jpegs_is_told_of_the_end(stage: Stage) -> None:
    with stage.playback.watch(None) as pictures:
        stage.playback.close()
        with pytest.raises(Closed):
            await pictures.ready()
    with pytest.raises(Conflict), stage.playback.watch(None):
        pass

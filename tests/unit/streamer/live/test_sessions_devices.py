"""Which device a stream is given to, and when none has room for one more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import cast

import pytest

from benchmarks.support.fake_model import FakeModel
from streamer.config import Config
from streamer.engine import Engine
from streamer.engines import Engines
from streamer.errors import NotReady, TooMany
from streamer.live.session import Session
from streamer.live.sessions import Sessions
from streamer.sources.base import State
from tests.support.sources import HandSource
from tracker import Sam3


@pytest.fixture
async def engines(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Engines]:
    """Two that are as busy as they are told to be."""
    monkeypatch.setattr(Engine, "share", property(lambda self: self.told))
    engines = Engines(*(Engine(lambda: cast(Sam3, FakeModel()), name=name) for name in ("cpu#1", "cpu#2")))
    busy(engines, 0.0, 0.0)
    await engines.load()
    async with asyncio.timeout(60):
        yield engines
    await engines.close()


def busy(engines: Engines, *shares: float) -> None:
    for engine, share in zip(engines.all, shares, strict=True):
        engine.told = share  # type: ignore[attr-defined]


@pytest.fixture
async def sessions(engines: Engines) -> AsyncIterator[Sessions]:
    async with Sessions(engines, Config(present="looked", presenters=0, least_looks=2)) as sessions:
        yield sessions


def start(sessions: Sessions, engines: Engines) -> int:
    """The place of the device that one more stream is given to."""
    return engines.all.index(sessions.create(HandSource()).engine)


async def test_streams_that_come_at_once_are_spread_before_anything_is_measured(
    sessions: Sessions, engines: Engines
) -> None:
    assert [start(sessions, engines) for _ in range(5)] == [0, 1, 0, 1, 0]


async def test_a_stream_goes_where_less_of_the_time_is_taken_then_where_there_are_fewer(
    sessions: Sessions, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Session, "look_seconds", property(lambda self: 0.01))
    busy(engines, 0.5, 0.1)
    assert [start(sessions, engines) for _ in range(3)] == [1, 1, 1]
    busy(engines, 0.33, 0.31)  # the same in tenths
    assert [start(sessions, engines) for _ in range(3)] == [0, 0, 0]


async def test_those_that_were_not_looked_at_yet_count_as_a_part_of_its_time(
    sessions: Sessions, engines: Engines
) -> None:
    busy(engines, 0.4, 0.0)
    assert [start(sessions, engines) for _ in range(4)] == [1, 1, 0, 1]


async def test_one_that_has_ended_counts_no_more(sessions: Sessions, engines: Engines) -> None:
    first = sessions.create(HandSource())
    first.finish("over")
    assert first.state is State.ENDED
    assert start(sessions, engines) == 0


async def test_a_stream_is_refused_when_no_device_has_looks_left_for_it(
    sessions: Sessions, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Session, "look_seconds", property(lambda self: 0.2))
    busy(engines, 0.1, 0.9)
    assert [start(sessions, engines) for _ in range(4)] == [0, 0, 1, 1]  # the busy one has room still
    with pytest.raises(TooMany, match=r"1\.7 times a second"):
        sessions.create(HandSource())
    await sessions.delete(sessions.list()[-1].id)
    assert start(sessions, engines) == 1


async def test_one_that_hangs_gets_no_streams_and_only_its_own_are_told(sessions: Sessions, engines: Engines) -> None:
    first, second = engines.all
    on_first, on_second = sessions.create(HandSource()), sessions.create(HandSource())
    sessions.hang(first, "a step does not come back")
    assert (on_first.state, on_second.state) == (State.STALLED, State.CONNECTING)
    first._hanging = time.monotonic()
    assert [start(sessions, engines) for _ in range(2)] == [1, 1]
    second._hanging = time.monotonic()
    with pytest.raises(NotReady, match="hangs"):
        sessions.create(HandSource())


async def test_another_model_is_for_the_streams_of_its_engine(sessions: Sessions, engines: Engines) -> None:
    both = [sessions.create(HandSource()), sessions.create(HandSource())]
    used: list[Session] = []
    for session in both:
        session.tracking.use = lambda model, session=session: used.append(session)  # type: ignore[misc,method-assign]
    sessions.use(engines.all[1], engines.all[1].need_model())
    assert used == both[1:]

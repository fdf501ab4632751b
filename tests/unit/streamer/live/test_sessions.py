"""All the sessions of a server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from streamer.config import Config
from streamer.engine import Engine
from streamer.engines import Engines
from streamer.errors import Conflict, NotFound, NotReady, TooMany
from streamer.live.session import Session
from streamer.live.sessions import ENDED_KEPT, Sessions
from streamer.sources.base import State
from tests.support.models import untrained
from tests.support.sources import HandSource


@pytest.fixture
async def sessions() -> AsyncIterator[Sessions]:
    engine = Engine(untrained)
    await engine.load()
    async with asyncio.timeout(100), Sessions(Engines(engine), Config(max_sessions=3, present="looked")) as sessions:
        yield sessions
    await engine.close()


async def test_a_session_runs_from_its_creation_until_it_is_deleted(sessions: Sessions) -> None:
    source = HandSource()
    session = sessions.create(source)
    assert sessions.get(session.id) is session
    assert sessions.list() == [session]
    await source.running.wait()
    await sessions.delete(session.id)
    assert source.stopped.is_set()
    assert sessions.list() == []
    with pytest.raises(NotFound, match=session.id):
        sessions.get(session.id)


async def test_one_deleted_before_it_ran_is_told_that_it_ended(sessions: Sessions) -> None:
    session = sessions.create(HandSource())
    with session.subscribe() as reader:
        await sessions.delete(session.id)
        assert session.state is State.ENDED
        assert len([message async for message in reader]) == 2


async def test_one_that_is_handed_over_tells_its_readers_to_connect_again_and_not_that_it_ended(
    sessions: Sessions,
) -> None:
    source = HandSource()
    session = sessions.create(source)
    with session.subscribe() as reader:
        await source.running.wait()
        await sessions.hand_over(session.id)
        told = [json.loads(message)["state"] async for message in reader]
    assert (told[-1], "ended" in told) == ("reconnecting", False)
    assert source.stopped.is_set()
    assert sessions.list() == []


async def test_more_than_the_limit_are_refused_until_one_has_ended(sessions: Sessions) -> None:
    sources = [HandSource() for _ in range(3)]
    first, *_ = [sessions.create(source) for source in sources]
    for _ in range(20):
        with pytest.raises(TooMany) as refusal:
            sessions.create(HandSource())
    assert "Retry-After" in refusal.value.headers
    await _end(sources[0], first)
    assert sessions.create(HandSource()).state is State.CONNECTING


async def test_a_stream_that_would_leave_too_few_looks_for_each_is_refused_by_what_looks_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = Engine(untrained)
    await engine.load()
    async with Sessions(Engines(engine), Config(least_looks=2)) as sessions:
        took = 0.0
        monkeypatch.setattr(Session, "look_seconds", property(lambda self: took))
        first = HandSource()
        session = sessions.create(first)
        sessions.create(HandSource())  # nothing is known yet of what a look takes
        took = 0.2
        with pytest.raises(TooMany, match=r"1\.7 times a second") as refusal:
            sessions.create(HandSource())
        assert int(refusal.value.headers["Retry-After"]) > 5
        took = 0.16
        sessions.create(HandSource())
        await _end(first, session)
        took = 0.2
        with pytest.raises(TooMany):
            sessions.create(HandSource())
    await engine.close()


async def test_those_that_have_ended_stay_in_the_list_but_not_for_ever(sessions: Sessions) -> None:
    ids = []
    for _ in range(ENDED_KEPT + 10):
        source = HandSource()
        session = sessions.create(source)
        ids.append(session.id)
        await _end(source, session)
    await asyncio.gather(*sessions._tasks.values())
    await asyncio.sleep(0)  # the last one's task is cleared away
    assert [session.id for session in sessions.list()] == ids[-ENDED_KEPT:]
    assert {session.state for session in sessions.list()} == {State.ENDED}


async def test_an_id_can_be_chosen_once(sessions: Sessions) -> None:
    assert sessions.create(HandSource(), id="door").id == "door"
    with pytest.raises(Conflict):
        sessions.create(HandSource(), id="door")
    await sessions.delete("door")
    again = sessions.create(HandSource(), id="door")
    await asyncio.sleep(0)
    assert sessions.get("door") is again


async def test_one_that_fails_leaves_the_others_alone(sessions: Sessions) -> None:
    bad, good = HandSource(), HandSource()
    failing, healthy = sessions.create(bad), sessions.create(good)
    await good.running.wait()
    with failing.subscribe() as reader:
        bad.fail(RuntimeError("boom"))
        async for _ in reader:
            pass
    assert failing.state is State.ENDED
    assert healthy.state is State.LIVE


async def test_the_model_is_shared_fairly(sessions: Sessions) -> None:
    """However many frames one camera sends, each session gets its turn."""
    sources = [HandSource(), HandSource(), HandSource()]
    all_of_them = [sessions.create(source) for source in sources]
    with all_of_them[0].subscribe() as first, all_of_them[2].subscribe() as last:
        for round_ in range(10):
            for source, frames in zip(sources, (20, 5, 1), strict=True):
                source.give(frames)
            async for message in last:
                if '"type":"result"' in str(message):
                    break
            if round_ == 9:
                break
        assert first.dropped >= 0
    counts = [session.looked for session in all_of_them]
    assert counts[2] == 10
    assert counts[1] >= 9
    assert 9 <= counts[0] <= 22


async def test_before_the_model_is_there_nothing_starts() -> None:
    engine = Engine(untrained)
    async with Sessions(Engines(engine), Config()) as sessions:
        with pytest.raises(NotReady):
            sessions.create(HandSource())
    await engine.close()


async def test_leaving_stops_all_of_them() -> None:
    engine = Engine(untrained)
    await engine.load()
    sources = [HandSource() for _ in range(4)]
    async with asyncio.timeout(100), Sessions(Engines(engine), Config()) as sessions:
        for source in sources:
            sessions.create(source)
        for source in sources:
            await source.running.wait()
    assert all(source.stopped.is_set() for source in sources)
    await engine.close()


async def _end(source: HandSource, session: Any) -> None:
    with session.subscribe() as reader:
        source.end()
        async for _ in reader:
            pass

"""A worker runs what the roster lets it, and stops what another one may have."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from streamer.cluster import worker as module
from streamer.errors import NotReady, StreamerError
from streamer.live.keeping import BLOCK
from streamer.store import Kept, Origin
from tests.support.stores import until

DEMO = "demo:?size=64x64&fps=2"
ONE, TWO = "worker-1", "worker-2"


async def start(cluster: Any, name: str) -> str:
    """A client starts a session at a worker, without a word of keeping it."""
    seat = next(each for each in await cluster.roster.seats() if each.name == name)
    async with httpx.AsyncClient(base_url=seat.address) as http:
        answer = (await http.post("/sessions", json={"source": DEMO, "prompts": ["star"]})).json()
        assert (answer["keep"], answer["kept"]) == (True, True)
    return str(answer["id"])


async def test_what_runs_at_one_goes_on_at_another_with_its_prompts_and_behind_its_ids(cluster: Any) -> None:
    session = await start(cluster, ONE)
    await cluster.end(ONE)
    there = cluster.workers[TWO]
    await until(lambda: any(each.id == session for each in there._sessions.list()))
    found = there._sessions.get(session)
    assert [prompt.text for prompt in found.prompts] == ["star"]
    assert found.keeping is not None and found.keeping.returns
    assert found.keeping.first_id == BLOCK + 1
    assert await cluster.roster.where(session) == TWO
    assert there.report().sessions == {session}


async def test_one_that_does_not_reach_the_roster_stops_what_others_may_have(
    cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await start(cluster, ONE)
    monkeypatch.setattr(module, "LEASE", 0.2)
    cluster.deaf = True
    sessions = cluster.workers[ONE]._sessions
    await until(lambda: not sessions.list())
    assert cluster.roster._kept, "it is kept"


async def test_what_is_another_ones_is_stopped_and_deleting_is_for_good(cluster: Any) -> None:
    session = await start(cluster, ONE)
    await cluster.roster.drain(ONE)
    assert not cluster.workers[ONE]._sessions.list()
    assert await cluster.workers[TWO].has(session)
    store = cluster.workers[TWO]._sessions.store
    assert await store.settled(session)
    cluster.roster._owner[session] = "worker-9"
    await until(lambda: not cluster.workers[TWO]._sessions.list())
    cluster.roster._owner.pop(session)
    await until(lambda: bool(cluster.workers[TWO]._sessions.list()))
    await cluster.workers[TWO]._sessions.delete(session)
    assert cluster.roster._kept == {}


async def test_what_is_deleted_while_it_says_hello_is_not_taken_for_another_ones(
    cluster: Any, caplog: pytest.LogCaptureFixture
) -> None:
    session, worker = await start(cluster, ONE), cluster.workers[ONE]
    beats: list[str] = []

    async def ask(method: str, *given: Any) -> Any:
        if method == "hello":
            await worker._sessions.delete(session)
        answer = await cluster.ask(method, *given)
        beats.extend([method] if method == "beat" and answer is not None else [])
        return answer

    worker._roster = ask
    cluster.roster._members.pop(ONE)  # as one that was started again: it asks for a hello
    await until(lambda: not worker._sessions.list() and len(beats) > 1)
    assert "is stopped here" not in caplog.text


async def test_what_cannot_be_started_is_not_had(cluster: Any) -> None:
    kept = Kept.new("nothing://here", [], Origin.HTTP)
    with pytest.raises(StreamerError):
        await cluster.workers[ONE].adopt(kept)
    store = cluster.workers[ONE]._sessions.store
    assert store is not None and store.kept == []


async def test_before_it_serves_it_takes_nothing(cluster: Any) -> None:
    new = module.Worker("worker-3", cluster.config, cluster.ask, host="127.0.0.1", secret=b"0" * 32)
    with pytest.raises(NotReady):
        await new.adopt(Kept.new(DEMO, [], Origin.HTTP))

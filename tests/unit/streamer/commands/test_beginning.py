"""What a server starts with: what is named, what is kept, each once, and as it was left."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from fastapi import FastAPI

from streamer.app import create_app
from streamer.commands.beginning import OFF, UNASKED, Wanted, begin, of_command, of_file, open_store
from streamer.commands.sources_file import Entry
from streamer.config import NO_STORE, STORE_FILE, Config
from streamer.errors import BadRequest
from streamer.live.keeping import BLOCK
from streamer.live.sessions import Sessions
from streamer.store import Database, Kept, Origin, Store
from streamer.wire.fields import PromptIn
from tests.support.models import untrained
from tracker import Prompt

DEMO = "demo:?size=128x96&fps=5"
STAR = Prompt("star")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.db"


@contextlib.asynccontextmanager
async def started(path: Path, wanted: Sequence[Wanted], **settings: object) -> AsyncIterator[Sessions]:
    """A server's sessions, once it has begun, until the block ends as a server does."""
    config, begun = Config(presenters=0, store=path, **settings), asyncio.Event()  # type: ignore[arg-type]

    def first(app: FastAPI) -> None:
        begin(app, wanted)
        begun.set()

    app = create_app(config, untrained(), begin=first, store=open_store(config, unasked=False)[0])
    async with asyncio.timeout(60), app.router.lifespan_context(app):
        await begun.wait()
        yield app.state.sessions


def named(*addresses: str, prompts: Sequence[str] = ("star",)) -> list[Wanted]:
    return of_command(Config(), addresses, prompts)


def put(path: Path, *kept: Kept) -> None:
    database = Database(path)
    database.write({each.id: each for each in kept})
    database.close()


async def edited(sessions: Sessions, id: str, *prompts: Prompt) -> None:  # noqa: A002
    keeping = sessions.get(id).keeping
    assert keeping is not None
    keeping.edited(prompts, {})
    assert await keeping.settled()


async def test_what_is_named_is_started_once_and_comes_back_as_it_was_left(path: Path) -> None:
    async with started(path, named(DEMO, DEMO)) as sessions:
        first, other = sessions.list()
        await edited(sessions, first.id, Prompt("cup"))
    async with started(path, named(DEMO, DEMO)) as sessions:
        assert [each.id for each in sessions.list()] == [first.id, other.id]
        assert [each.prompts for each in sessions.list()] == [(Prompt("cup"),), (STAR,)]
        assert [kept.next_id for kept in sessions.store.kept] == [2 * BLOCK + 1] * 2  # type: ignore[union-attr]
    async with started(path, named(DEMO, prompts=["moon"])) as sessions:
        assert [(each.id, each.prompts) for each in sessions.list()] == [(first.id, (Prompt("moon"),))]
    async with started(path, []) as sessions:
        assert sessions.list() == []
        assert sessions.store.kept == []  # type: ignore[union-attr]


async def test_what_callers_started_comes_back_and_what_was_deleted_does_not(path: Path) -> None:
    one, other = (Kept.new(DEMO, [STAR], Origin.HTTP) for _ in range(2))
    put(path, one, other)
    async with started(path, []) as sessions:
        assert [each.id for each in sessions.list()] == [one.id, other.id]
        await sessions.delete(one.id)
    async with started(path, []) as sessions:
        assert [each.id for each in sessions.list()] == [other.id]


async def test_what_may_not_be_opened_any_more_or_has_no_room_is_said_and_stays(path: Path) -> None:
    camera = Kept.new("rtsp://me:hunter2hunter2@192.0.2.1/1", [], Origin.HTTP)
    one, other = (Kept.new(DEMO, [STAR], Origin.HTTP) for _ in range(2))
    put(path, camera, one, other)
    async with started(path, [], max_sessions=1, network_sources=False) as sessions:
        assert [each.id for each in sessions.list()] == [one.id]
        reasons = {kept.id: reason for kept, reason in sessions.left_out.values()}
        assert "not opened by this server" in reasons[camera.id]
        assert "which is the limit" in reasons[other.id]
        await sessions.delete(camera.id)
        assert set(sessions.left_out) == {other.id}
    async with started(path, []) as sessions:
        assert [each.id for each in sessions.list()] == [one.id, other.id]


async def test_a_source_of_the_file_is_known_by_its_id(path: Path) -> None:
    def entry(address: str) -> list[Wanted]:
        return of_file(Config(), [Entry("file, line 1", address, (PromptIn(text="star"),), "door")])

    async with started(path, entry(DEMO)) as sessions:
        await edited(sessions, "door", Prompt("cup"))
    async with started(path, entry(f"{DEMO}&seed=3")) as sessions:
        assert sessions.get("door").prompts == (Prompt("cup"),)
        assert sessions.get("door").source.name.endswith("seed=3")
    with pytest.raises(BadRequest, match=r"file, line 1: .*has no option"):
        entry("demo:?speedy=1")


def test_a_store_is_where_it_is_named_else_in_the_state_folder_or_nowhere(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert open_store(Config(store=NO_STORE), unasked=True) == (None, OFF)
    assert open_store(Config(), unasked=False) == (None, UNASKED)
    for config, where in (
        (Config(store=path), path),
        (Config(), tmp_path / "state" / "sam3-streamer" / STORE_FILE),
        (Config(data=tmp_path / "data"), tmp_path / "data" / STORE_FILE),
    ):
        store, _ = open_store(config, unasked=True)
        assert isinstance(store, Store)
        assert store.name == str(where)
        with pytest.raises(BadRequest, match="in use by another server"):
            open_store(Config(store=where), unasked=True)
        if config.store is None:  # nobody asked for it: a second server of one user runs without
            second, why = open_store(config, unasked=True)
            assert second is None and "in use by another server" in why
        store.close()
    assert "No session will outlive this server: The store" in caplog.text
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null/state")
    store, why = open_store(Config(), unasked=True)
    assert store is None
    assert "cannot be used: Not a directory" in why
    assert "No session will outlive this server" in caplog.text
    with pytest.raises(BadRequest, match="cannot be used"):
        open_store(Config(store=Path("/dev/null/sessions.db")), unasked=True)

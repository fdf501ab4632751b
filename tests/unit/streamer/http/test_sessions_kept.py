"""Sessions that stay, over HTTP: what is answered is true, and a store that cannot be written is told to everybody."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.recording import record
from streamer.app import create_app
from streamer.config import Config
from streamer.store import Database, Kept, Origin, Store
from streamer.store import store as module
from tests.support.asgi import Asked
from tests.support.models import untrained
from tests.support.stores import fill, until

DEMO = "demo:?size=64x64&fps=2"
KEEP = {"source": DEMO, "prompts": ["star"], "keep": True}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(module, "RETRY", 0.01)
    return Store(Database(tmp_path / "sessions.db"))


@contextlib.asynccontextmanager
async def asking(store: Store | None, **settings: Any) -> AsyncIterator[Asked]:
    app = create_app(Config(presenters=0, **settings), untrained(), store=store)
    transport = httpx.ASGITransport(app)
    async with (
        asyncio.timeout(60),
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http,
    ):
        yield Asked(app, http)


async def test_without_a_store_nothing_can_be_kept_and_nothing_else_changes() -> None:
    async with asking(None) as here:
        refused = await here.http.post("/sessions", json=KEEP)
        assert refused.status_code == 400
        assert refused.json()["message"] == "keep: This server keeps no sessions: it runs without a store."
        session = (await here.http.post("/sessions", json={**KEEP, "keep": False})).json()
        assert (session["keep"], session["kept"]) == (False, False)
        assert set((await here.http.get("/sessions")).json()) == {"sessions"}


async def test_one_that_stays_is_in_the_file_when_it_is_answered_until_it_is_deleted(store: Store) -> None:
    async with asking(store) as here:
        session = (await here.http.post("/sessions", json=KEEP)).json()
        assert (session["keep"], session["kept"]) == (True, True)
        kept = store.lasting(session["id"])
        assert kept is not None
        assert (kept.address, kept.origin) == (DEMO, Origin.HTTP)
        told = (await here.http.get("/sessions")).json()["store"]
        assert told == {"state": "ok", "reason": "", "kept": 1, "not_started": []}
        assert (await here.http.delete(f"/sessions/{session['id']}")).status_code == 204
        assert store.lasting(session["id"]) is None
        assert (await here.http.delete(f"/sessions/{session['id']}")).status_code == 404


async def test_a_store_that_is_full_is_told_and_a_deletion_that_would_not_last_is_no_success(store: Store) -> None:
    async with asking(store) as here:
        before = (await here.http.post("/sessions", json=KEEP)).json()["id"]
        fill(store._database)
        address = f"{DEMO}&objects={'0' * 4000}3"
        session = (await here.http.post("/sessions", json={**KEEP, "source": address})).json()
        assert (session["keep"], session["kept"]) == (True, False)
        told = (await here.http.get("/sessions")).json()["store"]
        assert (told["state"], "full" in told["reason"]) == ("failing", True)
        assert (await here.http.get("/readyz")).json()["store"] == "failing"
        deleted = await here.http.delete(f"/sessions/{before}")
        assert deleted.status_code == 507
        assert "is still in the store" in deleted.json()["message"]
        fill(store._database, full=False)
        await until(lambda: store.problem is None)
        assert (await here.http.get(f"/sessions/{session['id']}")).json()["kept"]
        assert [each.id for each in store.kept] == [session["id"]]


async def test_what_could_not_be_started_is_listed_without_its_password_and_can_be_deleted(store: Store) -> None:
    kept = Kept.new("rtsp://me:hunter2hunter2@192.0.2.1/1", [], Origin.HTTP)
    async with asking(store) as here:
        store.put(kept)
        here.sessions.left_out[kept.id] = kept, "That address is in no network."
        (told,) = (await here.http.get("/sessions")).json()["store"]["not_started"]
        assert told == {
            "id": kept.id,
            "source": "rtsp://me:***@192.0.2.1/1",
            "reason": "That address is in no network.",
        }
        assert (await here.http.delete(f"/sessions/{kept.id}")).status_code == 204
        assert (store.kept, here.sessions.left_out) == ([], {})


async def test_a_recording_that_was_read_to_its_end_does_not_come_back(store: Store, tmp_path: Path) -> None:
    film = record(tmp_path / "film.mp4", 10, size=(64, 48))
    async with asking(store) as here:
        session = (await here.http.post("/sessions", json={**KEEP, "source": str(film)})).json()["id"]
        await until(lambda: here.sessions.get(session).state == "ended" and store.wanted(session) is None)

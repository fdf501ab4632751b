"""What of a session lasts: ids that are never given twice, prompts with their pictures, and no write for a frame."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from benchmarks.support.fake_model import FakeModel
from streamer.config import Config
from streamer.engine import Engine
from streamer.engines import Engines
from streamer.live.jpegs import jpeg
from streamer.live.keeping import BLOCK, MARGIN, Keeping
from streamer.live.sessions import Sessions
from streamer.store import Asked, Database, Drawn, Kept, Origin, Store
from streamer.store import store as module
from tests.support.sources import HandSource
from tests.support.stores import fill, until
from tracker import Box, Prompt, Sam3, Tracker, prompt_keys

BOXED = Prompt(None, (Box(10, 10, 30, 30),), (True,))
DRAWN = Drawn(jpeg(np.full((48, 64, 3), 200, np.uint8)), ((0.1, 0.1, 0.4, 0.4),))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.db"


@pytest.fixture
async def store(path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Store]:
    monkeypatch.setattr(module, "RETRY", 0.01)
    async with asyncio.timeout(60), Store(Database(path)) as store:
        yield store


def tracker() -> Tracker:
    return Tracker(cast(Sam3, FakeModel()))


def new(*prompts: Prompt) -> Kept:
    return Kept.new("demo:", prompts, Origin.HTTP)


async def test_a_block_of_ids_is_reserved_before_the_first_and_the_next_in_good_time(store: Store) -> None:
    keeping, given = Keeping(store, new()), tracker()
    assert await keeping.settled()
    assert keeping.first_id == 1
    for next_id in range(1, 4 * BLOCK):
        given.skip_to(next_id)
        keeping.before(given)
        assert given.next_id == next_id
        (kept,) = store.kept
        lasting = store.lasting(kept.id)
        assert lasting is not None
        assert next_id + MARGIN <= lasting.next_id
        keeping.given(next_id)
        if not keeping.lasts:
            assert await keeping.settled()
    assert store.writes <= 2 + 4 * 2


async def test_after_a_restart_ids_begin_behind_all_that_were_reserved(store: Store) -> None:
    first = Keeping(store, new())
    first.given(900)
    assert await first.settled()
    again = Keeping(store, store.kept[0])
    assert again.first_id == 900 + BLOCK
    assert (first.returns, again.returns) == (False, True)


async def test_where_no_more_can_be_reserved_ids_go_on_from_the_clock(store: Store) -> None:
    keeping, given = Keeping(store, new()), tracker()
    assert await keeping.settled()
    fill(store._database)
    store.put(dataclasses.replace(new(), address="demo:?" + "x" * 100_000))
    await until(lambda: store.problem is not None)
    given.skip_to(BLOCK - MARGIN + 2)
    keeping.given(given.next_id)
    before = time.time() * 1000
    keeping.before(given)
    jumped = given.next_id
    assert before - 1 <= jumped <= time.time() * 1000
    keeping.before(given)
    assert given.next_id == jumped, "once is enough"
    keeping.given(given.next_id)
    fill(store._database, full=False)
    await until(lambda: keeping.lasts)
    keeping.before(given)
    assert given.next_id == jumped
    assert store.kept[0].next_id == jumped + BLOCK
    assert jumped < 2**53, "it is a number in JSON"


async def test_one_that_is_in_no_file_gives_what_ids_it_likes(store: Store) -> None:
    fill(store._database)
    keeping, given = Keeping(store, dataclasses.replace(new(), address="demo:?" + "x" * 100_000)), tracker()
    assert not await keeping.settled()
    given.skip_to(5000)
    keeping.before(given)
    assert given.next_id == 5000
    keeping.given(5000)
    fill(store._database, full=False)
    await until(lambda: keeping.lasts)
    assert store.kept[0].next_id == 5000 + BLOCK


async def test_prompts_are_kept_with_the_pictures_of_their_boxes(store: Store) -> None:
    keeping = Keeping(store, new(Prompt("a")))
    (key,) = prompt_keys([BOXED])
    keeping.edited([Prompt("a"), BOXED], {key: DRAWN})
    assert list(store.kept[0].asked) == [Asked(Prompt("a")), Asked(BOXED, DRAWN)]
    keeping.edited([dataclasses.replace(BOXED, threshold=0.1)], {})
    assert list(store.kept[0].asked) == [Asked(dataclasses.replace(BOXED, threshold=0.1), DRAWN)]
    ((rgb, places),) = Keeping(store, store.kept[0]).drawn([BOXED])
    assert rgb.shape == (48, 64, 3)
    assert dict(places) == {0: DRAWN.boxes}
    keeping.edited([], {})
    keeping.edited([BOXED], {})
    assert list(store.kept[0].asked) == [Asked(BOXED)]


async def test_a_picture_that_is_none_is_left_out(store: Store) -> None:
    kept = dataclasses.replace(new(BOXED), asked=(Asked(BOXED, Drawn(b"no JPEG", ((0, 0, 1, 1),))),))
    assert Keeping(store, kept).drawn([BOXED]) == []


async def test_what_comes_after_a_deletion_brings_nothing_back(store: Store) -> None:
    keeping = Keeping(store, new())
    await store.remove(store.kept[0].id)
    keeping.given(10_000)
    keeping.edited([Prompt("a")], {})
    assert await keeping.settled()
    assert store.kept == []


async def test_no_frame_costs_a_statement(store: Store) -> None:
    """What is written is the session, once, however many frames and objects there are."""
    engine = Engine(lambda: cast(Sam3, FakeModel()))
    await engine.load()
    statements: list[str] = []
    async with Sessions(Engines(engine), Config(present="looked", presenters=0), store) as sessions:
        source = HandSource()
        session = sessions.create(source, [Prompt("red")], keep=new(Prompt("red")))
        assert session.keeping is not None
        assert await session.keeping.settled()
        assert isinstance(store._database, Database)
        store._database.connection.set_trace_callback(statements.append)
        for looked in range(1, 101):
            source.give()
            await until(lambda looked=looked: session.looked >= looked)  # type: ignore[misc]
        assert statements == []
        store._database.connection.set_trace_callback(None)
    await engine.close()

"""What is kept, and its one writer: nothing that was said to last is lost, and what fails is said and tried again."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from streamer.errors import NotStored, TooMany
from streamer.store import Database, Kept, Origin, Store
from streamer.store import store as module
from streamer.store.store import MAX_KEPT
from tests.support.stores import fill, until
from tracker import Prompt

Open = Callable[[], Database]


def kept(**changes: object) -> Kept:
    return dataclasses.replace(Kept.new("demo:", [Prompt("star")], Origin.HTTP), **changes)  # type: ignore[arg-type]


@pytest.fixture
def database(opened: Open) -> Database:
    return opened()


@pytest.fixture
async def store(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Store]:
    monkeypatch.setattr(module, "RETRY", 0.01)
    async with asyncio.timeout(60), Store(database) as store:
        yield store


def large() -> Kept:
    return kept(address="demo:?" + "x" * 100_000)


async def test_what_has_settled_is_in_the_file(store: Store) -> None:
    one = kept()
    store.put(one)
    assert not store.lasts(one.id)
    assert store.lasting(one.id) is None
    assert await store.settled(one.id)
    assert store.lasts(one.id)
    assert store.lasting(one.id) == one
    assert store.writes == 1


async def test_it_is_there_after_the_next_start_and_what_was_removed_is_not(database: Database, opened: Open) -> None:
    one, other = kept(), kept()
    async with Store(database) as store:
        for each in (one, other):
            store.put(each)
        assert await store.settled(one.id)
        await store.remove(one.id)
        last = dataclasses.replace(other, next_id=77)
        store.put(last)  # nobody waits for it: the end of the server does
    async with Store(opened()) as store:
        assert store.kept == [last]
        assert store.lasts(last.id)


async def test_what_comes_while_a_write_is_under_way_goes_into_the_next_one(store: Store) -> None:
    many = [kept() for _ in range(50)]
    for each in many:
        store.put(each)
        store.put(dataclasses.replace(each, next_id=2))
    for each in many:
        assert await store.settled(each.id)
    assert store.writes <= 2
    assert {each.next_id for each in store.kept} == {2}


async def test_a_full_disk_is_said_and_what_could_not_be_written_is_when_there_is_room(
    store: Store, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    before = kept()
    store.put(before)
    assert await store.settled(before.id)
    fill(database)
    one = large()
    store.put(one)
    assert not await store.settled(one.id)
    assert "full" in str(store.problem)
    await until(lambda: store.failures >= 3)
    newest = dataclasses.replace(one, next_id=9)
    store.put(newest)
    assert caplog.text.count("cannot be written") == 1
    assert store.lasting(before.id) == before
    fill(database, full=False)
    await until(lambda: store.lasts(one.id))
    assert store.problem is None
    assert store.lasting(one.id) == newest
    assert "can be written again" in caplog.text


async def test_a_removal_that_cannot_be_written_is_no_success(store: Store, database: Database) -> None:
    one, other = kept(), large()
    store.put(one)
    assert await store.settled(one.id)
    fill(database)
    store.put(other)
    assert not await store.settled(other.id)
    with pytest.raises(NotStored, match=f"{one.id} was stopped, but is still in the store"):
        await store.remove(one.id)
    fill(database, full=False)
    await until(lambda: store.lasts(one.id))
    assert [each.id for each in database.read()] == [other.id]


async def test_where_the_file_was_taken_away_everything_is_in_a_new_one(
    store: Store, database: Database, path: Path
) -> None:
    one, other = kept(), kept()
    store.put(one)
    assert await store.settled(one.id)
    os.unlink(path)  # noqa: PTH108
    store.put(other)
    await until(lambda: store.lasts(one.id) and store.lasts(other.id))
    assert store.lasting(one.id) == one
    assert [each.id for each in database.read()] == [one.id, other.id]
    assert store.problem is None


async def test_no_more_than_the_limit_are_kept(store: Store) -> None:
    many = [kept() for _ in range(MAX_KEPT)]
    for each in many:
        store.put(each)
    for _ in range(10):
        with pytest.raises(TooMany, match=f"{MAX_KEPT} sessions are kept"):
            store.put(kept())
    store.put(dataclasses.replace(many[0], next_id=3))
    await store.remove(many[1].id)
    store.put(kept())
    assert len(store.kept) == MAX_KEPT


async def test_a_disk_that_hangs_is_said_and_nobody_waits_for_it(
    store: Store, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk's part is played by a write that does not come back."""
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    back = asyncio.Event()
    loop, write = asyncio.get_running_loop(), database.write

    def hang(changes: dict[str, Kept | None]) -> None:
        asyncio.run_coroutine_threadsafe(back.wait(), loop).result()
        write(changes)

    monkeypatch.setattr(database, "write", hang)
    one = kept()
    store.put(one)
    assert not await store.settled(one.id)
    assert "has not come back for" in str(store.problem)
    back.set()
    assert await store.settled(one.id) or store.lasts(one.id)
    assert store.problem is None


def test_one_that_was_never_entered_lets_go_of_its_file(opened: Open, path: Path) -> None:
    Store(opened()).close()
    Database(path).close()

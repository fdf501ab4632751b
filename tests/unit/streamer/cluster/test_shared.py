"""A worker's store writes to the roster, and says in words where that does not take it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from streamer.cluster import shared
from streamer.cluster.shared import Shared
from streamer.store import Kept, Origin, Store
from tests.support.stores import until


async def test_what_is_put_is_with_the_roster_and_a_refusal_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamer.store.store.RETRY", 0.01)
    there: dict[str, Kept | None] = {}
    refused = True

    async def write(changes: Mapping[str, Kept | None]) -> None:
        if refused:
            raise RuntimeError("it is another worker's")
        there.update(changes)

    kept = Kept.new("demo:", [], Origin.HTTP)
    async with asyncio.timeout(60), Store(Shared(write)) as store:
        store.put(kept)
        assert not await store.settled(kept.id)
        assert store.problem == "It cannot be written: the roster did not take it: it is another worker's."
        refused = False
        await until(lambda: store.problem is None)
        assert (there, store.lasting(kept.id)) == ({kept.id: kept}, kept)
        store.let_go(kept.id)
        assert (store.kept, store.lasting(kept.id)) == ([], None)
        store.take(kept)
        assert store.lasts(kept.id)


async def test_a_roster_that_does_not_answer_is_no_reason_to_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "PATIENCE", 0.01)

    async def write(changes: Mapping[str, Kept | None]) -> None:
        await asyncio.Event().wait()

    there = Shared(write)
    with pytest.raises(OSError, match="TimeoutError"):
        await asyncio.to_thread(there.write, {})
    there.begin_anew()
    there.close()
    assert there.read() == []

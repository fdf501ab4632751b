"""Each kept session has one worker, and another one when that is gone: asked of a roster without any machine."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streamer.cluster.reports import Door, Report
from streamer.cluster.roster import AGAIN, GRACE, SILENT, Foreign, Roster
from streamer.errors import NotFound, NotReady
from streamer.store import Database, Kept, Origin

ONE, TWO = "worker-1", "worker-2"


class Machines:
    """Workers as far as the roster sees them: what each runs, and whether it takes more."""

    def __init__(self, database: Database) -> None:
        self.now = 0.0
        self.runs: dict[str, dict[str, Kept]] = {ONE: {}, TWO: {}}
        self.full: set[str] = set()
        self.database = database
        self.roster = self.new()

    def new(self) -> Roster:
        return Roster(self.database, self.ask, expected=2, clock=lambda: self.now)

    async def ask(self, name: str, method: str, given: Any) -> Any:
        if method == "has":
            return given in self.runs[name]
        if method == "release":
            return self.runs[name].pop(given)
        assert method == "adopt"
        if name in self.full:
            raise NotReady("It is full.")
        assert not any(given.id in runs for runs in self.runs.values()), "it would run twice"
        self.runs[name][given.id] = given
        return None

    async def come(self, name: str, life: str = "a", *, share: float = 0.0) -> set[str]:
        allowed = await self.roster.hello(name, life, f"http://{name}", set(self.runs[name]))
        await self.beat(name, life, share=share)
        return allowed

    async def beat(self, name: str, life: str = "a", *, share: float = 0.0) -> set[str] | None:
        ids = set(self.runs[name])
        return await self.roster.beat(name, life, Report(ids, len(ids), share, ready=True))

    async def start(self, name: str, address: str = "demo:") -> str:
        """A client starts a session at a worker."""
        kept = Kept.new(address, [], Origin.HTTP)
        self.runs[name][kept.id] = kept
        await self.roster.write(name, {kept.id: kept})
        return kept.id


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    database = Database(tmp_path / "cluster.db")
    yield Machines(database)
    database.close()


async def test_a_worker_is_gone_and_its_sessions_run_elsewhere_as_they_were_written_last(machines: Machines) -> None:
    await machines.come(ONE)
    await machines.come(TWO)
    session = await machines.start(ONE)
    kept = dataclasses.replace(machines.runs[ONE][session], next_id=1001)
    await machines.roster.write(ONE, {session: kept})
    machines.runs[ONE].clear()
    machines.roster.lost(ONE, "an earlier life")
    assert await machines.roster.where(session) == ONE
    machines.roster.lost(ONE)
    assert await machines.roster.where(session) is None
    assert await machines.roster.waits(session)
    await machines.roster.look()
    assert await machines.roster.where(session) == TWO, "at once: all have been there"
    assert machines.runs[TWO][session].next_id == 1001


async def test_a_new_life_of_a_worker_ends_the_old_one(machines: Machines) -> None:
    await machines.come(ONE)
    session = await machines.start(ONE)
    machines.runs[ONE].clear()
    await machines.come(ONE, "b")
    assert await machines.beat(ONE, "a") is None
    machines.now = GRACE
    await machines.beat(ONE, "b")
    await machines.roster.look()
    assert set(machines.runs[ONE]) == {session}


async def test_one_that_was_silent_too_long_has_nothing_any_more_and_its_writes_are_refused(machines: Machines) -> None:
    await machines.come(ONE)
    await machines.come(TWO)
    session = await machines.start(ONE)
    hung = machines.runs[ONE].pop(session)
    machines.now = SILENT + 0.1
    await machines.beat(TWO)
    await machines.roster.look()
    assert set(machines.runs[TWO]) == {session}
    with pytest.raises(Foreign):
        await machines.roster.write(ONE, {session: hung})
    machines.runs[ONE][session] = hung
    assert await machines.come(ONE) == set()  # it is told to stop it
    assert await machines.roster.where(session) == TWO


async def test_a_roster_that_starts_again_takes_nothing_from_who_runs_it(machines: Machines) -> None:
    await machines.come(ONE)
    await machines.come(TWO)
    first, second = await machines.start(ONE), await machines.start(TWO)
    machines.roster = machines.new()
    await machines.roster.look()  # it knows of no worker, and waits
    assert await machines.beat(ONE) is None
    assert await machines.come(ONE) == {first}
    await machines.roster.look()
    assert await machines.come(TWO) == {second}
    await machines.roster.look()
    assert machines.roster.moves == 0
    assert [await machines.roster.where(each) for each in (first, second)] == [ONE, TWO]


async def test_what_no_worker_takes_waits_and_is_tried_again(machines: Machines) -> None:
    machines.full = {ONE, TWO}
    await machines.come(ONE)
    await machines.come(TWO)
    await machines.roster.want([kept := Kept.new("demo:", [], Origin.COMMAND)])
    await machines.roster.look()
    assert await machines.roster.where(kept.id) is None
    machines.full = {ONE}
    await machines.roster.look()
    assert await machines.roster.where(kept.id) is None, "not all the time"
    machines.now += AGAIN
    await machines.roster.look()
    assert await machines.roster.where(kept.id) == TWO


async def test_what_the_command_line_names_is_begun_once_however_many_doors_there_are(machines: Machines) -> None:
    for _ in range(2):
        await machines.roster.want([Kept.new("demo:", [], Origin.COMMAND)])
    assert len(machines.database.read()) == 1


async def test_the_one_that_does_least_is_given_most(machines: Machines) -> None:
    await machines.come(ONE, share=0.8)
    await machines.come(TWO, share=0.1)
    await machines.roster.want([Kept.new(f"demo:?seed={each}", [], Origin.COMMAND) for each in range(3)])
    await machines.roster.look()
    assert (len(machines.runs[ONE]), len(machines.runs[TWO])) == (0, 3)


async def test_it_says_which_workers_are_gone_and_which_doors_are_there(machines: Machines) -> None:
    here, there = Door("http://here:1", "b"), Door("http://there:1", "a")
    await machines.come(ONE)
    await machines.come(TWO)
    for each in (here, there):
        await machines.roster.door(each)
    assert await machines.roster.doors() == [there, here]
    machines.now += SILENT
    await machines.roster.door(here)
    machines.now += 1
    assert await machines.roster.doors() == [here]
    machines.roster.lost(ONE)
    assert [(seat.name, seat.gone) for seat in await machines.roster.seats()] == [(ONE, True), (TWO, False)]
    await machines.come(ONE, "b")
    assert not any(seat.gone for seat in await machines.roster.seats())


async def test_a_worker_is_drained_and_filled_again(machines: Machines) -> None:
    await machines.come(ONE)
    with pytest.raises(NotFound):
        await machines.roster.drain("worker-9")
    session = await machines.start(ONE)
    assert await machines.roster.drain(ONE) == 0, "no other has room"
    await machines.come(TWO)
    assert await machines.roster.drain(ONE) == 1
    assert await machines.roster.where(session) == TWO
    assert [seat.draining for seat in await machines.roster.seats()] == [True, False]
    assert await machines.roster.drain(ONE, False) == 0
    assert [seat.draining for seat in await machines.roster.seats()] == [False, False]


async def test_one_that_is_drained_and_gone_may_have_sessions_again_when_it_is_back(machines: Machines) -> None:
    await machines.come(ONE)
    for on in (True, False):
        machines.roster.lost(ONE)
        assert await machines.roster.drain(ONE, on) == 0
        assert [(seat.gone, seat.draining) for seat in await machines.roster.seats()] == [(True, on)]
        await machines.come(ONE, str(on))
        assert [(seat.gone, seat.draining) for seat in await machines.roster.seats()] == [(False, on)]


async def test_draining_goes_on_when_the_worker_dies_of_it_or_keeps_one(machines: Machines) -> None:
    await machines.come(ONE)
    await machines.come(TWO)
    kept, dead = await machines.start(ONE), await machines.start(ONE)
    ended = machines.runs[ONE].pop(kept)  # its worker does not know it: to give it up fails
    assert await machines.roster.drain(ONE) == 1
    assert [await machines.roster.where(each) for each in (kept, dead)] == [ONE, TWO]
    machines.runs[ONE].clear()
    machines.roster.lost(ONE)
    await machines.roster.look()
    assert set(machines.runs[TWO]) == {ended.id, dead}


async def test_doors_that_come_and_go_do_not_pile_up_while_nobody_asks(machines: Machines) -> None:
    for each in range(5):
        await machines.roster.door(Door(f"http://here:{each}", "a"))
        machines.now += SILENT + 1
    assert len(machines.roster._doors) == 1


async def test_a_session_that_is_not_kept_is_found_before_its_worker_has_told_of_it(machines: Machines) -> None:
    await machines.come(ONE)
    await machines.come(TWO)
    machines.runs[TWO]["whip"] = Kept.new("webrtc", [], Origin.HTTP)
    assert await machines.roster.where("whip") == TWO
    assert await machines.beat(TWO) == {"whip"}
    assert await machines.roster.where("other") is None
    assert not await machines.roster.waits("other")


async def test_a_deleted_one_is_forgotten(machines: Machines) -> None:
    await machines.come(ONE)
    session = await machines.start(ONE)
    del machines.runs[ONE][session]
    await machines.roster.write(ONE, {session: None})
    assert (await machines.roster.where(session), machines.database.read()) == (None, [])


async def test_one_that_cannot_be_reached_is_gone_only_where_nothing_listens(machines: Machines) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    listening = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    await machines.roster.hello(ONE, "a", f"http://127.0.0.1:{port}", set())
    await machines.roster.suspect(ONE)
    assert [seat.name for seat in await machines.roster.seats()] == [ONE]
    listening.close()
    await listening.wait_closed()
    await machines.roster.suspect(ONE)
    await machines.roster.suspect("worker-9")
    assert [seat.gone for seat in await machines.roster.seats()] == [True]

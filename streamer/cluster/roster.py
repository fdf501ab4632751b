"""Who is in the cluster, which worker has which session, and what is kept of each: one object for the whole cluster."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import urlsplit

from streamer.cluster.reports import Door, Report, Seat
from streamer.errors import NotFound
from streamer.store import Kept

LEASE = 10.0  # seconds without a word from the roster after which a worker stops what is kept: others may have it
SILENT = LEASE + 2.0  # seconds without a word from a worker after which its sessions are given to others
TAKING = 5.0  # seconds that a worker may take to take a session; it stops what it took too late
AGAIN = 5.0  # seconds until a session that nobody took is offered again
WATCH = 0.25  # seconds between looks at who is silent, and at what has no worker
GRACE = 20.0  # seconds that workers have to say what they run already, after the roster was started

log = logging.getLogger(__name__)

Ask = Callable[..., Awaitable[Any]]  # a worker's name, a method of its, and what it is given


class File(Protocol):
    """What is kept: a ``store.Database``."""

    def read(self) -> list[Kept]:
        """All of it."""
        ...

    def write(self, changes: Mapping[str, Kept | None]) -> None:
        """Change some of it, all or nothing."""
        ...


class Foreign(Exception):
    """A worker wrote about a session that another one has."""


@dataclass(slots=True)
class _Member:
    """A worker as the roster knows it. ``life`` differs from one process of it to the next."""

    life: str
    seat: Seat
    heard: float
    sessions: set[str] = field(default_factory=set)


class Roster:
    """
    Gives each kept session to one worker, and to another one when that is gone.

    ``file`` has the sessions; what a worker is told to run is in it before. A session has at most one owner: what any
    other worker writes of it is refused, and a worker that has not reached the roster for ``LEASE`` seconds stops what
    it was given, before the roster gives that away. Who owns what is in no file: a roster that starts asks its workers.
    """

    def __init__(
        self, file: File, ask: Ask, expected: int, *, secret: bytes = b"", clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``expected``: workers; ``secret``: what tokens are signed with. Raises BadRequest for an unreadable file."""
        self._secret = secret
        self._file = file
        self._ask = ask
        self._expected = expected
        self._clock = clock
        self._began = clock()
        self._kept = {each.id: each for each in file.read()}
        self._owner: dict[str, str] = {}  # by session; bound: what is kept
        self._members: dict[str, _Member] = {}  # by name; bound: the workers
        self._gone: dict[str, Seat] = {}  # workers that were there; bound: the same
        self._doors: dict[Door, float] = {}  # when each was heard; bound: those that are there
        self._complete = False  # all workers have been there, once
        self._draining: set[str] = set()
        self._leaving: set[str] = set()  # sessions that their worker is giving up; bound: those that have one
        self._again: dict[str, float] = {}  # when to try again what nobody took; bound: what is kept
        self._writing = asyncio.Lock()
        self.moves = 0  # sessions that were given to another worker

    # What workers say

    async def hello(self, name: str, life: str, address: str, sessions: set[str]) -> set[str]:
        """A worker is there, and runs these. Returns which of them it may go on with."""
        known = self._members.get(name)
        if known is not None and known.life != life:
            self.lost(name, known.life)
        seat = Seat(name, address, draining=name in self._draining)
        self._members[name] = _Member(life, seat, self._clock(), set(sessions))
        self._gone.pop(name, None)
        for each in sessions & self._kept.keys():
            self._owner.setdefault(each, name)
        self._complete = self._complete or len(self._members) >= self._expected
        log.info("Worker %s is there: %s.", name, address)
        return self._of(name, sessions)

    async def beat(self, name: str, life: str, report: Report) -> set[str] | None:
        """How a worker does. Returns which of its sessions it may go on with; None: it is to say hello again."""
        member = self._members.get(name)
        if member is None or member.life != life:
            return None
        member.heard, member.sessions = self._clock(), set(report.sessions)
        member.seat = replace(member.seat, ready=report.ready, share=report.share, running=report.running)
        return self._of(name, report.sessions)

    async def write(self, name: str, changes: Mapping[str, Kept | None]) -> None:
        """Keep what a worker says of its sessions. Raises Foreign, and what the file raises; nothing is kept then."""
        async with self._writing:
            theirs = [each for each in changes if self._owner.get(each, name) != name]
            if theirs:
                raise Foreign(f"{name} does not have session {theirs[0]:.64}")
            await asyncio.to_thread(self._file.write, changes)
            for each, kept in changes.items():
                if kept is None:
                    self._kept.pop(each, None)
                    self._owner.pop(each, None)
                else:
                    if each not in self._kept and (member := self._members.get(name)) is not None:
                        member.seat = member.seat.with_one_more()
                    self._kept[each] = kept
                    self._owner[each] = name

    # What front doors ask

    async def seats(self) -> list[Seat]:
        """The workers that are there, and those that were, by name."""
        return sorted(
            [*(each.seat for each in self._members.values()), *self._gone.values()], key=lambda seat: seat.name
        )

    async def door(self, door: Door) -> None:
        """A front door is there."""
        self._doors = {**self._heard_doors(), door: self._clock()}

    async def doors(self) -> list[Door]:
        """The front doors that are there."""
        return sorted(self._heard_doors(), key=lambda door: (door.machine, door.address))

    def _heard_doors(self) -> dict[Door, float]:
        now = self._clock()
        return {door: heard for door, heard in self._doors.items() if now - heard <= SILENT}

    async def where(self, session: str) -> str | None:
        """The worker that has a session; None: there is none of that name, or it is between two workers."""
        if session in self._leaving:
            return None
        owner = self._owner.get(session)
        if owner is not None or session in self._kept:
            return owner if owner in self._members else None
        for name, member in self._members.items():
            if session in member.sessions:
                return name
        names = list(self._members)  # it may be younger than the last word of its worker
        has = await asyncio.gather(*(self._ask(each, "has", session) for each in names), return_exceptions=True)
        return next((name for name, yes in zip(names, has, strict=True) if yes is True), None)

    async def secret(self) -> bytes:
        """What tokens are signed with at every door."""
        return self._secret

    async def want(self, wanted: Sequence[Kept]) -> None:
        """Sessions that are to run, as a front door's command line names them: those that do not, begin."""
        for each in wanted:
            same = (each.origin, each.address)
            there = each.id in self._kept or any((kept.origin, kept.address) == same for kept in self._kept.values())
            if not there:
                await asyncio.to_thread(self._file.write, {each.id: each})
                self._kept[each.id] = each

    async def waits(self, session: str) -> bool:
        """Whether a session is kept: it has a worker, or will have one."""
        return session in self._kept

    async def drain(self, name: str, on: bool = True) -> int:
        """
        Give a worker nothing more, and what it has to others, one by one. Returns how many sessions went.

        Raises NotFound. ``on`` False: let it have sessions again. Of one that is gone it holds once it is back.
        """
        member, left = self._members.get(name), self._gone.get(name)
        if member is not None:
            member.seat = replace(member.seat, draining=on)
        elif left is not None:
            self._gone[name] = replace(left, draining=on)
        else:
            raise NotFound(f"There is no worker {name:.64}.", detail="GET /cluster lists them.")
        (self._draining.add if on else self._draining.discard)(name)
        gone = 0
        for session in [each for each, owner in self._owner.items() if owner == name and on]:
            if not self._free():
                log.warning("Worker %s keeps session %s: no other worker has room.", name, session)
                break
            if self._owner.get(session) == name and session not in self._leaving:  # nobody else has moved it meanwhile
                try:
                    await self._release(name, session)
                except Exception as error:  # it may have died: what it had is placed as of any worker that is gone
                    words = str(error) or type(error).__name__
                    log.warning("Worker %s does not give up session %s: %s", name, session, words)
                    continue
                await self._place(session)
                gone += 1
        return gone

    async def _release(self, name: str, session: str) -> None:
        self._leaving.add(session)
        try:
            await self._ask(name, "release", session)
        finally:
            self._leaving.discard(session)
        if self._owner.get(session) == name:
            del self._owner[session]

    # Who is gone

    def lost(self, name: str, life: str | None = None) -> None:
        """A worker is gone, with that process (None: whichever): what it had is to run elsewhere."""
        member = self._members.get(name)
        if member is None or (life is not None and member.life != life):
            return
        del self._members[name]
        self._gone[name] = Seat(name, member.seat.address, draining=name in self._draining, gone=True)
        orphans = [each for each, owner in self._owner.items() if owner == name]
        for each in orphans:
            del self._owner[each]
        log.warning("Worker %s is gone: %d of its sessions go to others.", name, len(orphans))

    async def suspect(self, name: str) -> None:
        """Somebody could not reach a worker: where nothing listens at its address any more, its process is gone."""
        member = self._members.get(name)
        if member is None:
            return
        place = urlsplit(member.seat.address)
        try:
            async with asyncio.timeout(WATCH):
                _, writer = await asyncio.open_connection(place.hostname, place.port)
            writer.close()
        except ConnectionRefusedError:
            self.lost(name, member.life)
            await self.look()
        except (OSError, TimeoutError):
            return  # it is slow, or the way to it is cut: its lease decides

    async def watch(self) -> None:
        """Look for ever who is silent, and give what has no worker to one."""
        while True:
            await self.look()
            await asyncio.sleep(WATCH)

    async def look(self) -> None:
        """The same once."""
        now = self._clock()
        for name, member in list(self._members.items()):
            if now - member.heard > SILENT:
                self.lost(name)
        if not self._complete and now - self._began < GRACE:
            return  # some may run sessions that we know nothing of yet
        homeless = self._kept.keys() - self._owner.keys()
        self._again = {each: at for each, at in self._again.items() if each in homeless}
        await asyncio.gather(*(self._place(each) for each in homeless if self._again.get(each, now) <= now))

    async def _place(self, session: str) -> None:
        """Give a session to the worker that does least and takes it; where there is none it waits."""
        for seat in self._free():
            member = self._members.get(seat.name)
            if member is None or session in self._owner or (kept := self._kept.get(session)) is None:
                continue  # much may have happened while another one was asked
            self._owner[session] = seat.name
            member.seat = seat.with_one_more()
            try:
                async with asyncio.timeout(TAKING):
                    await self._ask(seat.name, "adopt", kept)
            except Exception as error:
                words = str(error) or type(error).__name__
                log.warning("Worker %s does not take session %s: %s", seat.name, session, words)
                if self._owner.get(session) == seat.name:
                    del self._owner[session]
                self._again[session] = self._clock() + AGAIN
            else:
                self.moves += 1
                return

    def _free(self) -> list[Seat]:
        """Workers that may be given sessions, those that do least first."""
        seats = [each.seat for each in self._members.values() if each.seat.ready and not each.seat.draining]
        return sorted(seats, key=lambda each: each.load)

    def _of(self, name: str, sessions: set[str]) -> set[str]:
        """Those that are not kept are their worker's own affair."""
        return {each for each in sessions if each not in self._kept or self._owner.get(each) == name}

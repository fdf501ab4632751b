"""The front door: the addresses of one machine's server, answered by whichever worker has the session."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

from cachetools import LRUCache
from fastapi import Request, Response, WebSocket
from fastapi.requests import HTTPConnection
from fastapi.responses import JSONResponse

from streamer import auth
from streamer.cluster.relay import GONE, Relay, Unreached, nobody, parts_of, raw_path
from streamer.cluster.reports import Seat
from streamer.cluster.roster import Ask
from streamer.errors import Conflict, NotFound, NotReady, StreamerError
from streamer.hosts import is_loopback

REMEMBERED = 65536  # sessions, and pictures, whose worker is remembered; what is forgotten is asked for again
FRESH = 0.5  # seconds that what is known of the workers is used for
MOVING = 6.0  # seconds that a request waits for a session that is between two workers
AGAIN = 0.1  # seconds between looks whether it has one
FULL = (429, 503)  # answers of a worker after which another one is asked to start a session
DIRECT = "direct"  # in the query of what is asked of a session: the worker's own address is wanted
OF_SESSIONS = ("sessions", "whip", "whep")  # the first part of addresses whose second is a session

log = logging.getLogger(__name__)


class Front:
    """What one front door knows. Nothing of it lasts, and any other front door finds out the same."""

    def __init__(self, roster: Ask) -> None:
        self._roster = roster
        self.relay = Relay()
        self._seats: dict[str, Seat] = {}
        self._fresh = 0.0  # until when, by the loop's clock
        self._of_session: LRUCache[str, str] = LRUCache(REMEMBERED)  # names of workers
        self._of_picture: LRUCache[str, str] = LRUCache(REMEMBERED)

    async def roster(self, method: str, *given: Any) -> Any:
        """Ask the roster. Raises what it refuses with, and NotReady where it does not answer."""
        try:
            return await self._roster(method, *given)
        except StreamerError:
            raise
        except Exception as error:
            raise nobody("The roster does not answer.") from error

    async def seats(self, *, anew: bool = False) -> list[Seat]:
        """The workers, those that do least first. Raises NotReady where there is none."""
        now = asyncio.get_running_loop().time()
        if anew or now >= self._fresh:
            try:
                found: list[Seat] = await self.roster("seats")
            except NotReady as error:
                log.warning("%s: %s", error, error.__cause__)  # relaying goes on with what is known
            else:
                if found:  # one that was started this moment knows of none
                    self._seats = {each.name: each for each in found if not each.gone}
            self._fresh = now + FRESH
        ready = [each for each in self._seats.values() if each.ready]
        if not ready:
            raise nobody("No worker is ready: the model is still being loaded.")
        return sorted(ready, key=lambda each: (each.draining, each.load))

    async def owner(self, session: str, *, anew: bool = False) -> Seat | None:
        """The worker that has a session; waits a while for one that is being moved. None: there is no such session."""
        known = self._seats.get(self._of_session.get(session, ""))
        if not anew and known is not None:
            return known
        end = asyncio.get_running_loop().time() + MOVING
        while True:
            try:
                name: str | None = await self.roster("where", session)
            except NotReady:
                if known is not None:  # while there is no roster nothing is moved
                    return known
                raise
            if name is not None and (seat := await self._seat(name)) is not None:
                self._of_session[session] = name
                return seat
            self._of_session.pop(session, None)
            if not await self.roster("waits", session):
                return None
            if asyncio.get_running_loop().time() > end:
                raise nobody(f"Session {session:.64} has no worker at the moment.")
            await asyncio.sleep(AGAIN)

    async def _seat(self, name: str) -> Seat | None:
        if name not in self._seats:
            with contextlib.suppress(NotReady):
                await self.seats(anew=True)
        return self._seats.get(name)

    # What is relayed

    async def anywhere(self, request: Request) -> Response:
        """Relay what every worker answers in the same way, and what is about one session."""
        body = await request.body()
        parts = parts_of(request)
        session = parts[1] if parts[0] in OF_SESSIONS and len(parts) > 1 else request.query_params.get("session")
        if parts[0] in OF_SESSIONS and session is not None:
            return await self._at_owner(session, request, body)
        if parts[0] in OF_SESSIONS and request.method == "POST":
            return await self._start(request, body)
        if parts[0] == "sam3" and request.method == "POST":
            return await self._picture(request, body)
        if parts[0] == "models" and request.method == "POST":
            return await self._all(request, body)
        return await self._first(await self.seats(), request, body)

    async def _at_owner(self, session: str, request: Request, body: bytes) -> Response:
        async for seat, anew in self._owners(session):
            if seat is None:  # any worker says it best
                return await self._first(await self.seats(), request, body)
            try:
                answer = await self.relay.request(seat.address, request, body)
            except Unreached:
                await self._suspect(seat)
                continue
            if anew or answer.status_code != 404:
                return answer
            await _drop(answer)
        raise nobody(f"The worker of session {session:.64} does not answer.")

    async def _owners(self, session: str, *, anew: bool = False) -> AsyncIterator[tuple[Seat | None, bool]]:
        """
        The worker that had a session, then for a while who has it now (True), for callers who cannot reach it.

        ``anew``: from the first who has it now, where a wrong worker's refusal would be read too late.
        """
        yield await self.owner(session, anew=anew), anew
        end = asyncio.get_running_loop().time() + MOVING
        while asyncio.get_running_loop().time() < end:
            yield await self.owner(session, anew=True), True
            await asyncio.sleep(AGAIN)

    async def _suspect(self, seat: Seat) -> None:
        """A worker cannot be reached: the roster is to look whether it is gone."""
        with contextlib.suppress(Exception):  # it hears of it in another way, too
            await self.roster("suspect", seat.name)
        self._fresh = 0.0

    async def _start(self, request: Request, body: bytes) -> Response:
        """Start a session where least is done; a worker that is full is passed over."""
        seats = [each for each in await self.seats(anew=True) if not each.draining]
        answer = await self._first(seats, request, body, unless=FULL)
        place = dict(answer.raw_headers).get(b"location", b"").decode()
        worker = answer.headers.get("x-worker", "")
        if answer.status_code == 201 and place:
            self._of_session[place.rstrip("/").rpartition("/")[2]] = worker
        return answer

    async def _picture(self, request: Request, body: bytes) -> Response:
        """To the worker that has seen the picture, where it has a name; else to the one that does least."""
        seats = await self.seats()
        name = await asyncio.to_thread(_image_id, body)
        if name is None:
            return await self._first(seats, request, body)
        known = self._of_picture.get(name)
        # In one order for all front doors: what another one had embedded is found at once.
        seats.sort(key=lambda each: (each.name != known, hash_of(name, each.name)))
        answer = await self._first(seats, request, body, unless=(404,))
        if answer.status_code < 400:
            self._of_picture[name] = answer.headers["x-worker"]
        return answer

    async def _all(self, request: Request, body: bytes) -> Response:
        """Ask every worker; what the first refuses, or the first answers."""
        answers = [await self._first([each], request, body) for each in await self.seats()]
        chosen = next((each for each in answers if each.status_code >= 400), answers[0])
        for each in answers:
            if each is not chosen:
                await _drop(each)
        return chosen

    async def _first(
        self, seats: Sequence[Seat], request: Request, body: bytes, *, unless: Sequence[int] = ()
    ) -> Response:
        """What the first of them answers that can be reached; ``unless`` it has a status, and another is left."""
        last = None
        for seat in seats:
            try:
                answer = await self.relay.request(seat.address, request, body)
            except Unreached:
                continue
            if last is not None:
                await _drop(last)
            answer.headers["x-worker"] = seat.name
            last = answer
            if answer.status_code not in unless:
                break
        if last is None:
            raise nobody("No worker answers.")
        return last

    async def direct(self, connection: HTTPConnection) -> Response:
        """
        Where a session's worker itself answers what is asked: results and pictures then skip the door.

        Without a key that is in the query: workers have no TLS, and addresses are logged. Raises NotFound, and Conflict
        where the client cannot reach the worker.
        """
        scheme, parts = connection.scope["type"], parts_of(connection)
        owner = await self.owner(parts[1], anew=True)
        if owner is None:
            raise NotFound(f"There is no session {parts[1]:.64}.", detail="GET /sessions lists them.", field="session")
        if is_loopback(urlsplit(owner.address).hostname or "") and not _from_here(connection):
            words = f"{owner.name} can be reached from its own machine only."
            raise Conflict(words, detail="Ask without direct=1: then the front door answers.", field=DIRECT)
        without = (DIRECT, auth.IN_QUERY)
        query = urlencode([each for each in connection.query_params.multi_items() if each[0] not in without])
        address = owner.address.replace("http", "ws", 1) if scheme == "websocket" else owner.address
        place = f"{address}{raw_path(connection)}{'?' if query else ''}{query}"
        headers = {"Location": place, "X-Worker": owner.name, "Cache-Control": "no-store"}
        return JSONResponse({"worker": owner.name, "address": place}, 307, headers)

    async def listen(self, client: WebSocket) -> None:
        """Relay a session's WebSocket."""
        parts = parts_of(client)
        session = parts[1] if len(parts) > 1 else ""
        try:
            async for owner, _ in self._owners(session, anew=True):
                seat = owner or (await self.seats())[0]
                try:
                    await self.relay.websocket(seat.address, client)
                    return
                except Unreached:
                    await self._suspect(seat)
            code, why = GONE, "The session's worker does not answer: connect again."
        except StreamerError as error:
            code, why = 4000 + error.status, error.message
        await client.accept()
        await client.close(code, why[:120])


def wants_direct(connection: HTTPConnection) -> bool:
    """Whether the address of a session's worker is asked for."""
    parts = parts_of(connection)
    asked = connection.query_params.get(DIRECT, "0").lower() not in ("0", "", "false", "off", "no")
    reads = connection.scope["type"] == "websocket" or connection.scope["method"] in ("GET", "HEAD")
    return asked and reads and len(parts) > 1 and parts[0] == "sessions"


def _from_here(connection: HTTPConnection) -> bool:
    """Whether a client runs on the door's machine: by a loopback address, or by the door's own."""
    client, server = connection.client, connection.scope.get("server")
    return client is None or is_loopback(client.host) or (server is not None and client.host == server[0])


async def _drop(answer: Response) -> None:
    """Let go of an answer that nobody reads."""
    await answer.body_iterator.aclose()  # type: ignore[attr-defined]


def _image_id(body: bytes) -> str | None:
    if b'"image_id"' not in body:  # parsing a picture takes long
        return None
    try:
        name = json.loads(body).get("image_id")
    except (ValueError, AttributeError, RecursionError):
        return None  # the worker says what is wrong with it
    return name if isinstance(name, str) else None


def hash_of(picture: str, worker: str) -> int:
    """A number for a picture at a worker, the same in every process: the picture's worker is the one with the least."""
    return int.from_bytes(hashlib.blake2b(f"{worker}\0{picture}".encode(), digest_size=8).digest())

"""Bodies of requests: whose they are before a byte is read, how long they may be, of how many values, and how slow."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from fastapi.requests import HTTPConnection
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streamer import auth, limits
from streamer.config import Config
from streamer.errors import Forbidden, StreamerError, TooLarge, TooMany
from streamer.hosted.routes import ADMITTED
from streamer.webrtc import sdp
from streamer.wire.values import TooManyValues, Values

PICTURES = 16  # bodies with a picture that are read at a time: nine requests may wait for the model
UNKNOWN = 2  # of these, bodies that bring the key inside: anyone may send them
TURN = 2.0  # seconds that another one waits for its turn
PAUSE = 10.0  # seconds that a body may bring nothing
RATE = 8 * 2**10  # bytes a second that it must bring on average, after the first PAUSE: a slow telephone's
UNKNOWN_SECONDS = 30.0  # that a body with the key inside may take in all: 27 MiB at 8 Mbit/s


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a body may have: bytes, JSON values (None: it is no JSON), and seconds in all (None: see RATE)."""

    bytes: int
    values: int | None = limits.MAX_VALUES
    seconds: float | None = None


class Bodies:
    """
    Middleware that lets no body be read before its sender has shown a key, where the server has keys.

    The one exception is ``/sam3/``, whose clients send the key inside the body: two such bodies at a time.
    """

    def __init__(self, app: ASGIApp, config: Config) -> None:
        self.app = app
        self._longest = config.max_body
        self._turns = {True: asyncio.Semaphore(PICTURES), False: asyncio.Semaphore(UNKNOWN)}  # by: the key is known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on with a bound on what is received."""
        if scope["type"] != "http" or not _has_body(headers := Headers(scope=scope)):
            await self.app(scope, receive, send)
            return
        with contextlib.ExitStack() as turn:
            try:
                known = await _known(HTTPConnection(scope))
                bounds = self._bounds(scope["path"], known=known)
                if int(headers.get("content-length", 0)) > bounds.bytes:
                    raise TooLarge(_too_long(bounds))
                if _of_pictures(scope["path"]):
                    await _in_turn(self._turns[known], known=known)
                    turn.callback(self._turns[known].release)
                    scope[ADMITTED] = turn.close
            except StreamerError as error:
                await JSONResponse(error.body(), error.status, error.headers)(scope, receive, send)
                return
            await self.app(scope, Body(receive, bounds), send)

    def _bounds(self, path: str, *, known: bool) -> Bounds:
        if _of_pictures(path):
            if known:
                return Bounds(self._longest, limits.MAX_PICTURE_VALUES)
            return Bounds(self._longest, seconds=UNKNOWN_SECONDS)
        if path.startswith(("/whip", "/whep")):
            return Bounds(min(self._longest, sdp.MAX_BYTES), None)
        return Bounds(min(self._longest, limits.MAX_BODY))


class Body:
    """A request's ``receive`` that counts what comes in. Raises HTTPException: 408, 413, and 400 for no UTF-8."""

    def __init__(self, receive: Receive, bounds: Bounds) -> None:
        self._receive = receive
        self._bounds = bounds
        self._values = None if bounds.values is None else Values(bounds.values)
        self._began: float | None = None
        self._received = 0
        self._ended = False

    async def __call__(self) -> Message:
        """The next message; what comes after the body's end is not ours."""
        if self._ended:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._due()):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, f"The body came too slowly: {self._received} bytes of it.") from None
        self._count(message.get("body", b""))
        self._ended = not message.get("more_body", False)
        return message

    def _due(self) -> float:
        now = asyncio.get_running_loop().time()
        self._began = now if self._began is None else self._began
        allowed = PAUSE + self._received / RATE if self._bounds.seconds is None else self._bounds.seconds
        return min(now + PAUSE, self._began + allowed)

    def _count(self, part: bytes) -> None:
        self._received += len(part)
        if self._received > self._bounds.bytes:
            raise HTTPException(413, _too_long(self._bounds))
        if self._values is None:
            return
        try:
            self._values.feed(part)
        except TooManyValues as error:
            raise HTTPException(413, f"The body is too much JSON: {error}.") from None
        except UnicodeError as error:
            raise HTTPException(400) from error  # answered as JSON that cannot be read


def _has_body(headers: Headers) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def _of_pictures(path: str) -> bool:
    return path.startswith("/sam3/")


async def _known(connection: HTTPConnection) -> bool:
    """Whether the sender has shown a key; False: it may be in the body. Raises Unauthorized."""
    key = await auth.key_of(connection)
    if key is None and _of_pictures(connection.scope["path"]) and not connection.app.state.keys.open:
        return False
    with contextlib.suppress(Forbidden):  # what the key opens is the route's business
        auth.allow(connection, key, auth.Scope.VIEW)
    return True


async def _in_turn(turns: asyncio.Semaphore, *, known: bool) -> None:
    """Wait for a moment until fewer bodies are being read. Raises TooMany."""
    try:
        async with asyncio.timeout(TURN):
            await turns.acquire()
    except TimeoutError:
        how = None if known else "Send the key as Authorization: Bearer …, then the request need not wait for others."
        raise TooMany("Too many pictures are being received.", detail=how) from None


def _too_long(bounds: Bounds) -> str:
    return f"The request is longer than {bounds.bytes} bytes."

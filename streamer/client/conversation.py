"""A live session's messages in both directions, without the socket: what sync.py and aio.py have in common."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgpack

from streamer.client import errors, messages, requests
from streamer.client.errors import Busy, ClientError, Moved
from streamer.client.messages import Result, SessionInfo
from streamer.client.pictures import Picture
from streamer.client.requests import Address, Encoding

T = TypeVar("T")

_ENDED = "ended"
_PING_TIMEOUT = 60.0  # seconds: a machine that is busy with a model is no dead peer
RETURNING = 30.0  # seconds that a moved session is looked for: what the server gives a camera, too
AGAIN = 0.3  # seconds from one try to the next
_CLOSING = 2.0  # seconds that a server has to take the close frame


def socket_options(headers: dict[str, str], timeout: float, left: float = math.inf) -> dict[str, Any]:
    """How both clients connect; ``timeout`` in seconds, and the seconds that are ``left`` for it."""
    return {
        "additional_headers": headers,
        "compression": None,  # run lengths and JPEGs hardly shrink
        "open_timeout": min(timeout, max(left, 0.0)),
        "ping_timeout": _PING_TIMEOUT,
        "close_timeout": _CLOSING,
        "max_size": None,  # pictures, and masks of large frames
    }


class Return:
    """
    How long the reader of a session that was moved tries to find it again.

    It does so for as long as a server answers, up to ``RETURNING`` seconds after the first break.
    """

    def __init__(self) -> None:
        self.looking = False
        self._broke = ClientError("")
        self._until = 0.0

    def pause(self, error: ClientError) -> float:
        """Seconds until the next try. Raises the first error where there is no point in one."""
        if not self.looking:
            if not isinstance(error, Moved):
                raise error
            self.looking, self._broke, self._until = True, error, time.monotonic() + RETURNING
        if not isinstance(error, Busy) or time.monotonic() > self._until:
            raise self._broke
        return AGAIN

    def next(self, connect: Callable[[float], None], read: Callable[[], T], end: float) -> T | None:
        """What is read next, where that takes more than one try, too; None at the ``end`` (monotonic time)."""
        while not self.looking or time.monotonic() < end:
            try:
                if self.looking:
                    connect(end)
                news = read()
                self.looking = False
                return news
            except ClientError as error:
                if not self.looking or time.monotonic() < end:  # else the time was too short to connect
                    time.sleep(max(0.0, min(self.pause(error), end - time.monotonic())))
        return None

    async def anext(
        self, connect: Callable[[], Awaitable[None]], read: Callable[[], Awaitable[T]], end: float
    ) -> T | None:
        """The same for asyncio; ``end`` is the loop's time."""
        now = asyncio.get_running_loop().time
        while not self.looking or now() < end:
            try:
                if self.looking:
                    async with asyncio.timeout_at(end):
                        await connect()
                news = await read()
                self.looking = False
                return news
            except TimeoutError:
                break
            except ClientError as error:
                await asyncio.sleep(min(self.pause(error), end - now()))
        return None


class SessionBase:
    """What the sessions of both clients have in common: which one it is, and what was heard of it last."""

    def __init__(self, info: SessionInfo, *, pictures: bool, encoding: Encoding, ours: bool) -> None:
        self.id = info.id
        self.hint = info.hint
        self._pictures = pictures
        self._encoding = encoding
        self._ours = ours
        self._talk = Conversation(info, encoding)

    @property
    def state(self) -> str:
        """Connecting, live, reconnecting or ended: at the start, and as told since results are read."""
        return self._talk.state

    @property
    def reason(self) -> str:
        """Why it is in that state."""
        return self._talk.reason

    @property
    def missed(self) -> int:
        """Results that were replaced by newer ones before anybody took them."""
        return self._talk.missed

    def _results_at(self, address: Address) -> str:
        """The WebSocket to read along on."""
        asked = requests.reader_query(self._encoding, pictures=self._pictures, options=self._talk.options)
        return address.results(self.id, asked)


class Conversation:
    """
    What was said on one WebSocket, and what is still unread of it.

    A socket's owner gives every message to :meth:`receive` as it comes, and tells :meth:`end` when the last has. Of
    results only the newest is kept: :attr:`missed` counts those that a newer one replaced before anybody took them,
    and :attr:`taken` is the number of the last one that somebody took. Answers are kept by the number of their question
    for as long as somebody waits for them. Nothing else is kept, so nothing here can grow. It does not lock: that is
    the owner's part.
    """

    def __init__(self, info: SessionInfo, encoding: Encoding = "json") -> None:
        self.state = info.state
        self.reason = info.reason
        self.missed = 0
        self.taken = 0
        self.over = False
        self.options: dict[str, Any] = {}  # as last acknowledged; a new connection asks for them again
        self._binary = encoding == "msgpack"
        self._error: ClientError | None = None
        self._result: Result | None = None
        self._results = 0
        self._picture: Picture | None = None
        self._asked = 0
        self._answers: dict[int, dict[str, Any] | None] = {}  # None: still to come

    # What comes in

    def receive(self, message: str | bytes) -> None:
        """Take in one message. Raises ClientError for one that cannot be read."""
        try:
            if isinstance(message, str):
                self._hear(json.loads(message))
            elif self._binary:
                self._hear(msgpack.unpackb(message))
            else:
                self._picture = Picture(int.from_bytes(message[:4], "little"), message[4:])
        except messages.MISREAD as error:
            raise errors.unreadable(error) from error

    @property
    def broken(self) -> bool:
        """Whether the connection ended though nobody wanted it to: a new one may do better."""
        return self.over and self._error is not None

    def renew(self) -> None:
        """A new connection was made in place of one that broke."""
        self.over, self._error, self._picture = False, None, None

    def end(self, error: ClientError | None = None, *, closed: bool = False) -> None:
        """
        No more messages will come; ``error`` says what went wrong. Only the first call counts.

        ``closed``: its owner wants no more, whatever broke before.
        """
        if closed or not self.over:
            self.over, self._error = True, error

    def _hear(self, data: dict[str, Any]) -> None:
        kind = data["type"]
        if kind == "state":
            self.state, self.reason = str(data["state"]), str(data["reason"])
        elif kind == "picture":
            self._picture = Picture(int(data["frame_index"]), data["jpeg"])
        elif kind == "result" or (kind == "error" and "frame" in data):
            self.missed += self._results > self.taken
            self._result, self._picture = messages.result(data, self._picture), None
            self._results += 1
        elif kind in ("ack", "error") and (number := data.get("request")) in self._answers:
            self._answers[number] = data

    # Results

    def ready(self, after: int) -> bool:
        """Whether :meth:`take` has something to say to somebody who has had result number ``after``."""
        return self._results > after or self.over

    def take(self, after: int) -> tuple[int, Result] | None:
        """
        The newest result with its number, for somebody who has had number ``after``: several may read along.

        None when there will be none any more. Raises ClientError if that was no plan.
        """
        if self._result is not None and self._results > after:
            self.taken = self._results
            return self._results, self._result
        if self._error is not None:
            raise self._error
        return None

    # Questions and their answers

    def ask(self, message: dict[str, Any]) -> tuple[int, str]:
        """Number a question: its number, and the text to send. Raises ClientError when nobody listens any more."""
        if self.over:
            raise self._nobody()
        text = json.dumps({**message, "request": self._asked + 1}, allow_nan=False)
        self._asked += 1
        self._answers[self._asked] = None
        return self._asked, text

    def answered(self, number: int) -> bool:
        """Whether :meth:`answer` has something to say."""
        return self._answers[number] is not None or self.over

    def answer(self, number: int) -> dict[str, Any]:
        """What was answered. Raises ClientError with the server's words if it was a refusal, or why none came."""
        data = self._answers[number]
        if data is None:
            raise self._nobody()
        if data["type"] == "error":
            raise errors.of_message(data)
        return data

    def forget(self, number: int) -> None:
        """Nobody waits for this answer any more."""
        self._answers.pop(number, None)

    def _nobody(self) -> ClientError:
        if self._error is not None:
            return self._error
        if self.state == _ENDED:
            return ClientError(f"The session has ended: {self.reason}")
        return ClientError("The session's connection has been closed.")

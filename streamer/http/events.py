"""A session's messages as server-sent events, for readers without WebSocket: EventSource, curl, a line of shell."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError
from sse_starlette.event import ServerSentEvent
from sse_starlette.sse import EventSourceResponse
from starlette.types import Message, Receive, Scope, Send

from streamer.http.server import TRANSPORT, hold_little
from streamer.live.reader_options import Options, event
from streamer.live.session import Session
from streamer.live.subscription import Subscription
from streamer.wire.messages import OptionsIn

HEARTBEAT = 15.0  # seconds from one comment to the next: proxies cut connections that are silent for a minute
ALIVE = "still here"  # the comment
UNSENT = 4096  # bytes that the kernel holds for a reader; what is more waits here, where the newest replaces it
STALLED = 30.0  # seconds that a message may wait to be read before its reader is given up

STREAM: dict[int | str, dict[str, Any]] = {
    200: {"description": "The messages", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
    204: {"description": "For an EventSource that has read the end and comes back: there is nothing more"},
}


def _text_only(value: Any) -> Any:
    if value != "json":
        raise PydanticCustomError("encoding", "Events are text, so it should be json; the WebSocket sends msgpack")
    return value


def _no_pictures(value: Any) -> Any:
    if str(value).lower() not in ("0", "false", "off", "no"):
        raise PydanticCustomError("pictures", "Events are text; pictures are at /sessions/{id}/frames/{index}.jpg")
    return False


class EventsIn(OptionsIn):
    """The query of an event stream: the WebSocket's options, as far as text can carry them."""

    encoding: Annotated[Any, BeforeValidator(_text_only)] = None
    pictures: Annotated[bool, BeforeValidator(_no_pictures)] = False


class EventStream(EventSourceResponse):
    """
    A subscription as ``text/event-stream``.

    A slow reader gets the newest result and is told how many it missed. One that lets a message wait for ``STALLED``
    seconds is given up, and its connection cut: what was written to it would be kept for as long as it likes.
    """

    def __init__(self, session: Session, options: Options, *, general: bool = False) -> None:
        super().__init__(
            iter(()), ping=HEARTBEAT, ping_message_factory=lambda: ServerSentEvent(comment=ALIVE, sep="\n")
        )
        self._session = session
        self._general = general
        self._options = replace(options, encoding="events")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the session has ended or the reader is gone. Raises TooMany before the first byte."""
        transport: asyncio.Transport | None = scope.get(TRANSPORT)
        with self._session.subscribe(options=self._options, general=self._general) as subscription:
            if transport is not None:
                hold_little(transport, UNSENT)
            self.body_iterator = self._tell(subscription)
            self.data_sender_callable = functools.partial(_watch, subscription)
            try:
                await super().__call__(scope, receive, _in_time(send))
                return
            except TimeoutError:
                pass
        if transport is not None:
            transport.abort()
            await _gone(receive)

    @property
    def _why(self) -> str:
        return self._session.standing.why(general=self._general)

    async def _tell(self, subscription: Subscription) -> AsyncIterator[bytes]:
        yield f": {ALIVE}\n\n".encode()  # what lies between sees at once that the stream is there
        async for message in subscription:
            yield message.encode() if isinstance(message, str) else message
        if subscription.given_up is None and not self._session.standing.moved:  # else it is to connect again
            yield event({"type": "end", "session": self._session.id, "reason": self._why}).encode()


def _in_time(send: Send) -> Send:
    """The same, but a message that waits for too long raises TimeoutError."""

    async def in_time(message: Message) -> None:
        async with asyncio.timeout(STALLED):
            await send(message)

    return in_time


async def _watch(subscription: Subscription) -> None:
    """Raise TimeoutError when the reader is given up, whatever is being sent to it at the moment."""
    await subscription.hopeless()
    raise TimeoutError


async def _gone(receive: Receive) -> None:
    """Wait until the far side has hung up, or the server wants to."""
    while (await receive())["type"] != "http.disconnect":
        pass

"""A session's messages as server-sent events, for readers without WebSocket: EventSource, curl, a line of shell."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated, Any

from fastapi import Response
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError
from starlette.types import Receive, Scope, Send

from streamer.http.server import TRANSPORT, hold_little
from streamer.live.reader_options import Options, event
from streamer.live.session import Session
from streamer.live.subscription import Subscription
from streamer.wire.messages import OptionsIn

HEARTBEAT = 15.0  # seconds from one comment to the next: proxies cut connections that are silent for a minute
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


class EventStream(Response):
    """
    A subscription as ``text/event-stream``.

    A slow reader gets the newest result and is told how many it missed. One that lets a message wait for ``STALLED``
    seconds is given up, and its connection cut: what was written to it would be kept for as long as it likes.
    """

    media_type = "text/event-stream"

    def __init__(self, session: Session, options: Options) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["Content-Length"]
        self._session = session
        self._options = replace(options, encoding="events")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the session has ended or the reader is gone. Raises TooMany before the first byte."""
        transport: asyncio.Transport | None = scope.get(TRANSPORT)
        with self._session.subscribe(options=self._options) as subscription:
            if transport is not None:
                hold_little(transport, UNSENT)
            reader = _Reader(send)
            await reader.send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await subscription.converse(self._tell(reader, subscription), reader.beat(), _gone(receive))
            stalled = reader.stalled or subscription.given_up is not None
        if stalled and transport is not None:
            transport.abort()
            await _gone(receive)

    async def _tell(self, reader: _Reader, subscription: Subscription) -> None:
        async for message in subscription:
            if not await reader.write(message):
                return
        if subscription.given_up is None:
            await reader.write(event({"type": "end", "session": self._session.id, "reason": self._session.reason}))
            await reader.write("", more=False)


class _Reader:
    """The far side of one response. ``stalled``: it left something unread for too long; ``over``: it has had it all."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.stalled = False
        self.over = False

    async def write(self, text: str | bytes, *, more: bool = True) -> bool:
        """Write a part of the body, with ``more`` to come; False when it could not be written, or not in time."""
        if self.over:
            return False
        self.over = not more
        body = text.encode() if isinstance(text, str) else text
        return await self.send({"type": "http.response.body", "body": body, "more_body": more})

    async def send(self, message: dict[str, Any]) -> bool:
        """Send an ASGI message; False when it could not be sent in time."""
        try:
            async with asyncio.timeout(STALLED):
                await self._send(message)
        except TimeoutError:
            self.stalled = True
        return not self.stalled

    async def beat(self) -> None:
        """Write a comment now and then, so that nothing on the way takes a quiet stream for a dead one."""
        while await self.write(": still here\n\n"):  # noqa: ASYNC110 (it waits for time, and for nothing else)
            await asyncio.sleep(HEARTBEAT)


async def _gone(receive: Receive) -> None:
    """Wait until the far side has hung up, or the server wants to."""
    while (await receive())["type"] != "http.disconnect":
        pass

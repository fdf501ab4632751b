"""uvicorn's HTTP, for answers that never end and readers that do not read them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from streamer.events import ABORT

# Python names it from 3.12 on; before that we know Linux's number.
NOTSENT_LOWAT: int | None = getattr(socket, "TCP_NOTSENT_LOWAT", 25 if sys.platform == "linux" else None)
UNSENT = 32 * 1024  # bytes that the kernel holds of what has not been sent, on behalf of a slow reader


class LiveHTTP(H11Protocol):
    """
    HTTP whose unread bytes are few, and whose streams end with the server.

    The kernel would take megabytes of events for a slow reader, half an hour's worth: it is told to hold ``UNSENT``.
    An application finds in the scope, under ``ABORT``, how to cut the connection.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Set the bounds on what is held."""
        super().connection_made(transport)
        hold_little(transport)
        application: ASGIApp = self.app

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await application({**scope, ABORT: transport.abort}, receive, send)

        self.app = app

    def shutdown(self) -> None:
        """End a stream as if its reader had gone; other answers are finished first."""
        super().shutdown()
        if self.scope and self.scope["path"].endswith("/events") and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self.transport.close()


def hold_little(transport: asyncio.BaseTransport) -> None:
    """Let the kernel and the loop hold little of what a peer does not read."""
    if isinstance(transport, asyncio.Transport):
        transport.set_write_buffer_limits(high=UNSENT)
    connection = transport.get_extra_info("socket")
    if connection is not None and NOTSENT_LOWAT is not None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, NOTSENT_LOWAT, UNSENT)

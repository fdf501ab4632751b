"""uvicorn's HTTP, for answers that never end and readers that do not read them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from typing import cast

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

# Python names it from 3.12 on; before that we know Linux's number.
NOTSENT_LOWAT: int | None = getattr(socket, "TCP_NOTSENT_LOWAT", 25 if sys.platform == "linux" else None)
TRANSPORT = "streamer.transport"  # of a request, in its scope


class LiveHTTP(H11Protocol):
    """HTTP whose applications find the connection's transport in the scope, and whose streams end with the server."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Put the transport into the scope of what is asked over it."""
        super().connection_made(cast(asyncio.Transport, transport))
        application: ASGIApp = self.app

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await application({**scope, TRANSPORT: transport}, receive, send)

        self.app = app

    def shutdown(self) -> None:
        """End a stream of events as if its reader had gone; other answers are finished first."""
        super().shutdown()
        streaming = self.scope is not None and self.scope["path"].endswith("/events")  # type: ignore[redundant-expr]
        if streaming and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self.transport.close()


def hold_little(transport: asyncio.BaseTransport, unsent: int) -> None:
    """
    Let the kernel hold ``unsent`` bytes of what a peer does not read, and the event loop a message at most.

    The kernel would take megabytes on behalf of a slow reader, which is minutes of results that nobody wants any more.
    """
    if isinstance(transport, asyncio.Transport):
        transport.set_write_buffer_limits(high=0)
    connection = transport.get_extra_info("socket")
    if connection is not None and NOTSENT_LOWAT is not None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, NOTSENT_LOWAT, unsent)

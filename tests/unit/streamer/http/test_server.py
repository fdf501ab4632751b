"""uvicorn with the bounds that live sockets need; its behaviour over sockets: integration/test_live_http.py."""

from __future__ import annotations

import asyncio
import socket

import pytest

from streamer.app import create_app
from streamer.config import Config
from streamer.http.server import NOTSENT_LOWAT, LiveHTTP, LiveWebSocket, hold_little, server
from tests.support.models import untrained


def test_it_serves_with_live_protocols_and_bounds() -> None:
    config = Config(port=8123)
    made = server(create_app(config, untrained()), config).config
    assert (made.port, made.http, made.ws) == (8123, LiveHTTP, LiveWebSocket)
    assert made.ws_max_size == 2**20
    assert not made.ws_per_message_deflate


@pytest.mark.skipif(NOTSENT_LOWAT is None, reason="the kernel has no such bound")
async def test_little_is_held_for_a_peer_that_does_not_read() -> None:
    near, far = socket.socketpair()
    listening = socket.create_server(("127.0.0.1", 0))
    near.close()
    far.close()
    near = socket.create_connection(listening.getsockname())
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=near)
    hold_little(transport, 4096)
    assert NOTSENT_LOWAT is not None
    assert near.getsockopt(socket.IPPROTO_TCP, NOTSENT_LOWAT) == 4096
    assert transport.get_write_buffer_limits() == (0, 0)
    transport.abort()
    listening.close()


def test_a_connection_without_a_socket_is_left_as_it_is() -> None:
    hold_little(asyncio.BaseTransport(), 4096)

"""uvicorn with the bounds that live sockets need; its behaviour over sockets: integration/test_live_http.py."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import FastAPI, Request, Response, WebSocket
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from streamer import limits
from streamer.app import create_app
from streamer.commands.serve import listen
from streamer.config import Config
from streamer.http import connections
from streamer.http.server import NOTSENT_LOWAT, LiveHTTP, LiveWebSocket, hold_little, server
from tests.support.certificates import NAME, write_certificate
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
    assert transport.get_write_buffer_limits() == (0, 1)
    transport.abort()
    listening.close()


async def test_little_is_held_over_tls_too_and_what_is_read_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "both.pem"
    write_certificate(path)
    near, far = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=path)
    near.load_cert_chain(path)
    goes_on, sent = asyncio.Event(), list[int]()

    async def write(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hold_little(writer.transport, 4096)
        for _ in range(3):  # read as they come: each is waited for, and none for ever
            writer.write(b"x" * 100)
            await writer.drain()
        goes_on.set()
        while len(sent) < 1000:
            writer.write(b"x" * 10_000)
            sent.append(1)
            await writer.drain()

    async with asyncio.timeout(60), await asyncio.start_server(write, "127.0.0.1", 0, ssl=near) as serving:
        port = serving.sockets[0].getsockname()[1]
        # One that takes in little as well, and then reads nothing.
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(sock=connection, ssl=far, server_hostname=NAME, limit=4096)
        await goes_on.wait()
        assert await reader.readexactly(300) == b"x" * 300
        before = -1
        while len(sent) != before:  # until it stands still
            before = len(sent)
            await asyncio.sleep(0.3)
        assert before < 100, "a megabyte is held for who reads nothing"
        writer.transport.abort()


def test_a_connection_without_a_socket_is_left_as_it_is() -> None:
    hold_little(asyncio.BaseTransport(), 4096)


HEAD = b"GET /ok HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"
SHORT = 0.2  # seconds, of the deadlines here
LARGE = 20 * 2**20  # bytes: more than the kernel takes for a reader that reads nothing


@pytest.fixture
async def address(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[str, int]]:
    """A server with short deadlines, which answers ``ok``, reads bodies or does not, and speaks to a WebSocket."""
    app = FastAPI()

    @app.api_route("/ok", methods=["GET", "POST"])
    async def ok(request: Request) -> Response:
        return Response("ok")

    @app.post("/read")
    async def read(request: Request) -> Response:
        return Response(str(len(await request.body())))

    @app.get("/large")
    async def large() -> Response:
        return Response(b" " * LARGE)

    @app.websocket("/socket")
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        while True:
            await socket.send_text(await socket.receive_text())

    for name in ("HEAD", "REST", "STALLED"):
        monkeypatch.setattr(LiveHTTP, name, SHORT)
    config = Config(port=0)
    web = server(app, config)
    web.config.timeout_keep_alive = 1
    with listen(config.host, config.port) as bound:
        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            tasks.create_task(web._serve([bound]))
            while not web.started:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            yield bound.getsockname()
            web.should_exit = True


async def told(address: tuple[str, int], *parts: bytes) -> bytes:
    """What comes back until the server closes the connection."""
    reader, writer = await asyncio.open_connection(*address)
    for part in parts:
        writer.write(part)
    got = b""
    with contextlib.suppress(ConnectionResetError):
        while more := await reader.read(4096):
            got += more
    writer.close()
    return got


@pytest.mark.parametrize("begun", [b"", b"GET /ok HT", HEAD[:-2]])
async def test_a_head_that_does_not_end_is_given_up(address: tuple[str, int], begun: bytes) -> None:
    assert await told(address, begun) == b""


async def test_so_is_the_next_one_on_the_same_connection(address: tuple[str, int]) -> None:
    assert (await told(address, HEAD + HEAD[:-2])).count(b"200 OK") == 1


LONG = b"GET /ok HTTP/1.1\r\nHost: here\r\nConnection: close\r\nX: %s\r\n\r\n"


@pytest.mark.parametrize("kept_back", [b"", b"POST /read HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\n\r\n[]"])
async def test_a_head_over_the_limit_is_refused_in_words_though_it_comes_at_once(
    address: tuple[str, int], kept_back: bytes
) -> None:
    within = await told(address, kept_back + LONG % (b"a" * (limits.MAX_HEAD - 200)))
    assert within.count(b"200 OK") == 1 + bool(kept_back)
    over = await told(address, kept_back + LONG % (b"a" * limits.MAX_HEAD))
    assert b"431 Request Header Fields Too Large" in over
    assert b"bytes; it may have 16384." in over


async def test_a_head_over_the_limit_is_not_waited_for(address: tuple[str, int]) -> None:
    reader, writer = await asyncio.open_connection(*address)
    writer.write((LONG % (b"a" * 2 * limits.MAX_HEAD))[:-2])
    assert b"400 Bad Request" in await reader.readuntil(b"\r\n")
    writer.close()


async def test_a_message_over_the_limit_ends_the_conversation(address: tuple[str, int]) -> None:
    place = f"ws://{address[0]}:{address[1]}/socket"
    async with connect(place, max_size=None) as socket:
        await socket.send("a" * limits.MAX_MESSAGE)
        assert len(await socket.recv()) == limits.MAX_MESSAGE
        await socket.send("a" * (limits.MAX_MESSAGE + 1))
        with pytest.raises(ConnectionClosedError, match="1009"):
            await socket.recv()


async def test_a_head_that_drips_is_given_up(address: tuple[str, int]) -> None:
    """Each byte comes in time; all of them do not."""
    reader, writer = await asyncio.open_connection(*address)
    dripped = 0
    with contextlib.suppress(ConnectionError):
        while not reader.at_eof():
            writer.write(b"G" if not dripped else b"E")
            dripped += 1
            await writer.drain()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(reader.read(1), SHORT / 10)
    assert 2 < dripped < 200
    writer.close()


async def test_requests_one_after_the_other_are_all_answered(address: tuple[str, int]) -> None:
    reader, writer = await asyncio.open_connection(*address)
    for _ in range(5):
        writer.write(HEAD)
        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(2) == b"ok"
        await asyncio.sleep(SHORT / 2)  # all of them together take longer than one head may
    writer.close()


async def test_a_body_that_no_one_reads_is_waited_for_only_so_long(address: tuple[str, int]) -> None:
    assert (await told(address, POST % b"/ok", b"12345")).count(b"200 OK") == 1


async def test_a_body_that_was_not_read_is_passed_over(address: tuple[str, int]) -> None:
    assert (await told(address, POST % b"/ok", b"x" * 100, HEAD, HEAD[:-2])).count(b"200 OK") == 2


async def test_a_body_that_is_being_read_has_more_time(address: tuple[str, int]) -> None:
    """How long, bodies.py says."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(POST % b"/read" + b"x" * 50)
    await asyncio.sleep(2 * SHORT)
    writer.write(b"x" * 50)
    assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
    assert await reader.readexactly(3) == b"100"
    writer.close()


async def test_an_answer_that_is_not_read_is_given_up(address: tuple[str, int]) -> None:
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(narrow, address)
    await loop.sock_sendall(narrow, HEAD.replace(b"/ok", b"/large"))
    await asyncio.sleep(3 * SHORT)
    got = 0
    with contextlib.suppress(ConnectionResetError):
        while more := await loop.sock_recv(narrow, 2**20):
            got += len(more)
    assert 0 < got < LARGE
    narrow.close()


async def test_a_websocket_has_no_such_deadlines(address: tuple[str, int]) -> None:
    """Also on a connection that has had an answer."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(HEAD)
    await reader.readuntil(b"ok")
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    writer.write(b"GET /socket HTTP/1.1\r\nHost: localhost\r\n" + upgrade + key + b"\r\n")
    assert b"101 Switching" in await reader.readuntil(b"\r\n\r\n")
    await asyncio.sleep(3 * SHORT)
    writer.write(bytes([0x81, 0x82, 0, 0, 0, 0]) + b"hi")
    assert await reader.readexactly(4) == bytes([0x81, 2]) + b"hi"
    writer.close()


async def test_connections_are_bounded_by_the_setting_and_by_descriptors_without() -> None:
    assert server(FastAPI(), Config(max_connections=7)).most == 7
    assert server(FastAPI(), Config()).most == connections.bound()

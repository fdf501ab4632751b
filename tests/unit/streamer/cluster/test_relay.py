"""What is relayed is what was asked and answered, and a worker that cannot be reached is told from one that refuses."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI, Request, Response, WebSocket
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from streamer.cluster.relay import GONE, Relay, Unreached
from streamer.commands.serve import listen
from streamer.config import Config
from streamer.http.server import server

NOBODY = "http://127.0.0.1:9"


@contextlib.asynccontextmanager
async def relaying(address: str) -> AsyncIterator[httpx.AsyncClient]:
    """A door that relays everything to one address, and answers 504 where nobody is there."""
    relay, app = Relay(), FastAPI()

    @app.api_route("/{path:path}", methods=["GET", "POST"])
    async def anything(request: Request) -> Response:
        try:
            return await relay.request(address, request, await request.body())
        except Unreached:
            return Response(status_code=504)

    @app.websocket("/{path:path}")
    async def socket(socket: WebSocket) -> None:
        with contextlib.suppress(Unreached):
            await relay.websocket(address, socket)

    web = server(app, Config(port=0))
    web.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    with listen("127.0.0.1", 0) as bound:
        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            tasks.create_task(web.serve(sockets=[bound]))
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{bound.getsockname()[1]}", timeout=60) as http:
                yield http
            web.should_exit = True
    await relay.close()


@contextlib.asynccontextmanager
async def answering(answer: bytes, asked: list[bytes]) -> AsyncIterator[str]:
    """A worker that gives one answer and hangs up: its address."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(speak, "127.0.0.1", 0) as listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


async def test_a_request_keeps_its_path_query_and_host_and_says_who_asked() -> None:
    asked: list[bytes] = []
    answer = b"HTTP/1.1 418 Teapot\r\nX-Own: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\nno"
    async with answering(answer, asked) as address, relaying(address) as http:
        got = await http.get("/a%20b?c=%2F", headers={"Host": "cameras.example"})
    assert (got.status_code, got.text, got.headers["x-own"]) == (418, "no", "1")
    assert got.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert asked[0].startswith(b"GET /a%20b?c=%2F HTTP/1.1\r\n")
    assert asked[0].lower().count(b"\r\nhost:") == 1
    assert b"cameras.example" in asked[0]
    assert b"x-forwarded-for: 127.0.0.1" in asked[0].lower()


async def test_an_answer_that_breaks_off_ends_and_the_next_one_finds_nobody() -> None:
    asked: list[bytes] = []
    async with answering(b"HTTP/1.1 200 OK\r\n\r\nhalf", asked) as address, relaying(address) as http:
        assert (await http.get("/")).text == "half"
    async with relaying(NOBODY) as http:
        assert (await http.get("/")).status_code == 504


@pytest.mark.parametrize(("code", "reason"), [(4404, "There is none."), (1000, "")])
async def test_a_worker_closes_for_its_own_reason(code: int, reason: str) -> None:
    async def echo(socket: ServerConnection) -> None:
        await socket.send(await socket.recv())
        await socket.send(b"\x00\x01")
        await socket.close(code, reason)

    async with serve(echo, "127.0.0.1", 0) as worker:
        port = next(iter(worker.sockets)).getsockname()[1]
        async with (
            relaying(f"http://127.0.0.1:{port}") as http,
            connect(f"ws://{http.base_url.netloc.decode()}/x") as socket,
        ):
            await socket.send("hello")
            assert [await socket.recv(), await socket.recv()] == ["hello", b"\x00\x01"]
            await socket.wait_closed()
            assert (socket.close_code, socket.close_reason) == (code, reason)


async def test_one_that_is_gone_closes_with_a_code_to_come_back_on() -> None:
    async def vanish(socket: ServerConnection) -> None:
        socket.transport.abort()

    async with serve(vanish, "127.0.0.1", 0) as worker:
        port = next(iter(worker.sockets)).getsockname()[1]
        async with (
            relaying(f"http://127.0.0.1:{port}") as http,
            connect(f"ws://{http.base_url.netloc.decode()}/x") as socket,
        ):
            await socket.wait_closed()
            assert socket.close_code == GONE


async def test_a_client_that_leaves_is_told_to_the_worker() -> None:
    left = asyncio.Event()

    async def wait(socket: ServerConnection) -> None:
        await socket.wait_closed()
        left.set()

    async with serve(wait, "127.0.0.1", 0) as worker:
        port = next(iter(worker.sockets)).getsockname()[1]
        async with relaying(f"http://127.0.0.1:{port}") as http:
            async with connect(f"ws://{http.base_url.netloc.decode()}/x"):
                pass
            await left.wait()

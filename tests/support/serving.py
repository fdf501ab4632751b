"""A real server on a port of its own, in a thread of its own."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as websocket

from streamer.app import create_app
from streamer.commands.serve import listen
from streamer.config import Config
from streamer.http.server import server
from tracker import Sam3

SECONDS = 60.0  # for anything to happen on a busy machine


@dataclass(frozen=True, slots=True)
class Served:
    """A running server and a client that is connected to it."""

    app: FastAPI
    address: str  # host:port
    http: httpx.Client

    def results(self, session: str, query: str = "", **options: Any) -> ClientConnection:
        """Read along with a session."""
        options.setdefault("ping_interval", None)  # a busy machine is no dead peer
        socket: ClientConnection = websocket(f"ws://{self.address}/sessions/{session}/results{query}", **options)
        return socket

    def start(self, source: str, *prompts: Any) -> str:
        """Start a session; its id."""
        answer = self.http.post("/sessions", json={"source": source, "prompts": list(prompts)})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


@contextlib.contextmanager
def serving(model: Sam3 | None, **settings: Any) -> Iterator[Served]:
    """Serve on an ephemeral port until the block ends."""
    config = Config(port=0, **settings)
    with running(create_app(config, model), config) as served:
        yield served


@contextlib.contextmanager
def running(app: FastAPI, config: Config) -> Iterator[Served]:
    """The same with an application that is given."""
    uvicorn = server(app, config)
    uvicorn.config.ws_ping_timeout = 10 * SECONDS  # nor is a test's client that is not given the processor
    started = threading.Event()
    startup = uvicorn.startup

    async def tell(*args: Any, **kwargs: Any) -> None:
        await startup(*args, **kwargs)
        started.set()

    uvicorn.startup = tell  # type: ignore[method-assign]
    with listen(config.host, config.port) as bound:
        host, port = bound.getsockname()[:2]
        thread = threading.Thread(target=uvicorn.run, args=([bound],))
        thread.start()
        try:
            assert started.wait(SECONDS)
            with httpx.Client(base_url=f"http://{host}:{port}", timeout=SECONDS) as client:
                yield Served(app, f"{host}:{port}", client)
        finally:
            uvicorn.should_exit = True
            thread.join(SECONDS)
            assert not thread.is_alive()


def read(socket: ClientConnection, kind: str | None = None, **fields: Any) -> dict[str, Any]:
    """The next JSON message of that type with those values; what comes before it is passed over."""
    while True:
        message = socket.recv(timeout=SECONDS)
        if isinstance(message, bytes):
            continue
        data: dict[str, Any] = json.loads(message)
        if kind in (None, data["type"]) and all(data.get(name) == value for name, value in fields.items()):
            return data


def ask(socket: ClientConnection, **message: Any) -> dict[str, Any]:
    """Send a message and wait for its answer."""
    request = message.setdefault("request", "?")
    socket.send(json.dumps(message))
    while True:
        answer = read(socket)
        if answer["type"] in ("ack", "error") and answer.get("request") == request and "request" in answer:
            return answer

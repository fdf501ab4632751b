"""A process with few descriptors, and more connections than it may have: it goes on answering, and says little."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.support.documents import ROOT

FILES = 256
CROWD = 300
PATIENCE = 60.0

# The server without the model, whose import takes seconds: what is tested is in front of the application.
PROGRAM = """
import resource, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]),) * 2)
from fastapi import FastAPI
from streamer.config import Config
from streamer.http.server import server
app = FastAPI()
@app.get("/healthz")
async def healthz():
    return {"status": "ok"}
server(app, Config()).run([socket.create_server(("127.0.0.1", int(sys.argv[2])))])
"""


@dataclass(frozen=True, slots=True)
class Program:
    """A server in a process of its own."""

    address: tuple[str, int]
    log: Path


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    path = tmp_path_factory.mktemp("server") / "log"
    with socket.create_server(("127.0.0.1", 0)) as free:
        host, port = free.getsockname()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", PROGRAM, str(FILES), str(port)]
    with (
        path.open("wb") as log,
        subprocess.Popen(command, stderr=log, stdout=log, env=environment) as running,
    ):
        try:
            until(lambda: healthy(host, port))
            yield Program((host, port), path)
        finally:
            running.terminate()
            running.wait(PATIENCE)


def healthy(host: str, port: int, timeout: float = 5.0) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"http://{host}:{port}/healthz", timeout=timeout).status_code == 200
    return False


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("begun", [b"", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"], ids=["silent", "half a head"])
def test_a_crowd_that_never_asks_keeps_no_one_out(program: Program, begun: bytes) -> None:
    with contextlib.ExitStack() as crowd:
        for _ in range(CROWD):
            each = crowd.enter_context(socket.create_connection(program.address, timeout=PATIENCE))
            with contextlib.suppress(OSError):
                each.sendall(begun)
        answered = [healthy(*program.address) for _ in range(5)]
    assert answered == [True] * 5
    lines = program.log.read_text().splitlines()
    assert len(lines) <= 3, lines  # both times together: the same words come once a minute
    assert re.search(r"There are 128 connections", "\n".join(lines))

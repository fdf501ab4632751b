"""Streams over HTTP whose readers do not read, and streams that would outlast their server."""

from __future__ import annotations

import contextlib
import gc
import socket
import time

import httpx
import pytest

from streamer.http import events
from streamer.live.session import Session
from streamer.result import Result
from tests.support.models import untrained
from tests.support.serving import SECONDS, Served, read, serving

DEMO = "demo:?seed=5&size=160x120&fps=30&objects=4"
PROMPT = {"text": "circle", "output_prob_thresh": 0}


def rude(served: Served, session: str) -> socket.socket:
    """A reader that asks for events and reads nothing; its buffer is as small as the kernel allows."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    host, port = served.address.split(":")
    raw.connect((host, int(port)))
    raw.sendall(f"GET /sessions/{session}/events?format=polygon HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return raw


def test_a_reader_that_reads_nothing_slows_nobody_and_gathers_nothing() -> None:
    with serving(untrained()) as served:
        session = served.start(DEMO, PROMPT)
        live: Session = served.app.state.sessions.get(session)
        with served.results(session) as good, rude(served, session):
            deadline = time.monotonic() + SECONDS
            while live.missed < 20 and time.monotonic() < deadline:  # what the kernel holds for the rude one is full
                assert read(good, "result")["dropped"]["subscriber"] == 0
            assert live.missed >= 20
            assert live.subscribers == 2
            gc.collect()
            assert sum(type(each) is Result for each in gc.get_objects()) < 16


def test_a_reader_that_reads_nothing_for_too_long_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "STALLED", 0.3)
    with serving(untrained()) as served:
        session = served.start(DEMO, PROMPT)
        live: Session = served.app.state.sessions.get(session)
        with served.results(session) as good, rude(served, session) as bad:
            read(good, "result")
            deadline = time.monotonic() + SECONDS
            while live.subscribers > 1 and time.monotonic() < deadline:
                read(good, "result")
            assert live.subscribers == 1
            bad.settimeout(SECONDS)
            assert len(_read_all(bad)) < 100_000


def _read_all(connection: socket.socket) -> bytes:
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def test_a_server_that_stops_does_not_wait_for_its_streams(caplog: pytest.LogCaptureFixture) -> None:
    with httpx.Client(timeout=SECONDS) as reader, contextlib.ExitStack() as stack:
        with serving(untrained()) as served:
            session = served.start("demo:?size=160x120")
            address = f"http://{served.address}/sessions/{session}/events"
            answer = stack.enter_context(reader.stream("GET", address))
            lines = answer.iter_lines()
            next(lines)
        with contextlib.suppress(httpx.RemoteProtocolError):  # it is cut where it stood
            list(lines)
    assert "timeout graceful shutdown exceeded" not in caplog.text

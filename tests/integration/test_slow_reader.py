"""A consumer that reads slowly never slows another nor grows memory."""

from __future__ import annotations

import gc
import socket as sockets
import threading
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed

from streamer.http.server import LiveWebSocket
from streamer.live import subscription
from streamer.live.session import Session
from streamer.result import Result
from tests.support.models import untrained
from tests.support.serving import SECONDS, Served, ask, read, serving

DEMO = "demo:?seed=5&size=640x480&fps=30&objects=4"


@pytest.fixture
def served() -> Iterator[Served]:
    with serving(untrained()) as served:
        yield served


def narrow(served: Served) -> sockets.socket:
    """A connection whose receive buffer is as small as the kernel allows, so that not reading is felt soon."""
    raw = sockets.socket()
    raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    host, port = served.address.split(":")
    raw.connect((host, int(port)))
    return raw


def test_a_reader_that_reads_nothing_slows_nobody_and_gathers_nothing(served: Served) -> None:
    session = served.start(DEMO, {"text": "red circle", "output_prob_thresh": 0})
    live: Session = served.app.state.sessions.get(session)
    with (
        served.results(session) as good,
        served.results(session, "?pictures=1", sock=narrow(served), max_queue=1, close_timeout=0.1) as bad,
    ):
        read(bad, "state")
        for _ in range(20):  # pictures of forty kilobytes: what the kernel holds for the bad one is full by now
            read(good, "result")
        missed = live.missed
        for _ in range(20):
            assert read(good, "result")["dropped"]["subscriber"] == 0
        assert live.subscribers == 2
        assert live.missed >= missed + 15  # nearly all of them
        assert _results() < 16  # in the slots, the last one, and those on their way, after forty


def _results() -> int:
    """Results alive in this process."""
    gc.collect()
    return sum(type(each) is Result for each in gc.get_objects())


def test_a_reader_that_was_slow_gets_the_newest_and_is_told_what_it_missed(served: Served) -> None:
    session = served.start(DEMO)
    with served.results(session) as good, served.results(session) as slow:
        assert ask(slow, type="options", max_fps=0.001)["type"] == "ack"
        newest = 0
        for _ in range(15):
            newest = read(good, "result")["frame"]["index"]
        assert ask(slow, type="options", max_fps=None)["type"] == "ack"
        result = read(slow, "result")
        while result["dropped"]["subscriber"] == 0:
            result = read(slow, "result")
        assert result["frame"]["index"] >= newest
        assert result["dropped"]["subscriber"] >= 10


def test_one_that_asks_and_never_listens_is_given_up_with_a_reason(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscription, "PATIENCE", 0.2)
    monkeypatch.setattr(LiveWebSocket, "FLUSH", 0.2)
    session = served.start(DEMO)
    with served.results(session) as good:
        with served.results(session, "?pictures=1", sock=narrow(served), max_queue=1, close_timeout=0.1) as rude:
            for _ in range(20):
                read(good, "result")
            asked = _ask_until_it_breaks(rude)
            live: Session = served.app.state.sessions.get(session)
            while live.subscribers > 1:
                read(good, "result")
        assert asked
        read(good, "result")
        assert ask(good, type="options")["type"] == "ack"


def _ask_until_it_breaks(rude: object) -> bool:
    """Send questions from a thread of its own: the server stops reading them at some time."""

    def flood() -> None:
        try:
            while True:
                rude.send('{"type":"dance"}')  # type: ignore[attr-defined]
        except (ConnectionClosed, OSError):
            broken.set()

    broken = threading.Event()
    threading.Thread(target=flood, daemon=True).start()
    return broken.wait(SECONDS)

"""streamer.sources.gate: what an RTSP server answers goes through, but for a redirect."""

from __future__ import annotations

import socket
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.sources.gate import MAX_HEAD, Answers, gate

OPTIONS = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: DESCRIBE\r\n\r\n"
DESCRIBE = (
    b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: 42\r\n\r\nv=0\r\nRTSP/1.0 302 Found\r\n\r\nLocation: x\r\n\r\n"
)
MOVED = b"RTSP/1.0 302 Moved\r\nCSeq: 3\r\nlocation:  rtsp://192.0.2.1/2 \r\n\r\n"


@given(st.lists(st.integers(1, 60), min_size=1, max_size=40))
@settings(max_examples=50, deadline=None)
def test_a_redirect_is_found_however_the_answers_are_cut(cuts: list[int]) -> None:
    assert len(DESCRIBE.partition(b"\r\n\r\n")[2]) == 42
    data, reading, found = OPTIONS + DESCRIBE + MOVED, Answers(), None
    while data and found is None:
        cut = cuts.pop(0) if cuts else len(data)
        found, data = reading.redirect(data[:cut]), data[cut:]
    assert found == "rtsp://192.0.2.1/2"


def test_answers_without_a_redirect_pass() -> None:
    reading = Answers()
    assert reading.redirect(OPTIONS + DESCRIBE) is None
    assert reading.redirect(b"RTSP/1.0 401 Unauthorized\r\n\r\n") is None
    assert reading.redirect(b"RTSP/1.0 302 Found\r\n\r\n") == ""


def test_a_head_without_an_end_is_given_up() -> None:
    reading = Answers()
    assert reading.redirect(b"a" * MAX_HEAD) is None
    with pytest.raises(OSError, match="no RTSP"):
        reading.redirect(b"a")


LEADS = b"302 Found\r\nLocation: rtsp://192.0.2.1/2\r\n\r\n"
TRICKS = {
    "line feeds alone": b"RTSP/1.0 302 Found\nLocation: rtsp://192.0.2.1/2\n\n",
    "returns in between": b"RTSP/1.0 302 Found\nLocation: rtsp://192.0.2.1/2\r\r\n\r\r\n",
    "another version": b"RTSP/2.0 " + LEADS,
    "no version": b"RTSP/ " + LEADS,
    "spaces and tabs": b" \tRTSP/1.0 \t" + LEADS,
    "a number with something behind it": b"RTSP/1.0 302x\r\nLocation: rtsp://192.0.2.1/2\r\n\r\n",
    "a number with something before it": b"RTSP/1.0 +302\r\nLocation: rtsp://192.0.2.1/2\r\n\r\n",
    "two lengths": b"RTSP/1.0 200 OK\r\nContent-Length: 999\r\nContent-Length: 0\r\n\r\nRTSP/1.0 " + LEADS,
    "a negative length": b"RTSP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n",
    "half a length": b"RTSP/1.0 200 OK\r\nContent-Length: 5x\r\n\r\n",
    "a length past the end of the line": b"RTSP/1.0 200 OK\r\nContent-Length:" + b" " * 5000 + b"9\r\n\r\n",
    "a packet in front": b"$\x00\x00\x04\r\n\r\nRTSP/1.0 " + LEADS,
    "a packet within": b"RTSP/1.0 302 Found\r\nLocation: rtsp://192.0.2.1/2\r\n$\x00\x00\x01X\r\n",
    "a zero byte": b"RTSP/1.0 200 OK\r\nContent-Length: 9\x00\r\n\r\n",
    "an empty line in front": b"\r\nRTSP/1.0 " + LEADS,
}


@pytest.mark.parametrize("name", TRICKS)
@pytest.mark.parametrize("cut", [1, 7, 10_000])
def test_what_ffmpeg_would_follow_does_not_pass(name: str, cut: int) -> None:
    reading, data = Answers(), TRICKS[name]
    try:
        found = [reading.redirect(data[at : at + cut]) for at in range(0, len(data), cut)]
    except OSError as error:
        assert str(error) == "it answers no RTSP"  # noqa: PT017 (or there is a redirect)
    else:
        assert found[-1] == "rtsp://192.0.2.1/2"


def test_packets_of_a_stream_pass_between_answers() -> None:
    reading = Answers()
    assert reading.redirect(OPTIONS + b"$\x01\x00\x05RTSP/" + DESCRIBE + b"$\x00") is None
    assert reading.redirect(b"\x00\x02\r\n" + MOVED) == "rtsp://192.0.2.1/2"


def test_bytes_go_through_both_ways_and_after_play_unread() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address, port = server.getsockname()
        with gate((address,), port, 5.0, None, "camera") as made, server.accept()[0] as far:
            host, _, at = made.place.partition(":")
            with socket.create_connection((host, int(at)), 5.0) as near:
                for asked, answered in ((b"OPTIONS rtsp", OPTIONS), (b"PLAY rtsp", MOVED), (b"\x24\x00", b"\x24\x01")):
                    near.sendall(asked)
                    assert far.recv(100) == asked
                    far.sendall(answered)
                    assert near.recv(1000) == answered
            assert far.recv(1) == b""  # the gate hangs up when FFmpeg does
    assert made.redirect is None
    for thread in threading.enumerate():
        if thread.name == "gate camera":
            thread.join(5.0)
            assert not thread.is_alive()


def test_a_redirect_ends_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address, port = server.getsockname()
        with gate(("127.0.0.255", address), port, 5.0, None, "camera") as made, server.accept()[0] as far:
            host, _, at = made.place.partition(":")
            with socket.create_connection((host, int(at)), 5.0) as near:
                near.sendall(b"DESCRIBE rtsp")
                far.recv(100)
                far.sendall(MOVED)
                assert near.recv(1000) == b""
    assert made.redirect == "rtsp://192.0.2.1/2"

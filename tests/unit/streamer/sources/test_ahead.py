"""streamer.sources.ahead: packets wait in a line with an end, and who is late finds the newest keyframe first."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from typing import cast

import av
import pytest

from streamer.sources import ahead
from streamer.sources.ahead import LATE, LATEST, MOST, MOST_BYTES, Arrived, Counts, Line, Packet, reading
from streamer.sources.thread import Stopped

NOW = time.monotonic()


def nothing() -> None:
    pass


def packet(number: int, *, key: bool = False, size: int = 10) -> Packet:
    made = cast(Packet, av.Packet(size))
    made.pts, made.is_keyframe = number, key
    return made


def filled(numbers: range, every: int, *, at: float, size: int = 10) -> tuple[Line, Counts]:
    """A line with these packets, all of which came at that time; each so-manyth is a keyframe."""
    counts = Counts()
    line = Line(counts)
    for number in numbers:
        line.put(packet(number, key=number % every == 0, size=size), at)
    return line, counts


def taken(line: Line) -> list[tuple[int | None, bool]]:
    line.end(None)
    return [(each.packet.pts, each.anew) for each in take_all(line, nothing)]


def take_all(line: Line, wanted: Callable[[], None]) -> list[Arrived]:
    return list(iter(lambda: line.take(wanted, nothing), None))


def test_who_is_in_time_gets_every_packet() -> None:
    line, counts = filled(range(40), 10, at=time.monotonic() + 60)
    assert taken(line) == [(number, False) for number in range(40)]
    assert counts.left_out == 0


def test_who_is_late_goes_on_at_the_newest_keyframe_and_the_rest_is_counted() -> None:
    line, counts = filled(range(45), 10, at=time.monotonic() - LATE - 1)
    assert taken(line) == [(40, True), (41, False), (42, False), (43, False), (44, False)]
    assert counts.left_out == 40


def test_where_there_is_no_newer_keyframe_nothing_is_left_out() -> None:
    line, counts = filled(range(30), 1000, at=time.monotonic() - LATE - 1)
    assert [number for number, _ in taken(line)] == list(range(30))
    assert counts.left_out == 0


@pytest.mark.parametrize("size", [10, MOST_BYTES // 50])
def test_the_line_has_an_end_and_then_waits_for_a_keyframe(size: int) -> None:
    count = MOST + 1 if size == 10 else 51
    line, counts = filled(range(1, count + 1), 10**6, at=time.monotonic() + 60, size=size)
    assert counts.left_out == count
    line.put(packet(9000), NOW)
    line.put(packet(9001, key=True), time.monotonic() + 60)
    line.put(packet(9002), time.monotonic() + 60)
    assert taken(line) == [(9001, True), (9002, False)]
    assert counts.left_out == count + 1


def test_a_full_line_with_a_keyframe_goes_on_there() -> None:
    line, counts = filled(range(MOST + 1), 1000, at=time.monotonic() + 60)
    assert taken(line)[0] == (1000, True)
    assert counts.left_out == 1000


def test_nothing_waits_for_ever_where_no_keyframe_comes() -> None:
    line, counts = filled(range(1, 30), 1000, at=time.monotonic())
    line.put(packet(30), time.monotonic() + LATEST + 1)
    assert counts.left_out == 30


def test_one_packet_larger_than_the_line_is_taken() -> None:
    line, _ = filled(range(1), 1, at=time.monotonic() + 60, size=MOST_BYTES + 1)
    assert taken(line) == [(0, False)]


def test_what_ends_reading_is_raised_behind_the_last_packet() -> None:
    def packets() -> Generator[Packet]:
        yield packet(0)
        raise OSError("gone")

    with reading(packets(), Counts(), "a") as line:
        first = line.take(nothing, nothing)
        assert first is not None
        assert first.packet.pts == 0
        with pytest.raises(OSError, match="gone"):
            line.take(nothing, nothing)


def test_leaving_ends_the_thread_and_closes_what_it_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "POLL", 0.01)
    closed = threading.Event()

    def packets() -> Generator[Packet]:
        try:
            while True:
                yield packet(0, key=True)
        finally:
            closed.set()

    def unwanted() -> None:
        raise Stopped

    with reading(packets(), Counts(), "b") as line, pytest.raises(Stopped):
        take_all(line, unwanted)
    assert closed.is_set()
    assert not [thread for thread in threading.enumerate() if thread.name == "packets b"]


def test_while_packets_are_left_out_the_thread_that_takes_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits for a keyframe, which is no reason to take it for one that hangs."""
    monkeypatch.setattr(ahead, "POLL", 0.001)
    line, _ = filled(range(1, MOST + 2), 10**6, at=time.monotonic() + 60)
    told: list[str] = []

    def wanted() -> None:
        told.append("wanted")
        if told.count("wanted") == 2:
            threading.Timer(0.0, lambda: line.put(packet(5000), NOW)).start()

    def starves() -> None:
        told.append("starves")
        line.put(packet(5001, key=True), time.monotonic() + 60)

    first = line.take(wanted, starves)
    assert first is not None
    assert first.packet.pts == 5001
    assert told[-1] == "starves"

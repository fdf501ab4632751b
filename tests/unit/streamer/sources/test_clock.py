"""streamer.sources.clock: times that leap away for one picture, and clocks that begin anew."""

from __future__ import annotations

import pytest

from streamer.sources.clock import LEAP, Clock

HOURS = 3 * 3600.0
FPS = 30


def live(times: list[float], arrivals: list[float] | None = None) -> list[tuple[int, bool]]:
    """Epoch of each picture, and whether its time is believed; they arrive evenly where nothing else is said."""
    clock = Clock()
    clock.connected()
    told = []
    for index, seconds in enumerate(times):
        believed = clock.believes_live(seconds, arrivals[index] if arrivals else 1000 + index / FPS)
        told.append((clock.epoch, believed))
    return told


def recorded(times: list[float]) -> list[tuple[int, bool]]:
    clock = Clock()
    clock.connected()
    told = []
    for seconds, following in zip(times, [*times[1:], None], strict=True):
        believed = clock.believes(seconds, following)
        told.append((clock.epoch, believed))
    return told


def steady(count: int, start: float = 50_000.0) -> list[float]:
    return [start + index / FPS for index in range(count)]


@pytest.mark.parametrize("away", [HOURS, -HOURS, 60.0, -60.0, 5.0, 1.0, -1.0, -50_000.0, 2**33 / 90_000])
@pytest.mark.parametrize("read", [live, recorded])
def test_single_times_that_leap_away_are_not_believed_and_change_nothing(read: object, away: float) -> None:
    assert callable(read)
    times = steady(300)
    for index in range(60, 300, 60):
        times[index] += away
    told = read(times)
    assert {epoch for epoch, _ in told} == {0}
    assert [index for index, (_, believed) in enumerate(told) if not believed] == list(range(60, 300, 60))


def test_a_live_clock_that_begins_anew_is_believed_from_its_second_picture_on() -> None:
    for start in (0.0, 49_000.0, 90_000.0):
        told = live([*steady(10), *steady(10, start)])
        assert told == [(0, True)] * 10 + [(0, False)] + [(1, True)] * 9


def test_of_a_recording_it_is_known_at_once_and_gaps_are_no_leaps() -> None:
    assert recorded([*steady(10), *steady(10, 0.0)]) == [(0, True)] * 10 + [(1, True)] * 10
    assert recorded([0.0, 60.0, 120.0, 3600.0, 9000.0]) == [(0, True)] * 5
    assert recorded([0.0, 3600.0]) == [(0, True)] * 2


def test_two_clocks_in_turns_are_one_clock_and_faults() -> None:
    one, other = steady(10), steady(10, 100.0)
    told = live([each for pair in zip(one, other, strict=True) for each in pair])
    assert told == [(0, True), (0, False)] * 10


def test_a_stream_that_stood_still_goes_on_without_a_leap() -> None:
    stall = [1000.0, 1000.03, 1060.0, 1060.01, 1060.02]
    assert live([0.0, 0.03, 0.07, 0.10, 0.13], stall) == [(0, True)] * 5  # all that was sent comes
    assert live([0.0, 0.03, 60.0, 60.03, 60.07], stall) == [(0, True)] * 5  # what was sent meanwhile is gone
    left_out = [(0, True), (0, True), (0, False), (0, True)]  # by a server: at first it may be a single one
    assert live([0.0, 0.03, LEAP, LEAP + 0.03]) == left_out
    assert live([1.0, 1.2, 1.1, 1.3]) == [(0, True)] * 4  # out of order


def test_what_comes_in_bursts_may_run_far_ahead_of_its_arrival() -> None:
    clock = Clock()
    clock.connected()
    assert all(clock.believes_live(5.0 * index, 1000.0, LEAP) for index in range(10))


def test_pictures_that_are_decoded_out_of_order_are_no_leap() -> None:
    """A picture that others build on comes before them, and is shown behind them."""
    assert live([0.0, 0.2, 0.4, 0.6, 0.8], [0.0, 0.4, 0.6, 0.2, 1.0]) == [(0, True)] * 5


def test_each_connection_is_an_epoch_with_a_clock_of_its_own() -> None:
    clock = Clock()
    for connection in range(3):
        clock.connected()
        assert clock.believes_live(1000.0 - connection * 100, 0.0)
        assert clock.epoch == connection

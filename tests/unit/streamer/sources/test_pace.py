"""When pictures are due."""

from __future__ import annotations

import pytest

from streamer.sources.pace import AHEAD, LATE, Pace


def waits(pace: Pace, pictures: list[tuple[float, float]]) -> list[float]:
    return [pace.wait(seconds, now) for seconds, now in pictures]


def test_a_burst_is_spread_over_the_time_it_shows() -> None:
    assert waits(Pace(), [(5.0, 100.0), (5.5, 100.0), (6.0, 100.5)]) == [0, 0.5, 0.5]


def test_a_little_faster_to_catch_up() -> None:
    assert waits(Pace(2.0), [(0.0, 0.0), (1.0, 0.0)]) == [0, 0.5]


def test_one_that_is_late_is_shown_at_once_and_the_next_in_time() -> None:
    assert waits(Pace(), [(0.0, 0.0), (1.0, 1.2), (2.0, 1.3)]) == [0, 0, pytest.approx(0.7)]


def test_after_a_stall_the_clock_is_set_anew_and_nothing_comes_in_a_burst() -> None:
    late = 1.0 + LATE + 1
    assert waits(Pace(), [(0.0, 0.0), (1.0, late), (2.0, late)]) == [0, 0, 1]


@pytest.mark.parametrize("jump", [-100.0, AHEAD + 5])
def test_a_jump_of_the_media_time_makes_nobody_wait(jump: float) -> None:
    assert waits(Pace(), [(1000.0, 0.0), (1000.0 + jump, 0.0), (1000.5 + jump, 0.0)]) == [0, 0, 0.5]


def test_a_day_of_drifting_clocks_never_waits_for_long_nor_falls_behind() -> None:
    """The sender's clock is one in a thousand slow, ours then fast, a picture a second."""
    for drift in (0.999, 1.001):
        pace = Pace(1.05)
        for second in range(86_400):
            assert pace.wait(second * drift, float(second)) <= 1.0

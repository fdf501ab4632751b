"""One clock for the frames of a stream."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from streamer.frame import Frame
from streamer.timeline import CLOCK, Timeline


def frame(pts: int | None, *, arrived: float = 0.0, epoch: int = 0, base: Fraction = Fraction(1, CLOCK)) -> Frame:
    return Frame(0, epoch, pts, base, None, arrived, np.zeros((2, 2, 3), np.uint8))


def test_times_are_the_streams_own() -> None:
    timeline = Timeline()
    own = [0, 3000, 6003, 900_000, 10**13]
    assert [timeline.tick(frame(each)) for each in own] == own
    timeline = Timeline()
    assert [timeline.tick(frame(each, base=Fraction(1, 25))) for each in (50, 51)] == [2 * CLOCK, 2 * CLOCK + 3600]


def test_a_stream_that_starts_anew_goes_on_by_its_arrival() -> None:
    timeline = Timeline()
    assert timeline.tick(frame(900_000, arrived=5.0)) == 900_000
    assert timeline.tick(frame(0, arrived=6.0, epoch=1)) == 990_000
    assert timeline.tick(frame(3000, arrived=6.01, epoch=1)) == 993_000
    assert timeline.tick(frame(100, arrived=7.01, epoch=1)) == 993_000 + CLOCK  # stepped back within an epoch
    assert timeline.tick(frame(3100, arrived=7.02, epoch=1)) == 996_000 + CLOCK


def test_frames_without_times_have_those_of_their_arrival_and_always_rise() -> None:
    timeline = Timeline()
    ticks = [timeline.tick(frame(None, arrived=each)) for each in (1.0, 1.5, 1.5, 1.2, 2.0)]
    assert ticks[:2] == [CLOCK, CLOCK * 3 // 2]
    assert ticks == sorted(set(ticks))


def test_a_time_that_is_missing_does_not_move_those_behind_it() -> None:
    timeline = Timeline()
    timeline.tick(frame(10**12, arrived=1.0))
    assert timeline.tick(frame(5 * 10**12, arrived=1.1, epoch=1)) == 10**12 + 9000
    assert timeline.tick(frame(None, arrived=1.2, epoch=1)) == 10**12 + 18_000
    assert timeline.tick(frame(5 * 10**12 + 27_000, arrived=1.3, epoch=1)) == 10**12 + 36_000

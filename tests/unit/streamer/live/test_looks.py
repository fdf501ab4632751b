"""When frames were looked at."""

from __future__ import annotations

import time

import pytest

from streamer.live.looks import STALE, Looks
from tests.support.results import frame
from tracker import Snapshot, Stage


def test_the_rate_is_that_of_the_newest_and_goes_to_nought() -> None:
    looks, now = Looks(), time.monotonic()
    assert looks.rate == 0
    for tenth in range(100):
        looks.done(now + tenth / 10 - 9.9)
    assert looks.rate == pytest.approx(10)
    looks.done(now - STALE - 1)
    assert looks.rate == 0


def test_the_look_behind_a_snapshot_is_as_old_as_its_frame() -> None:
    looks, now = Looks(), time.monotonic()
    assert looks.behind(None) is None
    assert looks.age is None
    for index in range(20):
        looked = frame(index)
        looked.arrived = now - 20 + index
        looks.began(looked)
    assert looks.age == pytest.approx(1.0, abs=0.5)
    behind = looks.behind(Snapshot(18, 0, Stage.KEYFRAME, "prompts"))
    assert behind is not None
    assert (behind.index, behind.stage, behind.reason) == (18, Stage.KEYFRAME, "prompts")
    assert behind.age == pytest.approx(2.0, abs=0.5)
    forgotten = looks.behind(Snapshot(0, 0, Stage.KEYFRAME, "prompts"))  # at least as old as the oldest that is known
    assert forgotten is not None
    assert forgotten.age == pytest.approx(8.0, abs=0.5)


def test_what_a_look_takes_is_the_mean_of_the_newest() -> None:
    looks, now = Looks(), time.monotonic()
    assert looks.seconds == 0
    looks.done(now, 9.0)
    for _ in range(31):
        looks.done(now, 0.2)
    assert looks.seconds == pytest.approx(0.2)

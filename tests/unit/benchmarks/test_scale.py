"""What is reckoned of large clusters follows from what is measured."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from benchmarks.scale import NOTICED, OPENING, Costs, measured, p95, row, storm, year

COSTS = Costs(beat=0.0, write=0.005, call=0.001)


def test_what_is_needed_grows_with_the_cameras() -> None:
    small, large = row(1_600, COSTS), row(16_000, COSTS)
    assert (small[1], large[1]) == ("100", "1,000")
    assert (small[5], large[5]) == ("20%", "200%")


def test_streams_that_are_lost_at_once_stand_in_one_line() -> None:
    away = storm(1000, COSTS, random.Random(1))
    assert min(away) > NOTICED[0] + OPENING[0]
    assert 5.0 < p95(away) < 5.0 + NOTICED[1] + OPENING[1] + 1.0
    assert p95(storm(10, COSTS, random.Random(1))) < 5.0


def test_a_year_has_failures_and_few_streams_are_away() -> None:
    failures, share, away = year(100_000, COSTS, random.Random(1))
    assert failures == pytest.approx(782 * 365 / 60, rel=0.1)
    assert 0 < share < 1e-5
    assert away < 6.0


def test_a_roster_is_measured(tmp_path: Path) -> None:
    costs = measured(tmp_path, rounds=5)
    assert 0 < costs.beat < costs.write

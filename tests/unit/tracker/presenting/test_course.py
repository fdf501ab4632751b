"""Where an object goes next."""

from __future__ import annotations

import numpy as np
import pytest

from tracker.presenting.course import LENGTH, Course
from tracker.presenting.params import DEFAULTS


def course(*ways: tuple[float, float]) -> Course:
    made = Course()
    for way in ways:
        made.add(np.array(way))
    return made


def test_even_motion_goes_on() -> None:
    assert course(*[(3.0, -1.0)] * 8).goes_on == pytest.approx(1.0)


def test_of_shake_half_goes_back() -> None:
    """Places around one point, each independent: the differences of white noise correlate by a half, and back."""
    places = np.random.default_rng(0).normal(0, 5, (200, 2))
    factors = []
    made = Course()
    for way in np.diff(places, axis=0):
        made.add(way)
        factors.append(made.goes_on)
    assert np.mean(factors[12:]) == pytest.approx(-0.4, abs=0.12)
    assert min(factors) >= DEFAULTS.most_turned


def test_what_is_known_too_little_goes_on() -> None:
    assert course().goes_on == course((5.0, 0.0), (-5.0, 0.0)).goes_on == 1.0
    assert course().last.tolist() == [0, 0]


def test_motion_that_hardly_is_one_is_not_judged_by_its_noise() -> None:
    assert course(*[(0.05 * sign, 0.0) for sign in (1, -1, 1, -1, 1, -1)]).goes_on > 0.9


def test_only_the_newest_motion_is_kept() -> None:
    made = course(*[(4.0 * sign, 0.0) for sign in (1, -1) * LENGTH], *[(4.0, 0.0)] * (LENGTH))
    assert made.goes_on == pytest.approx(1.0)
    assert made.last.tolist() == [4.0, 0.0]

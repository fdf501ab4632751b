"""A looked-at frame followed to the present one."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.moving import HEIGHT, WIDTH, picture
from tracker.presenting.motion import small
from tracker.presenting.steps import Stepper
from tracker.presenting.trail import Trail

INSIDE = np.mgrid[112:150:6, 92:130:6].reshape(2, -1).astype(np.float32)  # of a square at (100, 80)


def followed(frames: int) -> Trail:
    stepper, greys = Stepper(), [small(picture((100 + 4 * index, 80))) for index in range(frames + 1)]
    trail = Trail(0, greys[0])
    for index in range(frames):
        trail.step(stepper.step(greys[index], greys[index + 1], index, index + 1))
    return trail


def test_a_new_trail_goes_nowhere() -> None:
    places, trusted = followed(0).followed(INSIDE)
    assert np.abs(places - INSIDE).max() < 1e-3
    assert trusted.min() == 1


def test_places_are_followed_over_many_frames() -> None:
    trail = followed(10)
    places, trusted = trail.followed(INSIDE)
    assert np.median(places[0] - INSIDE[0]) == pytest.approx(40, abs=3)
    assert trusted.mean() > 0.8
    assert (trail.index, trail.now, trail.motion.before, trail.motion.now) == (0, 10, 0, 10)


def test_what_is_run_over_is_not_trusted() -> None:
    _, trusted = followed(10).followed(np.mgrid[166:186:4, 92:130:6].reshape(2, -1).astype(np.float32))
    assert trusted.mean() < 0.4


def test_the_way_back_is_the_way_forth() -> None:
    motion = followed(10).motion
    rows, columns = motion.places.shape[:2]
    x, y = motion.places[rows * 110 // HEIGHT, columns * 170 // WIDTH] * (WIDTH, HEIGHT)
    assert (x, y) == pytest.approx((130, 110), abs=4)


def test_places_stay_when_the_picture_changes_its_size() -> None:
    trail = followed(10)
    before, _ = trail.followed(INSIDE)
    trail.resize(np.zeros((120, 320), np.uint8))
    after, _ = trail.followed(INSIDE)
    assert np.allclose(after[0], before[0], atol=1e-2)
    assert np.allclose(after[1] + 0.5, (before[1] + 0.5) / 2, atol=1e-2)

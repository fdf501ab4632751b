"""Motion from each frame to the next."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.moving import HEIGHT, WIDTH, picture
from tracker.presenting.motion import small
from tracker.presenting.steps import CELLS, Stepper, cells


def test_a_square_goes_forth_and_is_trusted_in_its_middle() -> None:
    step = Stepper().step(small(picture((100, 80))), small(picture((106, 77))), 4, 5)
    way, trusted = step.way(np.array([[130, 20], [110, 20]], np.float32))
    assert np.allclose(way, [[6, 0], [-3, 0]], atol=0.5)
    assert trusted.tolist() == [1, 1]
    assert (step.before, step.now, step.motion.before, step.motion.now) == (4, 5, 4, 5)


def test_the_motion_for_others_goes_back() -> None:
    motion = Stepper().step(small(picture((100, 80))), small(picture((106, 77))), 4, 5).motion
    rows, columns = motion.places.shape[:2]
    x, y = motion.places[rows * 107 // HEIGHT, columns * 136 // WIDTH] * (WIDTH, HEIGHT)
    assert (x, y) == pytest.approx((130, 110), abs=3)
    assert motion.trusted.shape == (rows, columns) == cells(HEIGHT, WIDTH)
    assert motion.trusted.mean() > 0.8


def test_what_is_covered_is_not_trusted() -> None:
    step = Stepper().step(small(picture()), small(picture((100, 80))), 0, 1)
    _, trusted = step.way(np.mgrid[110:150:8, 90:130:8].reshape(2, -1).astype(np.float32))
    assert trusted.mean() < 0.5
    _, trusted = step.way(np.mgrid[210:290:8, 30:130:8].reshape(2, -1).astype(np.float32))
    assert trusted.mean() == 1


def test_fast_motion_that_goes_on_is_found() -> None:
    """Three quarters of the square's side a frame, after it was slower."""
    stepper, at = Stepper(), 10
    for index, way in enumerate((10, 20, 32, 45)):
        step = stepper.step(small(picture((at, 80))), small(picture((at + way, 80))), index, index + 1)
        at += way
    found, _ = step.way(np.mgrid[at - 45 + 15 : at - 45 + 45 : 5, 95:125:5].reshape(2, -1).astype(np.float32))
    assert np.median(found[0]) == pytest.approx(45, abs=4)


def test_maps_have_the_shape_of_the_picture() -> None:
    assert cells(240, 320) == (96, CELLS)
    assert cells(640, 320) == (CELLS, 64)
    assert cells(1, 4000) == (1, CELLS)


def test_a_picture_of_another_size_begins_anew() -> None:
    stepper = Stepper()
    stepper.step(small(picture((100, 80))), small(picture((106, 77))), 0, 1)
    step = stepper.step(np.zeros((180, 320), np.uint8), np.zeros((180, 320), np.uint8), 1, 2)
    assert np.abs(step.forth).max() < 1

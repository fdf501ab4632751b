"""Outlines of many proportions are still of their shape."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from tracker.model.vocabulary import SHAPES
from tracker.worlds.outlines import rounded, turned, varied


@pytest.mark.parametrize("shape", SHAPES)
def test_an_outline_is_about_a_unit_in_radius_and_never_twice_the_same(shape: str) -> None:
    drawn = [varied(np.random.default_rng(seed), shape) for seed in range(60)]
    for outer, *holes in drawn:
        assert np.isfinite(outer).all() and outer.shape[1] == 2 and len(outer) >= 3
        assert 0.7 <= np.linalg.norm(outer, axis=1).max() <= 1.6
        area = cv2.contourArea(outer.astype(np.float32))
        assert area > 0.35 and (len(holes) == 1) == (shape == "ring")
        assert all(cv2.contourArea(hole.astype(np.float32)) < 0.7 * area for hole in holes)
    assert (
        shape == "circle"
        or len({outer.tobytes() + b"".join(map(np.ndarray.tobytes, holes)) for outer, *holes in drawn}) > 40
    )


def test_a_crescent_opens_to_either_side_and_is_hollow() -> None:
    middles = []
    for seed in range(60):
        (outer,) = varied(np.random.default_rng(seed), "crescent")
        hull = cv2.contourArea(cv2.convexHull(outer.astype(np.float32)))
        assert 0.25 < cv2.contourArea(outer.astype(np.float32)) / hull < 0.95
        middles.append(outer[:, 0].mean() > 0)
    assert 15 < sum(middles) < 45


def test_a_star_is_hollow_between_its_tips_and_a_square_is_not() -> None:
    def full(shape: str, seed: int) -> float:
        outer = varied(np.random.default_rng(seed), shape)[0].astype(np.float32)
        return cv2.contourArea(outer) / cv2.contourArea(cv2.convexHull(outer))

    assert max(full("star", seed) for seed in range(40)) < 0.8
    assert min(full("square", seed) for seed in range(40)) > 0.98


def test_round_corners_take_away_and_stay_inside() -> None:
    square = np.array([(-1.0, -1), (1, -1), (1, 1), (-1, 1)])
    assert rounded(square, 0) is square
    soft = rounded(square, 0.3, 8)
    assert np.abs(soft).max() <= 1
    assert 3.0 < cv2.contourArea(soft.astype(np.float32)) < 4.0


def test_a_square_never_stands_on_a_corner_and_a_star_may_stand_on_its_head() -> None:
    rng = np.random.default_rng(2)
    squares = np.array([turned(rng, "square") for _ in range(300)])
    assert np.abs((squares + math.pi / 4) % (math.pi / 2) - math.pi / 4).max() <= 0.6
    assert max(abs(turned(rng, "star")) for _ in range(100)) > 2

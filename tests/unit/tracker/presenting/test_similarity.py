"""Similarities of many objects at once."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tracker.presenting.similarity import Groups, Poses, about, after, applied, fitted, inverse, size, still


def pose(grown: float, angle: float, x: float, y: float) -> Poses:
    cos, sin = grown * math.cos(angle), grown * math.sin(angle)
    return np.array([[[cos, -sin, x], [sin, cos, y]]])


TWO = np.concatenate([pose(1.2, 0.3, 4, -7), pose(0.9, -0.1, -20, 3)])
GROUPS = Groups([40, 25])
PLACES = np.random.default_rng(0).uniform(100, 160, (2, 65)).astype(np.float32)


def test_two_objects_are_fitted_each_on_its_own() -> None:
    now = applied(TWO, PLACES, GROUPS)
    found = fitted(PLACES, now, np.ones(65, np.float32), GROUPS)
    assert np.abs(applied(found, PLACES, GROUPS) - now).max() < 0.05
    assert np.allclose(size(found), (1.2, 0.9), atol=0.01)


def test_places_that_go_elsewhere_count_little() -> None:
    now = applied(TWO, PLACES, GROUPS)
    now[:, :12] += 15  # a third of the first object's
    found = fitted(PLACES, now, np.ones(65, np.float32), GROUPS)
    assert np.abs(applied(found, PLACES, GROUPS)[:, 12:] - now[:, 12:]).max() < 0.5


def test_one_place_can_only_move() -> None:
    found = fitted(PLACES[:, :1], PLACES[:, :1] + 3, np.ones(1, np.float32), Groups([1]))
    assert np.allclose(found, pose(1, 0, 3, 3), atol=1e-4)


def test_there_and_back_is_still() -> None:
    assert np.allclose(after(inverse(TWO), TWO), still(2))
    assert np.allclose(after(TWO, still(2)), TWO)


@pytest.mark.parametrize(("share", "way", "grown"), [(0.0, 0.0, 1.0), (0.5, 5.0, 1.1), (1.0, 10.0, 1.2)])
def test_a_share_of_a_motion_is_a_share_of_its_way_and_growth(share: float, way: float, grown: float) -> None:
    centre = np.array([[50.0, 60.0]])
    move = about(pose(1.2, 0, 0, 0), centre, np.ones(1))
    move[:, :, 2] += (10 - (move[0, 0, :2] @ centre[0] + move[0, 0, 2] - 50), 0)
    some = about(move, centre, np.array([share]))
    assert some[0, 0, :2] @ centre[0] + some[0, 0, 2] - 50 == pytest.approx(way)
    assert float(size(some)[0]) == pytest.approx(grown)


def test_means_are_weighted_and_of_each_object() -> None:
    groups = Groups([2, 3])
    values, weights = np.arange(5, dtype=np.float32), np.array([1, 3, 0, 0, 0], np.float32)
    assert groups.mean(values, weights).tolist() == [0.75, 0.0]
    assert groups.spread(np.array([7.0, 8.0])).tolist() == [7, 7, 8, 8, 8]
    assert groups.sum(np.stack([values, values])).tolist() == [[1, 9], [1, 9]]

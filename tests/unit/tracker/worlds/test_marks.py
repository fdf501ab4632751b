"""Marks change a part of a ground, and are of no shape that has a name."""

from __future__ import annotations

import cv2
import numpy as np

from tracker.worlds.marks import _KINDS, _corners, mark


def test_each_kind_of_mark_is_seen_and_leaves_most_of_the_ground() -> None:
    for kind in _KINDS:
        changed = []
        for seed in range(12):
            picture = np.full((120, 160, 3), 128, np.uint8)
            kind(np.random.default_rng(seed), picture)
            changed.append(float((picture != 128).any(-1).mean()))
        assert 0 < np.median(changed) < 0.4, kind


def test_its_random_numbers_decide_a_mark() -> None:
    pictures = [np.full((60, 80, 3), 90, np.uint8) for _ in range(3)]
    for seed, picture in zip((1, 1, 2), pictures, strict=True):
        mark(np.random.default_rng(seed), picture)
    assert np.array_equal(pictures[0], pictures[1]) and not np.array_equal(pictures[0], pictures[2])


def test_a_polygon_that_is_nothing_is_no_triangle_and_no_square() -> None:
    picture = np.zeros((240, 320, 3), np.uint8)
    for seed in range(60):
        corners = _corners(np.random.default_rng(seed), picture).astype(np.float32)
        assert len(corners) >= 5 and cv2.contourArea(corners) > 0

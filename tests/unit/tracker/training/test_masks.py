"""Masks and boxes as the losses want them."""

from __future__ import annotations

import numpy as np
import pytest

from tracker.training.masks import MASK_SIDE, box_of, shaken, shrink


def test_a_mask_becomes_the_share_of_each_cell_that_it_covers() -> None:
    mask = np.zeros((MASK_SIDE * 2, MASK_SIDE * 4), bool)
    mask[0, :4] = True
    small = shrink(mask)
    assert small.shape == (MASK_SIDE, MASK_SIDE)
    assert small[0, 0] == pytest.approx(0.5, abs=0.01)
    assert small.sum() == pytest.approx(0.5, abs=0.01)


def test_a_box_is_around_its_mask_relative_to_the_picture() -> None:
    mask = np.zeros((100, 200), bool)
    mask[20:60, 40:60] = True
    assert box_of(mask) == pytest.approx((0.25, 0.4, 0.1, 0.4))


def test_a_shaken_box_is_off_by_no_more_than_its_share() -> None:
    box = (0.5, 0.5, 0.2, 0.4)
    drawn = np.array([shaken(np.random.default_rng(seed), box, 0.1) for seed in range(50)])
    assert (np.abs(drawn - box) <= np.array([0.02, 0.04, 0.02, 0.04]) + 1e-9).all()
    assert len(np.unique(drawn)) == drawn.size

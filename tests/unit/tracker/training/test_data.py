"""Batches: pictures of worlds, what is asked of them, and what is right."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tracker.model.configs import NANO
from tracker.training.data import BARE, Batch, WorldBatches, draw_still, make_batch
from tracker.training.losses import corners
from tracker.training.masks import MASK_SIDE


@pytest.fixture(scope="module")
def batch() -> Batch:
    return make_batch(np.random.default_rng(3), pictures=2, prompts=3, clicks=3)


def test_a_batch_agrees_with_itself(batch: Batch) -> None:
    assert batch.images.shape == (2, 3, NANO.image_size, NANO.image_size)
    assert len(batch.texts) == len(batch.image_of_prompt) == len(batch.target_counts) == 6
    assert batch.target_counts.sum() == len(batch.target_boxes) == len(batch.target_masks)
    assert batch.target_masks.shape[1:] == (MASK_SIDE, MASK_SIDE)
    assert batch.points.shape == (6, 4, 2) and batch.point_labels.shape == (6, 4)
    assert torch.equal(batch.click_exists, batch.click_masks.flatten(1).sum(1) > 0)


def test_target_boxes_are_around_their_masks(batch: Batch) -> None:
    for box, mask in zip(corners(batch.target_boxes), batch.target_masks, strict=True):
        rows, columns = np.nonzero(mask.numpy() > 0)
        found = torch.tensor([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) / MASK_SIDE
        assert (found - box).abs().max() <= 1.5 / MASK_SIDE


def test_its_random_numbers_decide_a_batch() -> None:
    one, again, other = (make_batch(np.random.default_rng(seed), 1, 2, 2) for seed in (6, 6, 7))
    assert one.texts == again.texts
    assert torch.equal(one.images, again.images) and torch.equal(one.points, again.points)
    assert not torch.equal(one.images, other.images)


def test_batches_never_end_and_never_repeat() -> None:
    batches = iter(WorldBatches((1, 2), pictures=1, prompts=1, clicks=1, supply=BARE))
    assert not torch.equal(next(batches).images, next(batches).images)


def test_a_still_is_drawn_at_one_of_the_sizes_that_cameras_have() -> None:
    shapes = {draw_still(np.random.default_rng(seed), seed)[0].shape for seed in range(30)}
    assert len(shapes) >= 4
    assert all(height >= 224 and width >= 224 and channels == 3 for height, width, channels in shapes)

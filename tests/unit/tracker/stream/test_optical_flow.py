"""Masks moved along with the picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tracker.model.postprocess import to_masks
from tracker.presenting.motion import grid
from tracker.stream.optical_flow import Flow, moved
from tracker.training.masks import shrink
from tracker.worlds.worlds import Video

SIDE = 56


def scene(x: int, y: int) -> np.ndarray:
    """A textured square on a textured ground, its corner at (x, y)."""
    rng = np.random.default_rng(0)
    picture = np.repeat(np.repeat(rng.integers(60, 120, (24, 32, 3), np.uint8), 10, 0), 10, 1)
    picture[y : y + 80, x : x + 80] = np.repeat(np.repeat(rng.integers(120, 255, (16, 16, 3), np.uint8), 5, 0), 5, 1)
    return picture


def mask(x: int, y: int) -> torch.Tensor:
    dense = np.zeros((240, 320), bool)
    dense[y : y + 80, x : x + 80] = True
    return torch.from_numpy(shrink(dense) * 20 - 10)[None]


def iou(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(((a > 0) & (b > 0)).sum() / ((a > 0) | (b > 0)).sum())


def test_a_mask_goes_where_its_object_goes() -> None:
    flow = Flow()
    flow.look(scene(100, 80))
    flow.look(scene(112, 74))
    moved = flow.warp(mask(100, 80), -10.0)
    assert iou(moved, mask(112, 74)) > 0.9 > iou(mask(100, 80), mask(112, 74))


def test_a_small_mask_that_is_moved_by_parts_of_a_cell_again_and_again_keeps_its_size() -> None:
    logits = torch.full((1, SIDE, SIDE), -10.0)
    logits[:, 20:26, 10:15] = 10.0
    places, size = grid(60, 80), int((logits > 0).sum())
    for step in range(50):
        way = (0.4 if step % 2 else -0.3) / SIDE
        logits = moved(logits, np.asarray(places + np.float32(way), np.float32), -10.0)
    assert 0.8 * size < int((logits > 0).sum()) < 1.2 * size
    assert logits.abs().max() <= 10


def test_nothing_moves_where_there_is_nothing_to_compare() -> None:
    flow, logits = Flow(), mask(100, 80)
    assert torch.equal(flow.warp(logits, -10.0), logits)
    flow.look(scene(100, 80))
    assert not flow.known
    flow.look(scene(112, 74)[:120])  # another size: a stream's may change
    assert not flow.known
    assert torch.equal(flow.warp(logits, -10.0), logits)
    flow.clear()
    flow.look(scene(112, 74))
    assert not flow.known


def test_what_comes_in_from_outside_is_no_object() -> None:
    flow = Flow()
    flow.look(scene(0, 80))
    flow.look(scene(14, 80))
    moved = flow.warp(mask(0, 80), -10.0)
    assert float(moved[0, :, 0].max()) < 5  # nothing is known of what was left of the picture


def test_over_a_few_frames_of_moving_worlds_it_beats_standing_still() -> None:
    moved: list[float] = []
    still: list[float] = []
    for seed in range(6):
        frames = [frame for frame, _ in zip(Video(seed, 320, 240, objects=(3, 3)), range(4), strict=False)]
        things = {thing.id: thing for thing in frames[-1].objects if thing.countable}
        first = [thing for thing in frames[0].objects if thing.id in things and thing.countable]
        if not first:
            continue
        start = logits = torch.from_numpy(np.stack([shrink(thing.mask) for thing in first])) * 20 - 10
        flow = Flow()
        for frame in frames:
            flow.look(frame.image)
            logits = flow.warp(logits, -10.0)
        for found, scores in ((logits, moved), (start, still)):
            for thing, (each, _) in zip(first, to_masks(found, 240, 320), strict=True):
                dense, truth = each.dense(), things[thing.id].mask
                scores.append((dense & truth).sum() / (dense | truth).sum())
    assert np.mean(moved) > np.mean(still) + 0.08


@pytest.mark.parametrize(("height", "width"), [(100, 1280), (20, 1280), (1280, 20), (1, 1), (64, 1280)])
def test_pictures_of_any_shape_are_followed(height: int, width: int) -> None:
    """OpenCV's flow crashed the process on pictures that are much wider than high."""
    flow, rng = Flow(), np.random.default_rng(0)
    for _ in range(2):
        flow.look(rng.integers(0, 255, (height, width, 3), np.uint8))
    assert flow.warp(torch.full((1, SIDE, SIDE), 10.0), -32).isfinite().all()

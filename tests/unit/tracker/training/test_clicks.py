"""Interactive prompts: where points lie, and what is right about nothing."""

from __future__ import annotations

import numpy as np

from tracker.model.guides import ellipse, regions
from tracker.training.clicks import POINTS, inside, interactive, on_nothing, yesterday
from tracker.training.data import make_batch
from tracker.training.masks import MASK_SIDE, box_of, shrink
from tracker.worlds.objects import WorldObject


def square(left: int, top: int, side: int) -> np.ndarray:
    mask = np.zeros((120, 160), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def test_positive_points_lie_on_the_object() -> None:
    many = make_batch(np.random.default_rng(4), pictures=12, prompts=1, clicks=6)
    on, asked = 0, 0
    for points, labels, mask in zip(many.points, many.point_labels, many.click_masks, strict=True):
        for (x, y), label in zip(points.tolist(), labels.tolist(), strict=True):
            if label == 1 and mask.any():
                asked += 1
                on += bool(mask[int(y * MASK_SIDE), int(x * MASK_SIDE)] > 0)
    assert asked > 10 and on == asked


def test_a_point_inside_is_on_the_mask_and_mostly_away_from_its_border() -> None:
    mask = square(40, 30, 40)
    points = [inside(np.random.default_rng(seed), mask) * (160, 120) for seed in range(60)]
    assert all(mask[int(y), int(x)] for x, y in points)
    deep = [min(x - 40, 80 - x, y - 30, 70 - y) >= 9 for x, y in points]
    assert sum(deep) > 30


def test_what_was_there_a_moment_ago_is_near_what_is_there_now() -> None:
    mask = square(60, 40, 40)
    for seed in range(20):
        logits, (cx, cy, w, h) = yesterday(np.random.default_rng(seed), mask)
        before, now = logits > 0, shrink(mask) > 0.5
        assert (before & now).sum() > 0.2 * now.sum()
        x, y, width, height = box_of(mask)
        assert (w, h) == (width, height) and abs(cx - x) <= 0.3 * w and abs(cy - y) <= 0.3 * h


def test_on_nothing_nothing_is_right() -> None:
    there = WorldObject(0, "red", "square", square(0, 0, 40), 1.0)
    for seed in range(20):
        points, labels, previous, given, truth = on_nothing(np.random.default_rng(seed), [there])
        assert points.shape == (POINTS, 2) and labels.tolist()[:2] == [2, 3]
        assert given and not truth.any()
        assert (previous > 0).any() and not (previous > 5)[shrink(there.mask) > 0].any()


def test_where_there_is_no_room_for_nothing_a_point_asks_for_what_is_there() -> None:
    everywhere = WorldObject(0, "red", "square", np.ones((120, 160), bool), 1.0)
    _, labels, _, given, truth = on_nothing(np.random.default_rng(0), [everywhere])
    assert labels.tolist() == [1, -1, -1, -1] and not given
    assert truth.shape == (MASK_SIDE, MASK_SIDE) and truth.all()


def test_boxes_and_points_are_guided_as_the_model_guides_them() -> None:
    thing = WorldObject(0, "red", "square", square(40, 30, 40), 1.0)
    small = np.full((MASK_SIDE, MASK_SIDE, 3), 90, np.uint8)
    small[24:56, 24:48] = (200, 40, 40)
    boxes = clicks = 0
    for seed in range(60):
        points, labels, previous, given, truth = interactive(
            np.random.default_rng(seed), small, [thing], [thing], nothing=False
        )
        if labels.tolist()[:2] == [2, 3]:
            (x0, y0), (x1, y1) = points[:2].tolist()
            drawn = ellipse(((x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0), MASK_SIDE)
            boxes += bool(np.allclose(previous, drawn, atol=1e-3))
        elif labels.tolist() == [1, -1, -1, -1]:
            found = regions(small, np.asarray(points[:1], np.float64), np.zeros((0, 2)))
            clicks += any(np.array_equal(previous, each) for each in found)
        assert given and truth.any()
    assert boxes > 10 and clicks > 5


def test_one_click_alone_is_more_often_on_the_whole_than_on_its_part() -> None:
    whole, part = (WorldObject(number, "", "", square(40, 20, side), 1.0) for number, side in enumerate((90, 10)))
    small = np.zeros((MASK_SIDE, MASK_SIDE, 3), np.uint8)
    rng, wholes = np.random.default_rng(3), 0
    for _ in range(60):
        points, labels, _, given, truth = interactive(rng, small, [whole, part], [whole, part], nothing=False, alone=1)
        assert labels.tolist() == [1, -1, -1, -1] and given
        x, y = points[0]
        assert truth[int(y * MASK_SIDE), int(x * MASK_SIDE)] > 0
        wholes += int(truth.sum() == shrink(whole.mask).sum())
    assert 45 <= wholes < 60  # by their sides nine of ten

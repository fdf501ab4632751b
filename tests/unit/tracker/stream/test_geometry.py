"""Places and masks of one frame."""

from __future__ import annotations

import pytest
import torch

from tests.support.objects import SIDE, square
from tracker import Box, Point
from tracker.stream.geometry import (
    bounds,
    each_bounds,
    lies_on,
    middle,
    overlaps,
    pixels,
    points,
    shares,
    shifted,
    size,
    spots,
)


def test_two_masks_overlap_by_their_common_share() -> None:
    some = torch.stack([square(10, 10, 10), square(0, 0, 0)])
    others = torch.stack([square(15, 10, 10), square(0, 0, 0)])
    assert overlaps(some, others).tolist() == pytest.approx([50 / 150, 0])


def test_shifting_moves_masks_and_brings_background_in() -> None:
    logits = torch.stack([square(10, 20, 12), square(50, 20, 14)])
    moved = shifted(logits, [(4 / SIDE, -2 / SIDE), (0.0, 0.0)]) > 0
    assert torch.equal(moved[0], square(14, 18, 12) > 0)
    assert torch.equal(moved[1], logits[1] > 0)
    out = shifted(logits, [(0.0, 0.0), (10 / SIDE, 0.0)])
    assert bounds(out[1]) == (60 / SIDE, 20 / SIDE, 1.0, 34 / SIDE)
    assert shifted(logits, [(0.001, 0.0), (0.0, 0.0)]) is logits


def test_shares_and_pixels_are_inverse_inside_the_picture() -> None:
    box = Box(12, 30, 200, 400)
    assert pixels(shares(box, 480, 640), 480, 640) == box
    assert pixels((-0.5, 0.5, 1.5, 2.0), 100, 200) == Box(0, 50, 200, 100)
    assert bounds(square(3, 4, 0)) == (0, 0, 0, 0)


def test_boxes_of_many_masks_are_the_boxes_of_each() -> None:
    logits = torch.randn(6, 24, 24, generator=torch.Generator().manual_seed(0)) - 2.2
    logits[2], logits[3] = -1, 1
    expected = []
    for each in logits > 0:
        rows, columns = each.any(1).nonzero()[:, 0].tolist(), each.any(0).nonzero()[:, 0].tolist()
        box = (columns[0] / 24, rows[0] / 24, (columns[-1] + 1) / 24, (rows[-1] + 1) / 24) if rows else (0.0,) * 4
        expected.append(box)
    assert each_bounds(logits) == expected
    assert expected[2:4] == [(0.0,) * 4, (0.0, 0.0, 1.0, 1.0)]


def test_a_mask_lies_on_another_if_most_of_the_smaller_one_does() -> None:
    others = torch.stack([square(40, 40, 4), square(10, 10, 20)])
    assert lies_on(square(12, 12, 5), others, 0.7)
    assert lies_on(square(5, 5, 40), others, 0.7)  # the other way round
    assert not lies_on(square(20, 20, 20), others, 0.7)
    assert not lies_on(square(0, 0, 0), others, 0.7)


def test_a_box_has_a_middle_and_a_size() -> None:
    box = (0.25, 0.5, 0.75, 1.0)
    assert (middle(box, 0), middle(box, 1), size(box)) == (0.5, 0.75, 0.5)
    assert size((0.5, 0.5, 0.25, 0.75)) == 0


def test_spots_are_shares_of_the_picture_and_back() -> None:
    made = [Point(32, 48), Point(64, 96, False)]
    assert points(spots(made, 96, 64), 192, 128) == (Point(64, 96), Point(128, 192, False))

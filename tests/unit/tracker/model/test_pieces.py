"""One click, one thing: what a mask keeps of what its points are on."""

from __future__ import annotations

import torch

from tracker import Box, Point, SegmentPrompt
from tracker.model.pieces import held

SIZE = (80, 160)  # height and width of the picture; a cell of the 16-cell mask is 5 by 10 pixels


def cups() -> torch.Tensor:
    """Three cups, the second and the third of which touch: (1, 1, 16, 16)."""
    logits = torch.full((1, 1, 16, 16), -2.0)
    for columns in (slice(1, 4), slice(6, 9), slice(9, 12)):
        logits[..., 4:10, columns] = 3.0
    return logits


def columns(logits: torch.Tensor) -> set[int]:
    return set((logits[0, 0] > 0).any(0).nonzero().flatten().tolist())


def at(column: int, *, positive: bool = True) -> Point:
    return Point(column * 10 + 5, 35, positive)


def test_one_click_keeps_the_part_under_it() -> None:
    kept = held(cups(), SIZE, [SegmentPrompt(points=(at(2),))])
    assert columns(kept) == {1, 2, 3}
    assert kept.abs().equal(cups().abs())  # what went is the negative of what it was


def test_two_clicks_keep_both_parts() -> None:
    assert columns(held(cups(), SIZE, [SegmentPrompt(points=(at(2), at(7)))])) == {1, 2, 3, *range(6, 12)}


def test_a_click_beside_every_part_changes_nothing() -> None:
    assert held(cups(), SIZE, [SegmentPrompt(points=(at(14),))]).equal(cups())


def test_a_negative_click_takes_away_what_it_is_on_though_they_touch() -> None:
    assert columns(held(cups(), SIZE, [SegmentPrompt(points=(at(7), at(10, positive=False)))])) == {6, 7, 8}


def test_a_negative_click_in_a_box_takes_its_part_away() -> None:
    asked = SegmentPrompt(points=(at(2, positive=False),), box=Box(0, 0, 160, 80))
    assert columns(held(cups(), SIZE, [asked])) == set(range(6, 12))


def test_a_negative_click_beside_the_mask_changes_nothing_more() -> None:
    asked = SegmentPrompt(points=(at(7), at(14, positive=False)))
    assert columns(held(cups(), SIZE, [asked])) == set(range(6, 12))


def test_without_points_nothing_changes() -> None:
    assert held(cups(), SIZE, [SegmentPrompt(box=Box(0, 0, 50, 50))]).equal(cups())

"""What is true of one object: whether words name it, and whether it counts."""

from __future__ import annotations

import numpy as np
import pytest

from tracker.types import Box
from tracker.worlds.objects import WorldObject, box_around, iou


def test_a_name_matches_by_colour_shape_or_anything() -> None:
    thing = WorldObject(0, "red", "star", np.ones((2, 2), bool), 1.0)
    for text in ("red star", "star", "a red thing", "red", "objects", "Stars"):
        assert thing.matches(text), text
    for text in ("blue star", "red circle", "blue thing", "dog", "striped star"):
        assert not thing.matches(text), text


def test_an_attribute_is_true_false_or_in_doubt() -> None:
    def star(x0: int, x1: int, side: int) -> WorldObject:
        mask = np.zeros((100, 100), bool)
        mask[:side, x0:x1] = True
        return WorldObject(0, "red", "star", mask, 1.0, ("striped",))

    large, little, middling = star(0, 30, 30), star(90, 95, 5), star(42, 58, 16)
    assert [each.answers("big star") for each in (large, little, middling)] == [True, False, False]
    assert [each.answers("tiny thing") for each in (large, little, middling)] == [False, True, False]
    assert star(0, 22, 22).answers("big thing") is None
    assert [each.answers("left") for each in (large, little, middling)] == [True, False, None]
    assert [each.answers("right star") for each in (large, little, middling)] == [False, True, None]
    assert large.answers("upper striped star") is True
    assert large.answers("bottom star") is False
    assert middling.answers("left circle") is False  # whatever its place


def test_slivers_do_not_count() -> None:
    mask = np.zeros((100, 100), bool)
    mask[0, :3] = True
    assert not WorldObject(0, "red", "star", mask, 1.0).countable
    mask[:20, :20] = True
    assert WorldObject(0, "red", "star", mask, 1.0).countable
    assert not WorldObject(0, "red", "star", mask, 0.1).countable


@pytest.mark.parametrize(("rows", "columns"), [((3, 9), (5, 6)), ((0, 20), (0, 30))])
def test_a_box_is_the_smallest_around_its_mask(rows: tuple[int, int], columns: tuple[int, int]) -> None:
    mask = np.zeros((20, 30), bool)
    mask[slice(*rows), slice(*columns)] = True
    assert box_around(mask) == Box(columns[0], rows[0], columns[1], rows[1])


def test_masks_are_compared_by_their_overlap() -> None:
    one, other, nothing = np.zeros((3, 4, 6), bool)
    one[:, :4], other[:, 2:] = True, True
    assert iou(one, other) == pytest.approx(1 / 3)
    assert (iou(one, one), iou(one, nothing), iou(nothing, nothing)) == (1.0, 0.0, 0.0)

"""Masks of answers are the masks that were sent, as run lengths and as polygons."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

import tracker
from streamer.client import Mask
from streamer.wire.fields import MaskFormat
from streamer.wire.results import masks_json

HEIGHT, WIDTH = 40, 60


@pytest.fixture
def blobs() -> npt.NDArray[np.bool_]:
    """A disc and a triangle."""
    canvas = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(canvas, (15, 20), 9, 1, -1)
    cv2.fillPoly(canvas, [np.array([[35, 5], [55, 30], [33, 35]], np.int32)], 1)
    return canvas.view(np.bool_)


@pytest.mark.parametrize("form", ["rle", "polygon"])
def test_a_mask_comes_back_as_it_was_sent(blobs: npt.NDArray[np.bool_], form: MaskFormat) -> None:
    mask = Mask.read(masks_json(tracker.Mask.from_dense(blobs), form), (HEIGHT, WIDTH))
    dense = mask.dense()
    assert dense.dtype == np.bool_
    assert np.array_equal(dense, blobs)
    assert mask.area == blobs.sum()
    assert mask.polygons() == tracker.Mask.from_dense(blobs).polygons()


def test_run_lengths_bring_their_own_size(blobs: npt.NDArray[np.bool_]) -> None:
    mask = Mask.read(masks_json(tracker.Mask.from_dense(blobs), "rle"))
    assert (mask.height, mask.width) == (HEIGHT, WIDTH)


def test_nothing_is_an_empty_mask() -> None:
    empty = tracker.Mask.from_dense(np.zeros((HEIGHT, WIDTH), np.bool_))
    for sent in (masks_json(empty, "rle"), masks_json(empty, "polygon")):
        mask = Mask.read(sent, (HEIGHT, WIDTH))
        assert mask.area == 0
        assert mask.polygons() == []
        assert not mask.dense().any()


def test_a_hole_comes_through_where_the_answer_has_it() -> None:
    ring = np.zeros((40, 60), np.bool_)
    ring[5:35, 5:35], ring[10:30, 10:30], ring[15:25, 15:25] = True, False, True
    sent = tracker.Mask.from_dense(ring)
    with_holes = Mask.read(masks_json(sent, "polygon", holes=True), (40, 60), even_odd=True)
    assert np.array_equal(with_holes.dense(), ring) and with_holes.area == ring.sum()
    filled = Mask.read(masks_json(sent, "polygon"), (40, 60))
    assert filled.area == 30 * 30 + 0


def test_where_polygons_overlap_there_is_no_hole() -> None:
    square = [[10, 10], [30, 10], [30, 30], [10, 30]]
    mask = Mask.read([square, [[x + 5, y + 5] for x, y in square]], (HEIGHT, WIDTH))
    assert mask.dense()[20, 20]


@pytest.mark.parametrize("odd", [{"size": [1]}, {"size": [4, 4]}, [[1, 2]], 7, "x"])
def test_what_is_no_mask_is_refused(odd: Any) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        Mask.read(odd, (HEIGHT, WIDTH))


def test_polygons_without_a_size_are_refused() -> None:
    with pytest.raises(ValueError, match="size"):
        Mask.read([])


def test_a_mask_that_was_not_sent_says_so() -> None:
    mask = Mask.read(None, (HEIGHT, WIDTH))
    for ask in (mask.dense, mask.polygons, lambda: mask.area):
        with pytest.raises(ValueError, match="was not sent"):
            ask()


def test_run_lengths_may_be_bytes() -> None:
    assert Mask.read({"size": [2, 3], "counts": b"06"}) == Mask.read({"size": [2, 3], "counts": "06"})

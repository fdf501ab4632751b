"""Run lengths: the same as pycocotools', there and back, and outlines."""

from __future__ import annotations

import cv2
import hypothesis.extra.numpy as arrays
import numpy as np
import numpy.typing as npt
import pycocotools.mask as coco
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker import rle

Binary = npt.NDArray[np.bool_]
masks = arrays.arrays(np.bool_, arrays.array_shapes(min_dims=2, max_dims=2, max_side=40))


def blob(seed: int, height: int = 480, width: int = 640) -> Binary:
    """Smooth noise over a threshold: many objects with holes."""
    noise = np.random.default_rng(seed).normal(size=(height, width))
    smooth: Binary = cv2.GaussianBlur(noise, (0, 0), 9) > 0.02
    return smooth


@given(masks)
def test_counts_are_those_of_pycocotools(mask: Binary) -> None:
    assert rle.encode(mask) == coco.encode(np.asfortranarray(mask, np.uint8))["counts"]


@pytest.mark.parametrize("seed", range(5))
def test_counts_of_large_masks_are_those_of_pycocotools(seed: int) -> None:
    mask = blob(seed)
    assert rle.encode(mask) == coco.encode(np.asfortranarray(mask, np.uint8))["counts"]


@given(masks)
def test_decoding_gives_back_what_was_encoded(mask: Binary) -> None:
    decoded = rle.decode(rle.encode(mask), *mask.shape)
    assert decoded.dtype == np.bool_
    assert np.array_equal(decoded, mask)


@pytest.mark.parametrize("value", [1, 255])
@pytest.mark.parametrize("layout", [np.ascontiguousarray, np.asfortranarray, lambda mask: np.pad(mask, 9)[9:-9, 9:-9]])
def test_any_layout_and_any_nonzero_value_is_object(value: int, layout: object) -> None:
    assert callable(layout)
    mask = blob(1)
    assert rle.encode(layout(mask.astype(np.uint8) * value)) == rle.encode(mask)


@given(masks)
def test_area_and_bounds_are_those_of_the_dense_mask(mask: Binary) -> None:
    counts = rle.encode(mask)
    rows, columns = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
    box = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1) if len(rows) else (0, 0, 0, 0)
    assert rle.area(counts, *mask.shape) == mask.sum()
    found = rle.bounds(counts, *mask.shape)
    assert found == box or not mask.any()


def test_an_empty_mask_has_no_extent() -> None:
    left, top, right, bottom = rle.bounds(rle.encode(np.zeros((7, 9), np.bool_)), 7, 9)
    assert (right - left, bottom - top) == (0, 0)


@given(st.integers(0, 1000))
def test_filled_outlines_are_the_mask_without_its_holes_and_specks(seed: int) -> None:
    mask = blob(seed, 60, 80)
    polygons = rle.polygons(rle.encode(mask), 60, 80)
    filled = np.zeros((60, 80), np.uint8)
    cv2.fillPoly(filled, [np.array(polygon, np.int32) for polygon in polygons], 1)
    contours, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    expected = np.zeros((60, 80), np.uint8)
    specks = 0
    for contour in contours:
        cv2.fillPoly(expected, [contour], 1)
        specks += 1 if len(contour) < 4 else 0
    assert (filled != expected).sum() <= 2 * specks + sum(len(c) for c in contours if cv2.contourArea(c) == 0)
    assert all(len(polygon) >= 3 for polygon in polygons)


@given(masks)
def test_outlines_are_where_the_object_is_in_the_whole_picture(mask: Binary) -> None:
    contours, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    whole = [[tuple(point) for point in contour[:, 0].tolist()] for contour in contours if len(contour) >= 3]
    assert sorted(rle.polygons(rle.encode(mask), *mask.shape)) == sorted(whole)


@given(masks)
def test_outlines_with_those_of_holes_filled_by_the_even_odd_rule_are_the_mask_without_its_specks(mask: Binary) -> None:
    """Every pixel of one or two that stand alone, and nothing else, is missing."""
    polygons = rle.polygons(rle.encode(mask), *mask.shape, holes=True)
    filled = np.zeros(mask.shape, np.uint8)
    cv2.fillPoly(filled, [np.array(polygon, np.int32) for polygon in polygons], 1)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    missing = {int(label) for label in np.unique(labels[mask & (filled == 0)])}
    assert not (filled.view(np.bool_) & ~mask).any()
    straight = {
        label for label in range(1, count) if 1 in stats[label, 2:4] or stats[label, 4] == max(stats[label, 2:4])
    }
    assert missing <= straight


def test_a_ring_keeps_its_hole_and_what_stands_in_it() -> None:
    ring = np.zeros((40, 40), np.bool_)
    ring[5:35, 5:35], ring[10:30, 10:30], ring[15:25, 15:25] = True, False, True
    outer, hole, island = rle.polygons(rle.encode(ring), 40, 40, holes=True)
    assert [cv2.contourArea(np.array(each, np.int32)) for each in (outer, hole, island)] == [29**2, 21**2 - 2, 9**2]
    filled = np.zeros((40, 40), np.uint8)
    cv2.fillPoly(filled, [np.array(each, np.int32) for each in (outer, hole, island)], 1)
    assert np.array_equal(filled, ring)


def test_an_empty_mask_has_no_outlines() -> None:
    assert rle.polygons(rle.encode(np.zeros((8, 5), np.bool_)), 8, 5) == []


@given(masks, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
def test_a_part_is_encoded_as_the_picture_that_holds_it(
    mask: Binary, top: int, left: int, down: int, right: int
) -> None:
    whole = np.pad(mask, ((top, down), (left, right)))
    assert rle.encode_part(mask, top, left, *whole.shape) == rle.encode(whole)
    empty = rle.encode_part(np.zeros((0, 0), np.bool_), 0, 0, *whole.shape)
    assert empty == rle.encode(np.zeros(whole.shape, np.bool_))

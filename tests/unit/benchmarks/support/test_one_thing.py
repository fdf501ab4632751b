"""What counts as one thing, and why something does not."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.support import one_thing
from benchmarks.support.one_thing import Binary


def box(x: int, y: int, width: int, height: int) -> Binary:
    mask = np.zeros((60, 100), bool)
    mask[y : y + height, x : x + width] = True
    return mask


CUP, NEIGHBOUR = box(20, 20, 20, 20), box(44, 20, 20, 20)


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (CUP, None),
        (box(22, 22, 10, 10), None),  # too small: the IoU says so
        (CUP & False, one_thing.NOTHING),
        (box(20, 20, 44, 20), one_thing.NEIGHBOUR),
        (CUP | box(44, 20, 20, 5), one_thing.NEIGHBOUR),  # a quarter of it
        (CUP | box(44, 20, 20, 4), one_thing.IN_PIECES),  # less than a quarter, but apart
        (box(20, 10, 20, 31), None),
        (box(20, 8, 20, 33), one_thing.TOO_LARGE),
        (CUP | box(5, 5, 2, 2), None),  # a speck
        (CUP | box(5, 5, 4, 4), one_thing.IN_PIECES),
    ],
)
def test_an_answer_is_one_thing_or_has_a_fault(answer: Binary, wanted: str | None) -> None:
    assert one_thing.fault(answer, CUP, [NEIGHBOUR]) == wanted


def test_a_part_that_has_a_mask_of_its_own_is_no_neighbour() -> None:
    assert one_thing.fault(CUP, CUP, [box(25, 25, 8, 8)]) is None


def test_the_whole_is_not_an_answer_to_a_click_on_a_part() -> None:
    assert one_thing.fault(CUP, box(25, 25, 8, 8), [CUP]) == one_thing.NEIGHBOUR


def test_a_part_is_an_answer_to_a_click_on_it_though_the_whole_is_around_it() -> None:
    part = box(25, 25, 8, 8)
    assert one_thing.fault(part, part, [CUP]) is None

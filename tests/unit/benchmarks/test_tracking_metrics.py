"""The tracking benchmark's measures, on sequences whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.tracking_metrics import Frame, cgf1, ious, j_and_f, tracking
from tracker import Mask

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def square(x: int, y: int = 10, side: int = 20) -> Mask:
    dense = np.zeros((60, 120), bool)
    dense[y : y + side, x : x + side] = True
    return Mask.from_dense(dense)


TRUTH = [Frame({1: square(10 + step), 2: square(70 - step)}) for step in range(10)]


def test_one_object_has_its_iou_and_its_border_judged_and_is_missed_where_it_is_not_shown() -> None:
    truth = [square(10), square(10)]
    assert j_and_f(truth, truth) == (1.0, 1.0)
    assert j_and_f(truth, [square(10), None]) == (0.5, 0.5)
    assert j_and_f(truth, [None, None]) == (0.0, 0.0)
    iou, border = j_and_f(truth, [square(11), square(11)])
    assert iou == pytest.approx(19 / 21)
    assert border == 1.0  # a pixel beside is within the tolerance, 0.008 of the diagonal


def test_showing_the_truth_is_perfect_whatever_the_ids() -> None:
    found = tracking(TRUTH, [{7: frame.truth[1], 3: frame.truth[2]} for frame in TRUTH])
    assert found == {"HOTA": 1.0, "IDF1": 1.0, "switches": 0, "J&F": 1.0}


def test_a_switch_of_ids_costs_identity_and_not_masks() -> None:
    shown = [{1: frame.truth[1], 2: frame.truth[2]} for frame in TRUTH[:5]]
    shown += [{2: frame.truth[1], 1: frame.truth[2]} for frame in TRUTH[5:]]
    found = tracking(TRUTH, shown)
    assert found["switches"] == 2
    assert found["IDF1"] == pytest.approx(0.5)
    assert found["HOTA"] < 0.8


def test_what_is_missing_counts_and_so_does_what_is_not_there() -> None:
    half = tracking(TRUTH, [{1: frame.truth[1]} for frame in TRUTH])
    assert half["IDF1"] == pytest.approx(2 / 3)
    assert half["J&F"] == pytest.approx(0.5)
    more = tracking(TRUTH, [{**frame.truth, 9: square(90, 35)} for frame in TRUTH])
    assert more["IDF1"] == pytest.approx(0.8)
    assert tracking(TRUTH, [{} for _ in TRUTH])["HOTA"] == 0


def test_a_crumb_is_neither_to_be_shown_nor_an_alarm() -> None:
    hidden = [Frame(frame.truth, [square(90, 35)]) for frame in TRUTH]
    shown = [{**frame.truth, 9: square(92, 36, 16)} for frame in TRUTH]
    assert tracking(hidden, shown)["HOTA"] == 1.0
    assert tracking(TRUTH, shown)["HOTA"] < 1.0


def test_ious_are_a_table() -> None:
    table = ious([square(10), square(40)], [square(20)])
    assert table[:, 0] == pytest.approx([1 / 3, 0.0])
    assert ious([], [square(20)]).shape == (0, 1)


def test_cgf1_is_of_masks_and_of_saying_that_something_is_there() -> None:
    right = ([square(10)], [square(10)])
    nothing: tuple[list[Mask], list[Mask]] = ([], [])
    assert cgf1([right, nothing]) == pytest.approx(1.0)
    assert cgf1([right, ([], [square(10)])]) == pytest.approx(0.5)  # it always says yes
    presence = np.corrcoef([1, 1, 1, 0], [1, 1, 0, 0])[0, 1]
    assert cgf1([right, right, ([square(10)], []), nothing]) == pytest.approx(0.8 * presence)
    assert cgf1([right, ([square(10)], [square(15)]), nothing]) < 0.8  # IoU 0.6: found at the lowest thresholds alone

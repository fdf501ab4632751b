"""Figures of nano: fair to any model, on worlds that it has not seen."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tracker import Sam3
from tracker.training.data import FIRST_TRAINING_SEED
from tracker.training.evaluate import compare, evaluate
from tracker.types import Box, Detection, Mask


def test_evaluation_refuses_seeds_that_were_trained_on() -> None:
    with pytest.raises(ValueError, match="trained on"):
        evaluate(Sam3.untrained(), 1, FIRST_TRAINING_SEED)


def test_evaluation_counts_hits_alarms_and_crumbs() -> None:
    def square(x: int) -> np.ndarray:
        mask = np.zeros((40, 40), bool)
        mask[10:20, x : x + 10] = True
        return mask

    def detection(x: int) -> Detection:
        return Detection(0, 0.9, Box(x, 10, x + 10, 20), Mask.from_dense(square(x)))

    hits, alarms, ious = compare([detection(0), detection(25)], [square(1)], [])
    assert (hits, alarms) == (1, 1) and ious == [pytest.approx(9 / 11)]
    assert compare([detection(25)], [], [square(25)])[:2] == (0, 0)
    assert compare([], [square(1)], []) == (0, 0, [])


def test_an_untrained_model_evaluates_badly_but_fairly() -> None:
    figures = evaluate(Sam3.untrained(), 2).figures()
    assert json.loads(json.dumps(figures)) == figures
    assert all(0 <= value <= 1 for value in figures.values()) and figures["F1 @ IoU 0.5"] < 0.3

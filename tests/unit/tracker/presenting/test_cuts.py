"""Cuts, and what is none."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.moving import picture
from tracker.presenting.cuts import Cuts
from tracker.presenting.motion import small
from tracker.presenting.steps import Stepper

Picture = npt.NDArray[np.uint8]


def cuts(*pictures: Picture) -> list[bool]:
    stepper, watch, greys = Stepper(), Cuts(), [small(each) for each in pictures]
    found = [watch.cut(greys[0], None)]
    for index in range(1, len(greys)):
        found.append(watch.cut(greys[index], stepper.step(greys[index - 1], greys[index], index - 1, index)))
    return found


def other(*corners: tuple[int, int]) -> Picture:
    return picture(*corners, seed=1)


def test_another_scene_is_a_cut() -> None:
    assert cuts(picture((100, 80)), picture((103, 80)), other((40, 90)), other((43, 90))) == [False, False, True, False]


@pytest.mark.parametrize("gain", [0.12, 0.4, 1.6])
def test_lights_are_none(gain: float) -> None:
    lit = np.clip(picture((103, 80)) * gain, 0, 255).astype(np.uint8)
    assert not any(cuts(picture((100, 80)), lit, picture((106, 80))))


def test_a_fast_pan_is_none() -> None:
    """A fifth of the picture's width a frame."""
    wide = np.concatenate([picture((100, 80)), other((40, 90)), picture((10, 10), seed=2)], 1)
    assert not any(cuts(*(np.ascontiguousarray(wide[:, at : at + 320]) for at in range(0, 600, 64))))


def test_things_that_move_are_none() -> None:
    assert not any(cuts(*(picture((10 + 30 * at, 80), (250 - 25 * at, 20)) for at in range(8))))


def test_a_dark_picture_says_nothing() -> None:
    dark = np.zeros((240, 320), np.uint8)
    assert not any(cuts(picture((100, 80)), dark, dark, picture((104, 80))))
    assert cuts(picture((100, 80)), dark, dark, other((40, 90))) == [False, False, False, True]

"""Colour words are honest: each shade goes by its word, and by no other."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from tests.support.sprites import sprite
from tracker.model.vocabulary import COLORS
from tracker.worlds.looks import named_colors
from tracker.worlds.palette import NEAR, SHADES, Ground, from_hsv, lab, shade


def shades(word: str, number: int = 300) -> np.ndarray:
    rng = np.random.default_rng(1)
    return np.stack([shade(rng, word) for _ in range(number)])


def test_every_word_has_shades() -> None:
    assert tuple(SHADES) == COLORS


@pytest.mark.parametrize("word", COLORS)
def test_no_shade_goes_by_another_word_and_few_go_by_none(word: str) -> None:
    named = [named_colors(sprite(((*color.astype(int),), 1.0))) for color in shades(word)]
    assert not [found for found in named if max(found[other] for other in COLORS if other != word) > 0.5]
    assert np.mean([found[word] > 0.5 for found in named]) > 0.75  # pale pink is named, though it is hardly a colour


def test_words_have_margins_between_them() -> None:
    hues = {word: [turn for each in SHADES[word] for turn in each[0]] for word in COLORS}
    ends = sorted((min(some), max(some), word) for word, some in hues.items())
    for (_, high, one), (low, _, other) in pairwise(ends):
        assert low - high >= 4, (one, other)  # in degrees/2


def test_shades_of_a_word_differ_in_lightness_and_strength() -> None:
    spread = [np.ptp(lab(shades(word))[:, 0]) for word in COLORS]
    assert min(spread) > 18 and np.median(spread) > 30


@pytest.mark.parametrize("hsv", [(0, 255, 255), (30, 120, 200), (95, 60, 90), (150, 255, 128), (-3, 200, 180)])
def test_hues_are_those_of_opencv(hsv: tuple[int, int, int]) -> None:
    pixel = np.array([[[hsv[0] % 180, *hsv[1:]]]], np.uint8)
    assert np.abs(from_hsv(*hsv) - cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0]).max() <= 2


def test_a_ground_hides_its_own_colours_and_no_others() -> None:
    ground = np.zeros((60, 80, 3), np.uint8)
    ground[:, :40], ground[:, 40:] = (120, 40, 160), (250, 250, 250)
    found = Ground(ground)
    assert found.hides(np.array([125.0, 45, 160])) and found.alike(np.array([125.0, 45, 160])) == pytest.approx(0.5)
    assert not found.hides(np.array([40.0, 180, 60]))
    assert not found.hides(np.array([200.0, 130, 235]))  # the same word, and light enough to be seen
    assert np.linalg.norm(lab(np.array([120.0, 40, 160])) - lab(np.array([200.0, 130, 235]))) > NEAR

"""Grounds are many, of every colour, and repeat by their random numbers."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.support.sprites import photo
from tracker.worlds.grounds import _ROUND, FIELDS, WEIGHTS, clouds, ground, palette


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_lies_between_0_and_1_at_any_size(name: str) -> None:
    for seed in range(8):
        field = FIELDS[name](np.random.default_rng(seed), 90, 70)
        assert field.dtype == np.float32
        assert np.broadcast_to(field, (70, 90)).shape == (70, 90)  # rows and columns are enough for upright ones
        assert field.min() >= -0.01 and field.max() <= 1.01


def test_every_kind_has_a_weight() -> None:
    assert set(WEIGHTS) == {*FIELDS, "photograph", "patches"} and min(WEIGHTS.values()) > 0


def test_its_random_numbers_decide_a_ground() -> None:
    for photos in ([], [photo(1)]):
        for seed in range(20):
            one, again, other = (
                ground(np.random.default_rng(each), 90, 70, photos) for each in (seed, seed, seed + 99)
            )
            assert one.shape == (70, 90, 3) and one.dtype == np.uint8 and one.flags.writeable
            assert np.array_equal(one, again) and not np.array_equal(one, other)


def test_grounds_are_of_every_hue_and_often_strong_in_colour() -> None:
    hues, strong = set(), 0
    for seed in range(300):
        picture = ground(np.random.default_rng(seed), 40, 40, [])
        hue, saturation, value = cv2.split(cv2.cvtColor(picture, cv2.COLOR_RGB2HSV))
        if np.median(saturation) > 110 and np.median(value) > 60:
            strong += 1
            hues.add(int(np.median(hue)) // 30)
    assert hues == {0, 1, 2, 3, 4, 5} and 50 < strong < 200


def test_mottle_has_more_than_one_scale() -> None:
    def roughness(octaves: int) -> float:
        field = clouds(np.random.default_rng(4), 128, 128, 4, octaves, 0.7)
        return float(np.abs(np.diff(field, axis=1)).mean())

    assert roughness(5) > 1.5 * roughness(1)


def test_a_palette_runs_through_its_colours() -> None:
    drawn = [palette(np.random.default_rng(seed)) for seed in range(40)]
    assert all(each.shape == (256, 3) and each.dtype == np.uint8 for each in drawn)
    assert len({each.tobytes() for each in drawn}) == 40


def test_round_fields_have_no_edges_that_would_show_a_disc() -> None:
    def in_steps(stepped: bool) -> int:
        drawn = [palette(np.random.default_rng(seed), stepped).astype(int) for seed in range(60)]
        return sum(len(np.unique(each, axis=0)) < 6 < np.abs(np.diff(each, axis=0)).max() for each in drawn)

    assert in_steps(False) == 0 < in_steps(True)
    assert set(_ROUND) <= set(FIELDS)

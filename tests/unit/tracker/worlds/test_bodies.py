"""What moves in a world, and how it is drawn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tracker.worlds.bodies import Body, paint

LARGEST = 80  # pixels a unit


def body(**changes: Any) -> Body:
    """A white square of two fifths of a unit, in the middle, on its way to the right."""
    square = np.full((8, 8, 4), 255, np.uint8)
    still = Body(
        *(0, True, "", "dog", (), (), None, None, square),
        radius=0.2,
        squeeze=1.0,
        position=np.array([0.5, 0.5]),
        velocity=np.array([0.1, 0.0]),
        angle=0.0,
        spin=0.0,
        breath=0.0,
        breath_rate=0.0,
        phase=0.0,
    )
    return replace(still, **changes)


def test_it_moves_by_its_velocity_and_turns_back_beyond_the_border() -> None:
    moving = body()
    moving.advance(2.0, (1.0, 1.0), 0.1)
    assert moving.position.tolist() == pytest.approx([0.7, 0.5])
    moving.advance(5.0, (1.0, 1.0), 0.1)
    assert moving.position.tolist() == pytest.approx([1.1, 0.5])
    assert moving.velocity.tolist() == [-0.1, 0.0]


def test_a_script_says_where_it_is_and_how_large() -> None:
    scripted = body(path=lambda seconds: (seconds, 0.25, 2.0))
    scripted.advance(0.75, (1.0, 1.0), 0.1)
    assert scripted.place().tolist() == [[0.4, -0.0, 0.75], [0.0, 0.4, 0.25]]


def test_what_is_drawn_is_owned_and_has_the_area_it_says() -> None:
    image, owner = np.zeros((80, 80, 3), np.uint8), np.zeros((80, 80), np.uint8)
    area = paint(image, owner, 3, body(), body().place() * LARGEST)
    assert area == pytest.approx((owner == 3).sum(), rel=0.15)
    assert area == pytest.approx(32 * 32, rel=0.15)
    assert image[owner == 3].mean() > 200
    assert image[owner == 0].mean() < 10


def test_what_lies_outside_the_picture_has_an_area_and_owns_nothing() -> None:
    image, owner = np.zeros((80, 80, 3), np.uint8), np.zeros((80, 80), np.uint8)
    far = body(position=np.array([9.0, 9.0]))
    assert paint(image, owner, 3, far, far.place() * LARGEST) == pytest.approx(32 * 32, rel=0.15)
    assert not owner.any() and not image.any()

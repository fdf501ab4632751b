"""What moves in a world, and how it is drawn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from tracker.worlds.bodies import Body, Style, paint
from tracker.worlds.looks import Paint

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


def drawn(style: Style, radius: float = 0.2) -> tuple[np.ndarray, np.ndarray, float]:
    """A white square on grey."""
    image, owner = np.full((80, 80, 3), 100, np.uint8), np.zeros((80, 80), np.uint8)
    white = np.full(3, 255.0)
    paper = Paint(white, white, 0.0, "", white, 0.5, None, 0.1, None, 1.0)
    square = (np.array([(-1.0, -1), (1, -1), (1, 1), (-1, 1)]),)
    shape = body(sprite=None, outline=square, paint=paper, style=style, radius=radius, angle=0.3)
    return image, owner, paint(image, owner, 1, shape, shape.place() * LARGEST)


@pytest.mark.parametrize("style", [Style(), Style("hard"), Style("fine"), Style("soft", blur=1.2)])
def test_the_mask_is_where_the_picture_is_more_than_half_covered_whatever_its_edges(style: Style) -> None:
    image, owner, area = drawn(style)
    assert area == pytest.approx(32 * 32) and (owner == 1).sum() == pytest.approx(area, rel=0.1)
    assert ((owner == 1) == (image[..., 0] > 177)).mean() > 0.999


def test_edges_are_hard_fine_or_soft() -> None:
    between = {
        edge: int(((image[..., 0] > 105) & (image[..., 0] < 250)).sum())
        for edge in ("hard", "smooth", "fine", "soft")
        for image in (drawn(Style(edge, blur=1.5))[0],)
    }
    assert between["hard"] == 0 < min(between["smooth"], between["fine"])
    assert between["soft"] > 1.5 * max(between["smooth"], between["fine"])


def test_a_shadow_darkens_what_lies_behind_and_is_not_owned() -> None:
    bare, owned, _ = drawn(Style())
    image, owner, _ = drawn(Style(shadow=0.5, fall=(0.06, 0.06), softness=0.02))
    assert np.array_equal(owner, owned)
    darker = (image[..., 0] < bare[..., 0]) & (owner == 0)
    assert darker.sum() > 100 and image[darker].min() >= 45
    assert darker[:, 40:].sum() > 3 * darker[:, :40].sum()  # it falls to the right
    inside = cv2.erode(owner, np.ones((3, 3))) == 1
    assert np.array_equal(image[inside], bare[inside])

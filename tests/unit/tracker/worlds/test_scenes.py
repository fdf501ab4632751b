"""Photographs with regions: views of them, and what is cut out."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tracker.worlds import photos, regions, scenes
from tracker.worlds.scenes import SPRITE, Scene, sprites, view


def scene() -> Scene:
    """A red disc with a yellow one in it, on grey: the masks are of half the photograph's size."""
    image = np.full((240, 320, 3), 128, np.uint8)
    masks = np.zeros((2, 120, 160), np.uint8)
    for mask, radius, color in zip(masks, (60, 24), ((230, 20, 20), (240, 230, 20)), strict=True):
        cv2.circle(image, (150, 110), radius, color, -1)
        cv2.circle(mask, (75, 55), radius // 2, 1, -1)
    return Scene(image, masks.astype(np.bool_))


def test_a_view_shows_the_regions_where_their_masks_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes, "lit", lambda rng, image: image)
    for seed in range(8):
        image, objects = view(np.random.default_rng(seed), scene())
        assert any(each.countable for each in objects)
        red = (image[..., 0] > 170) & (image[..., 2] < 90)
        for each in objects:
            assert each.mask.shape == image.shape[:2]
            if each.countable and each.mask.sum() > 600:
                inside = cv2.erode(each.mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
                assert red[inside].mean() > 0.8, (seed, each.id)
        covered = np.logical_or.reduce([each.mask for each in objects]).astype(np.uint8)
        assert red[cv2.dilate(covered, np.ones((7, 7), np.uint8)) == 0].mean() < 0.1


def test_regions_have_no_names_and_parts_lie_in_wholes() -> None:
    _, objects = view(np.random.default_rng(1), scene())
    assert all(each.color == each.shape == "" for each in objects)
    whole, part = (next(each for each in objects if each.id == number) for number in (0, 1))
    assert part.mask.sum() < whole.mask.sum() and not (part.mask & ~whole.mask).any()


def test_views_differ_in_size_light_and_place_and_their_random_numbers_decide_them() -> None:
    one, again = (view(np.random.default_rng(4), scene()) for _ in range(2))
    assert np.array_equal(one[0], again[0]) and np.array_equal(one[1][0].mask, again[1][0].mask)
    others = [view(np.random.default_rng(seed), scene()) for seed in range(8)]
    assert len({image.shape for image, _ in others}) >= 6
    shares = [objects[0].mask.mean() for _, objects in others]
    assert max(shares) > 1.5 * min(shares)


def test_what_is_half_out_of_the_picture_is_said_to_be_seen_in_part() -> None:
    shares = [objects[0].visible for _, objects in (view(np.random.default_rng(seed), scene()) for seed in range(16))]
    assert min(shares) < 0.9 and max(shares) > 0.95
    assert all(0 < share <= 1 for share in shares)


def test_what_is_cut_out_has_its_texture_and_a_soft_border() -> None:
    cut = sprites([scene()])
    assert [max(each.shape[:2]) for each in cut] == [pytest.approx(118, abs=5), pytest.approx(46, abs=5)]
    middle = cut[1][cut[1].shape[0] // 2, cut[1].shape[1] // 2]
    assert middle.tolist() == [240, 230, 20, 255]
    alpha = cut[0][..., 3]
    assert ((alpha > 0) & (alpha < 255)).any() and alpha[0, 0] == 0


def test_what_the_photograph_cuts_off_and_what_is_tiny_is_not_cut_out() -> None:
    whole = scene()
    edge = np.zeros_like(whole.masks)
    edge[0, 20:60, :40] = True  # at the left edge
    edge[1, 50:54, 50:54] = True
    assert SPRITE[0] > 8
    assert sprites([Scene(whole.image, edge)]) == []


def test_scenes_are_photographs_that_have_regions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = scene()
    pictures = {"a/one.jpg": made.image, "a/none.jpg": made.image}
    monkeypatch.setattr(photos, "load", lambda folder, scenes_only: pictures)
    found = {"a/one.jpg": made.masks, "a/none.jpg": made.masks[:0]}
    np.savez_compressed(tmp_path / regions.FILE, **found)  # type: ignore[arg-type]
    loaded = scenes.load(tmp_path)
    assert len(loaded) == 1 and np.array_equal(loaded[0].masks, made.masks)

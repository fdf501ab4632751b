"""Photographs in motion: what is known of a region stays true of the picture, frame by frame."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tracker.worlds import moving, scenes
from tracker.worlds.moving import Way, clip
from tracker.worlds.scenes import Scene

SIZE = (160, 120)


@pytest.fixture(scope="module")
def scene() -> Scene:
    """A red and a blue thing on grey grass, and a region that is the red one's upper half."""
    image = np.random.default_rng(0).normal(120, 6, (240, 320, 3))
    masks = np.zeros((3, 240, 320), bool)
    masks[0, 60:140, 60:140] = masks[1, 60:100, 60:140] = masks[2, 120:200, 200:280] = True
    image[masks[0]] += (90, -80, -80)
    image[masks[2]] += (-80, -80, 90)
    return Scene(np.clip(image, 0, 255).astype(np.uint8), masks)


def film(scene: Scene, seed: int, frames: int = 5) -> list[tuple[np.ndarray, dict[int, np.ndarray]]]:
    stranger = np.full((40, 40, 4), 255, np.uint8)
    made = clip(np.random.default_rng(seed), scene, [stranger], frames, SIZE)
    return [(image, {each.id: each.mask for each in objects}) for image, objects in made]


def test_every_mask_is_on_what_it_is_of_on_every_frame(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes, "lit", lambda rng, image: image)  # else colours may go
    right, moved = [], 0
    for seed in range(12):
        frames = film(scene, seed)
        assert len(frames) == 5 and all(image.shape == (120, 160, 3) for image, _ in frames)
        first, last = frames[0][1], frames[-1][1]
        moved += any((first[each] != last[each]).mean() > 0.02 for each in first.keys() & last.keys())
        for image, masks in frames:
            strong = abs(image[..., 0].astype(float) - image[..., 2]) > 60
            for mask in masks.values():
                inside = cv2.erode(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
                if inside.sum() > 50:
                    right.append(strong[inside].mean())
    assert len(right) > 60
    assert np.mean(right) > 0.85
    assert moved >= 6


def test_a_seed_decides_everything(scene: Scene) -> None:
    one, again, other = film(scene, 3), film(scene, 3), film(scene, 4)
    assert all(np.array_equal(a, b) for (a, _), (b, _) in zip(one, again, strict=True))
    assert not all(np.array_equal(a, b) for (a, _), (b, _) in zip(one, other, strict=True))


def test_what_passes_in_front_hides_what_is_behind_it(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def least(passed: float) -> float:
        monkeypatch.setattr(moving, "PASSED", passed)
        shares = []
        for seed in range(8):
            made = clip(np.random.default_rng(seed), scene, [np.full((40, 40, 4), 255, np.uint8)], 7, SIZE)
            shares.append(min((each.visible for _, objects in made for each in objects), default=1.0))
        return float(np.mean(shares))

    assert least(1.0) < least(0.0)


def test_a_way_begins_where_it_is_and_goes_no_further_than_it_may() -> None:
    middle = np.array([80.0, 60.0])
    for seed in range(20):
        way = Way.drawn(np.random.default_rng(seed), (0.2, 0.2, 0.2))
        assert np.allclose(way.at(0.0, 120, middle), [[1, 0, 0], [0, 1, 0]])
        end = way.at(1.0, 120, middle)
        assert abs(end[:, :2] @ middle + end[:, 2] - middle).max() <= 120 * 0.2 * 1.8
        assert 0.6 < np.linalg.det(end[:, :2]) < 1.7

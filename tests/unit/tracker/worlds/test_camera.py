"""Where the camera looks, and what a wire does to its picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tracker.worlds.camera import Camera, Damage
from tracker.worlds.variety import PLAIN, WIDE
from tracker.worlds.worlds import Video

MOVING = replace(WIDE, moving=1.0)


def test_a_moving_camera_takes_things_and_backdrop_along() -> None:
    moved = 0
    for seed in range(12):
        video = Video(seed, 160, 120, objects=(1, 1), damage=0, hidden=0, variety=WIDE)
        first, later = video.next(), [video.next() for _ in range(20)][-1]
        apart = [~(a.objects[0].mask | b.objects[0].mask) for a, b in [(first, later)] if a.objects and b.objects]
        if apart:
            moved += np.abs(first.image[apart[0]].astype(int) - later.image[apart[0]]).mean() > 2
    assert 2 <= moved <= 10


def test_a_camera_that_stands_still_shows_the_world_as_it_is() -> None:
    still = Camera(np.random.default_rng(0), 0.0, MOVING)
    assert not still.moves
    assert still.view(3.0, (0.5, 0.5)).tolist() == [[1, 0, 0], [0, 1, 0]]


def test_a_camera_that_moves_looks_the_same_way_at_the_same_moment() -> None:
    one, again = (Camera(np.random.default_rng(5), 1.0, MOVING) for _ in range(2))
    assert one.moves
    assert np.array_equal(one.view(1.5, (0.6, 0.5)), again.view(1.5, (0.6, 0.5)))
    assert not np.array_equal(one.view(1.5, (0.6, 0.5)), one.view(1.6, (0.6, 0.5)))


def test_damage_of_no_strength_is_none() -> None:
    image = np.random.default_rng(1).integers(0, 256, (60, 80, 3), np.uint8)
    for seed in range(8):
        assert np.array_equal(Damage(np.random.default_rng(seed), 0.0, PLAIN).apply(image, 1.0), image)


def test_damage_keeps_the_size_and_changes_the_picture() -> None:
    image = np.full((60, 80, 3), 128, np.uint8)
    damaged = [Damage(np.random.default_rng(seed), 1.0, WIDE).apply(image, 1.0) for seed in range(12)]
    assert all(each.shape == image.shape and each.dtype == np.uint8 for each in damaged)
    assert sum(bool((each != image).any()) for each in damaged) >= 10

"""Where the camera looks, and what a wire does to its picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.support.sprites import sprite
from tracker.model.vocabulary import COLORS
from tracker.worlds.camera import Camera, Damage
from tracker.worlds.looks import HSV, named_colors
from tracker.worlds.palette import from_hsv
from tracker.worlds.variety import PLAIN, WIDE
from tracker.worlds.worlds import Video

MOVING = replace(WIDE, moving=1.0)
ALWAYS = replace(PLAIN, lamps=1.0, lenses=1.0)


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
    for variety in (PLAIN, WIDE, ALWAYS):
        for seed in range(8):
            assert np.array_equal(Damage(np.random.default_rng(seed), 0.0, variety).apply(image, 1.0), image)


def test_damage_keeps_the_size_and_changes_the_picture() -> None:
    image = np.full((60, 80, 3), 128, np.uint8)
    damaged = [Damage(np.random.default_rng(seed), 1.0, WIDE).apply(image, 1.0) for seed in range(12)]
    assert all(each.shape == image.shape and each.dtype == np.uint8 for each in damaged)
    assert sum(bool((each != image).any()) for each in damaged) >= 10


def test_colours_keep_their_names_under_coloured_light() -> None:
    lamps = replace(PLAIN, lamps=1.0)
    seen = {}
    for color in COLORS:
        bare = np.full((24, 32, 3), from_hsv(*HSV[color]), np.uint8)
        lit = [Damage(np.random.default_rng(seed), 1.0, lamps).apply(bare, 0.0) for seed in range(30)]
        colors = [tuple(each.mean((0, 1)).astype(int)) for each in lit]
        seen[color] = np.mean([named_colors(sprite((each, 1.0)))[color] for each in colors])
    assert min(seen.values()) > 0.85, seen


def test_light_comes_from_one_side_and_is_of_some_colour() -> None:
    grey = np.full((60, 80, 3), 128, np.uint8)
    lamps = replace(PLAIN, lamps=1.0)
    lit = [Damage(np.random.default_rng(seed), 0.999, lamps).apply(grey, 0.0).astype(float) for seed in range(40)]
    sides = [abs(each[:, :20].mean() - each[:, -20:].mean()) for each in lit]
    tints = [np.ptp(each.mean((0, 1))) for each in lit]
    assert np.median(sides) > 5 and np.median(tints) > 4


def test_quick_noise_is_as_strong_as_it_should_be() -> None:
    grey = np.full((60, 80, 3), 128, np.uint8)
    quick = replace(PLAIN, lenses=1e-9)  # none of them, and noise as in wide worlds
    for seed in range(40):
        slow, fast = (Damage(np.random.default_rng(seed), 1.0, each) for each in (PLAIN, quick))
        if slow._noise > 3:
            fast._noise = slow._noise
            assert abs(fast._grain_for(grey).std() / slow._grain_for(grey).std() - 1) < 0.05

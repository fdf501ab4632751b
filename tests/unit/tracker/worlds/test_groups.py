"""Things of one look beside each other: their masks are what is seen of them."""

from __future__ import annotations

import numpy as np
import pytest

from tracker.worlds import groups
from tracker.worlds.camera import Damage
from tracker.worlds.groups import GROUPS, MEMBERS, view
from tracker.worlds.looks import Picture, Sprite

GREY: list[Picture] = [np.full((240, 320, 3), 100, np.uint8)]


def block(color: tuple[int, int, int]) -> Sprite:
    """A block of one colour that nothing shines through."""
    return np.dstack([np.full((60, 40, 3), color, np.uint8), np.full((60, 40), 255, np.uint8)])


def untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures as they are before light and camera, things as they were cut out."""
    monkeypatch.setattr(groups, "lit", lambda rng, image: image)
    monkeypatch.setattr(groups, "dressed", lambda rng, sprite: sprite)
    monkeypatch.setattr(Damage, "apply", lambda self, image, seconds: image)


def test_every_thing_is_where_its_mask_says_and_hides_what_is_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    untouched(monkeypatch)
    hidden = 0
    for seed in range(20):
        image, objects = view(np.random.default_rng(seed), GREY, [block((230, 20, 20))])
        red = image[..., 0] > 165  # more red than the grey behind it
        together = np.sum([each.mask for each in objects], 0)
        assert together.max(initial=0) <= 1, "of two things in one place one is seen"
        assert (red != (together > 0)).mean() < 0.01
        assert all(0 < each.visible <= 1 and each.mask.any() for each in objects)
        hidden += sum(each.visible < 1 for each in objects)
    assert hidden > 5


def test_things_of_one_group_have_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    untouched(monkeypatch)
    monkeypatch.setattr(groups, "GROUPS", (1, 1))
    colors = [(230, 20, 20), (20, 230, 20), (20, 20, 230)]
    shown = set()
    for seed in range(12):
        image, objects = view(np.random.default_rng(seed), GREY, [block(each) for each in colors])
        found = {int(image[each.mask].mean(0).argmax()) for each in objects}
        assert len(found) <= 1
        shown |= found
    assert shown == {0, 1, 2}


def test_counts_keep_their_bounds_and_the_random_numbers_decide_all() -> None:
    sizes = set()
    for seed in range(20):
        image, objects = view(np.random.default_rng(seed), GREY, [block((230, 20, 20))])
        again, same = view(np.random.default_rng(seed), GREY, [block((230, 20, 20))])
        assert np.array_equal(image, again) and len(objects) == len(same)
        assert len(objects) <= GROUPS[1] * MEMBERS[1]
        assert all(not each.color and not each.shape and each.mask.shape == image.shape[:2] for each in objects)
        sizes.add(image.shape)
    assert len(sizes) > 10

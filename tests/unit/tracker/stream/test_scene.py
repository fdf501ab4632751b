"""What counts as a cut, and what is new in the picture."""

from __future__ import annotations

import numpy as np

from tracker.stream.scene import View
from tracker.worlds.worlds import Video


def test_movement_is_no_cut_and_another_world_is() -> None:
    cut = View()
    for world in (5, 6, 7):
        frames = [frame.image for frame, _ in zip(Video(world, 320, 240), range(20), strict=False)]
        seen = [cut.cut(image) for image in frames]
        assert not any(seen[1:])
    dark, light = np.zeros((40, 60, 3), np.uint8), np.full((40, 60, 3), 200, np.uint8)
    assert [cut.cut(image) for image in (dark, dark, light, light)][2:] == [True, False]


def test_a_changed_picture_size_is_no_cut() -> None:
    cut = View()
    image = np.random.default_rng(0).integers(0, 30, (240, 320, 3), np.uint8)
    assert not cut.cut(image)
    assert not cut.cut(image[::2, ::2])


def test_what_is_new_in_the_picture_is_news_and_light_is_none() -> None:
    view, room = View(), np.full((96, 128, 3), 90, np.uint8)
    view.cut(room)
    view.keyframe([])
    view.cut(room + np.uint8(60))
    assert not view.uncovered([])
    room[20:70, 30:80] = (200, 30, 30)
    view.cut(room)
    assert view.uncovered([])
    assert not view.uncovered([(30 / 128, 20 / 96, 80 / 128, 70 / 96)])
    view.keyframe([(30 / 128, 20 / 96, 80 / 128, 70 / 96)])
    room[:] = 90
    view.cut(room)
    assert not view.uncovered([])  # where it was the background is no news


def test_any_change_is_one_and_what_was_found_since_is_no_news() -> None:
    view, room, changed = View(), np.full((96, 128, 3), 90, np.uint8), []
    view.cut(room)
    changed.append(view.changed)
    view.keyframe([])
    view.cut(room + np.uint8(60))
    changed.append(view.changed)
    room[20:70, 30:80] = (200, 30, 30)
    view.cut(room)
    view.found([(30 / 128, 20 / 96, 80 / 128, 70 / 96)])
    changed.append(view.changed)
    assert changed == [False, False, True]
    assert not view.uncovered([])

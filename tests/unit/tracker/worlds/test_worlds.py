"""Worlds repeat by seed, and their truth is what the picture shows."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tracker.worlds import outlines, palette, worlds
from tracker.worlds.things import Thing
from tracker.worlds.variety import WIDE
from tracker.worlds.worlds import Video


def test_a_seed_decides_everything() -> None:
    one, again, other = Video(7, 160, 120), Video(7, 160, 120), Video(8, 160, 120)
    for _ in range(3):
        a, b, c = one.next(), again.next(), other.next()
        assert np.array_equal(a.image, b.image)
        assert [thing.name for thing in a.objects] == [thing.name for thing in b.objects]
        assert not np.array_equal(a.image, c.image)


def test_frames_are_numbered_and_of_the_size_asked_for() -> None:
    video = iter(Video(1, 200, 100))
    frames = [next(video) for _ in range(3)]
    assert [frame.index for frame in frames] == [0, 1, 2]
    assert all(frame.image.shape == (100, 200, 3) and frame.image.dtype == np.uint8 for frame in frames)


def test_skipping_goes_where_drawing_goes() -> None:
    drawn, skipped = Video(3, 160, 120), Video(3, 160, 120)
    for _ in range(9):
        drawn.next()
    skipped.skip(9)
    a, b = drawn.next(), skipped.next()
    assert a.index == b.index == 9
    assert [thing.mask.sum() for thing in a.objects] == [thing.mask.sum() for thing in b.objects]


def test_masks_never_overlap_and_ids_stay() -> None:
    video = Video(11, 160, 120, objects=(6, 6))
    known: dict[int, str] = {}
    for _ in range(40):
        frame = video.next()
        covered = np.zeros(frame.image.shape[:2], int)
        for thing in frame.objects:
            covered += thing.mask
            assert known.setdefault(thing.id, thing.name) == thing.name
        assert covered.max(initial=0) <= 1


def test_things_move_cross_leave_and_come_back() -> None:
    video = Video(5, 160, 120, objects=(6, 6))
    seen = [{thing.id: thing.visible for thing in video.next().objects} for _ in range(600)]
    shares = [share for frame in seen for share in frame.values()]
    assert min(shares) < 0.6 and max(shares) > 0.95  # hidden in part, and whole
    returned = 0
    for identity in range(6):
        there = [identity in frame for frame in seen]
        returned += any(there[i] and not there[i + 1] and any(there[i + 2 :]) for i in range(len(there) - 2))
    assert returned >= 1


def test_things_are_drawn_whole_and_answer_to_their_names() -> None:
    sprite = np.zeros((40, 20, 4), np.uint8)
    sprite[4:36, 2:18] = (200, 150, 40, 255)
    dog = Thing("dog", "drawn", sprite, ("animal", "orange"), ("yellow",))
    for seed in range(20):
        frame = Video(seed, 160, 120, objects=(1, 1), damage=0, speed=0, hidden=0, things=[dog], share=1.0).next()
        for thing in frame.objects:
            assert (thing.color, thing.shape, thing.name) == ("", "dog", "dog")
            assert (
                thing.matches("dog")
                and thing.matches("animal")
                and thing.matches("things")
                and thing.matches("orange dog")
            )
            assert thing.answers("yellow dog") is None
            assert not thing.matches("shape") and thing.answers("red dog") is False
            if thing.visible > 0.99 and thing.mask.sum() > 300:
                color = np.median(frame.image[thing.mask], 0)
                assert color[0] > color[1] > color[2] + 20


def test_what_is_in_the_way_is_nobody() -> None:
    hidden = [Video(seed, 160, 120, objects=(1, 1), hidden=1.0, damage=0, speed=0).next() for seed in range(40)]
    bare = [Video(seed, 160, 120, objects=(1, 1), hidden=0.0, damage=0, speed=0).next() for seed in range(40)]
    assert all(len(frame.objects) <= 1 for frame in hidden)
    assert sum(thing.mask.sum() for frame in hidden for thing in frame.objects) < sum(
        thing.mask.sum() for frame in bare for thing in frame.objects
    )


def test_plain_worlds_use_nothing_of_wide_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the synthetic camera and the benchmarks show the pictures that they always showed."""
    for module, name in ((worlds, "ground"), (worlds, "shade"), (worlds, "Ground"), (outlines, "varied")):
        monkeypatch.delattr(module, name)
    assert Video(3, 160, 120).next().objects
    with pytest.raises(NameError):
        Video(3, 160, 120, variety=WIDE)


def test_in_wide_worlds_objects_differ_from_what_is_around_them() -> None:
    apart = []
    for seed in range(60):
        frame = Video(seed, 320, 240, objects=(1, 4), damage=0, speed=0, hidden=0, variety=WIDE).next()
        every = np.any([thing.mask for thing in frame.objects], 0) if frame.objects else np.zeros((240, 320), bool)
        for thing in frame.objects:
            around = cv2.dilate(thing.mask.astype(np.uint8), np.ones((11, 11))) > 0
            ring = around & ~cv2.dilate(every.astype(np.uint8), np.ones((5, 5))).astype(bool)
            if thing.mask.sum() > 80 and ring.sum() > 40 and not thing.more:
                inside, outside = (np.median(palette.lab(frame.image[each]), 0) for each in (thing.mask, ring))
                apart.append(float(np.linalg.norm(inside - outside)))
    assert len(apart) > 50
    assert np.percentile(apart, 3) > 8 and np.percentile(apart, 20) < 60  # seen, and often of low contrast

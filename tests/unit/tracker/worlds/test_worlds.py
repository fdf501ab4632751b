"""Worlds repeat by seed, and their truth is what the picture shows."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tracker.model.vocabulary import COLORS, PATTERNS, SHAPES
from tracker.worlds.looks import HSV
from tracker.worlds.things import Thing
from tracker.worlds.variety import PLAIN, WIDE
from tracker.worlds.worlds import Video, WorldObject


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


def test_every_colour_and_shape_turns_up() -> None:
    things = [thing for seed in range(120) for thing in Video(seed, 96, 72, variety=WIDE).next().objects]
    assert {thing.color for thing in things} == set(COLORS)
    assert {thing.shape for thing in things} == {*SHAPES, ""}
    assert {pattern for thing in things for pattern in thing.more} == set(PATTERNS)


def test_plain_worlds_hold_no_more_than_they_say() -> None:
    things = [thing for seed in range(60) for thing in Video(seed, 96, 72).next().objects]
    assert {thing.color for thing in things} == set(PLAIN.colors)
    assert {thing.shape for thing in things} == set(PLAIN.shapes)
    assert not any(thing.more for thing in things)


@pytest.mark.parametrize("color", COLORS)
def test_colours_look_like_their_names(color: str) -> None:
    """The median hue of an object is nearest to its own colour's, so that the names can be learnt at all."""
    middle = {name: hsv[0] for name, hsv in HSV.items()}
    hues = []
    for seed in range(200):
        frame = Video(seed, 96, 72, damage=0, variety=WIDE).next()
        hsv = cv2.cvtColor(frame.image, cv2.COLOR_RGB2HSV)
        hues += [
            float(np.median(hsv[thing.mask][:, 0]))
            for thing in frame.objects
            if thing.color == color and thing.countable and not thing.more
        ]
    nearest = [
        min(middle, key=lambda name: min(abs(hue - middle[name]), 180 - abs(hue - middle[name]))) for hue in hues
    ]
    assert len(hues) >= 5 and nearest.count(color) >= 0.9 * len(nearest)


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


def test_a_name_matches_by_colour_shape_or_anything() -> None:
    thing = WorldObject(0, "red", "star", np.ones((2, 2), bool), 1.0)
    for text in ("red star", "star", "a red thing", "red", "objects", "Stars"):
        assert thing.matches(text), text
    for text in ("blue star", "red circle", "blue thing", "dog", "striped star"):
        assert not thing.matches(text), text


def test_an_attribute_is_true_false_or_in_doubt() -> None:
    def star(x0: int, x1: int, side: int) -> WorldObject:
        mask = np.zeros((100, 100), bool)
        mask[:side, x0:x1] = True
        return WorldObject(0, "red", "star", mask, 1.0, ("striped",))

    large, little, middling = star(0, 30, 30), star(90, 95, 5), star(42, 58, 16)
    assert [each.answers("big star") for each in (large, little, middling)] == [True, False, False]
    assert [each.answers("tiny thing") for each in (large, little, middling)] == [False, True, False]
    assert star(0, 22, 22).answers("big thing") is None
    assert [each.answers("left") for each in (large, little, middling)] == [True, False, None]
    assert [each.answers("right star") for each in (large, little, middling)] == [False, True, None]
    assert large.answers("upper striped star") is True
    assert large.answers("bottom star") is False
    assert middling.answers("left circle") is False  # whatever its place


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


def test_a_moving_camera_takes_things_and_backdrop_along() -> None:
    moved = 0
    for seed in range(12):
        video = Video(seed, 160, 120, objects=(1, 1), damage=0, hidden=0, variety=WIDE)
        first, later = video.next(), [video.next() for _ in range(20)][-1]
        apart = [~(a.objects[0].mask | b.objects[0].mask) for a, b in [(first, later)] if a.objects and b.objects]
        if apart:
            moved += np.abs(first.image[apart[0]].astype(int) - later.image[apart[0]]).mean() > 2
    assert 2 <= moved <= 10


def test_slivers_do_not_count() -> None:
    mask = np.zeros((100, 100), bool)
    mask[0, :5] = True
    assert not WorldObject(0, "red", "star", mask, 1.0).countable
    mask[:20, :20] = True
    assert WorldObject(0, "red", "star", mask, 1.0).countable
    assert not WorldObject(0, "red", "star", mask, 0.1).countable

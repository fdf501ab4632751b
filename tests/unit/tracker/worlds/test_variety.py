"""Worlds are as varied as they say."""

from __future__ import annotations

from dataclasses import fields

from tracker.model.vocabulary import COLORS, PATTERNS, SHAPES
from tracker.worlds.variety import PLAIN, TINY, WIDE
from tracker.worlds.worlds import Video


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


def test_plain_is_nowhere_more_varied_than_wide() -> None:
    for field in fields(WIDE):
        plain, wide = getattr(PLAIN, field.name), getattr(WIDE, field.name)
        if field.name in ("squeeze", "quality"):  # the least of something
            assert plain >= wide, field.name
        elif field.name == "sizes":
            assert max(max(size) for size in wide) <= 448  # as many pixels as the network looks at
        elif field.name == "radius":
            assert TINY < wide[0] <= plain[0] < plain[1] <= wide[1]
        elif field.name in ("colors", "shapes"):
            assert set(plain) < set(wide)
        else:
            assert 0 <= plain <= wide <= 1, field.name

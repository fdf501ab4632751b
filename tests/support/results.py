"""Results made by hand, for tests of what carries them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from streamer.frame import Frame
from streamer.result import FrameInfo, Result
from tracker import Box, Key, Mask, Prompt, Stage, Step, Track, prompt_keys

WIDTH, HEIGHT = 64, 48
PLACE = "place"  # stands before the place of a prompt whose key is not known yet


def frame(index: int = 0, *, arrived: float = 0.0, rtp_timestamp: int | None = None, value: int = 0) -> Frame:
    """A plain small picture."""
    picture = np.full((HEIGHT, WIDTH, 3), value, np.uint8)
    return Frame(index, 0, index * 3000, Fraction(1, 90_000), rtp_timestamp, arrived, picture)


def _place(key: Key) -> int:
    place = key[1]
    assert isinstance(place, int)
    return place


def track(number: int, prompt: int | None, *, score: float = 0.9, tentative: bool = False) -> Track:
    """An object: a square of twenty pixels at (10, 5)."""
    dense = np.zeros((HEIGHT, WIDTH), bool)
    dense[5:25, 10:30] = True
    key = None if prompt is None else (PLACE, prompt)
    return Track(number, key, score, Box(10, 5, 30, 25), Mask.from_dense(dense), 3, Stage.REFINE, tentative)


def result(index: int = 0, tracks: tuple[Track, ...] = (), prompts: tuple[Prompt, ...] = (), **more: Any) -> Result:
    """What became of a frame."""
    keys = prompt_keys(prompts)
    tracks = tuple(replace(each, key=keys[_place(each.key)]) if each.key else each for each in tracks)
    step = Step(Stage.KEYFRAME, "interval", tracks, {}, more.pop("notes", {}))
    if "error" in more:
        step = None  # type: ignore[assignment]
    return Result(
        session="abc",
        frame=FrameInfo.of(frame(index)),
        prompts=prompts,
        step=step,
        error=more.pop("error", None),
        age=0.041,
        seconds=0.021,
        dropped=2,
    )

"""The nouns of the model side. Pixels of the frame everywhere; other box anchors exist only at the wire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tracker import rle

Key = tuple[object, ...]  # of a prompt, see Prompt.key


@dataclass(frozen=True, slots=True)
class Box:
    """An axis-aligned box in pixels of its frame: left, top, right, bottom; right and bottom exclusive."""

    x0: float
    y0: float
    x1: float
    y1: float

    def tiny(self, height: int, width: int) -> bool:
        """
        Whether it is less than a pixel wide or high, or no more than the first pixel of a picture of that size.

        Nobody draws such a box: its edges are shares of the picture, given by mistake.
        """
        first = self.x1 <= 1 and self.y1 <= 1 and height * width > 1
        return first or self.x1 - self.x0 < 1 or self.y1 - self.y0 < 1


@dataclass(frozen=True, slots=True)
class Point:
    """A click in pixels of its frame. ``positive`` means "this belongs to the object"."""

    x: float
    y: float
    positive: bool = True


@dataclass(frozen=True, slots=True)
class Prompt:
    """
    A concept to find: words, exemplar boxes, or both.

    ``labels`` goes with ``boxes`` (True: an example, False: a counter-example) and is as long as they are.
    ``threshold`` is the lowest confidence reported, 0 to 1.
    ``id`` is the client's own name for the prompt; :attr:`key` says whether two prompts are the same one.
    """

    text: str | None = None
    boxes: tuple[Box, ...] = ()
    labels: tuple[bool, ...] = ()
    threshold: float = 0.5
    id: str | None = None

    @property
    def key(self) -> Key:
        """What makes a prompt the same prompt: its id, else its text and boxes. Threshold and place do not count."""
        if self.id is not None:
            return ("id", self.id)
        return ("prompt", self.text, self.boxes, self.labels)


def prompt_keys(prompts: Sequence[Prompt]) -> list[Key]:
    """
    One key for each prompt; equal keys before and after an edit mean the same prompt.

    A prompt that is listed twice is two prompts: the second has a key of its own.
    """
    seen: dict[Key, int] = {}
    found: list[Key] = []
    for prompt in prompts:
        seen[prompt.key] = seen.get(prompt.key, 0) + 1
        found.append((prompt.key, seen[prompt.key]))
    return found


class Part(NamedTuple):
    """A part (h, w) of a picture that shows nothing else, its first pixel at ``top`` and ``left``."""

    pixels: npt.NDArray[np.bool_]
    top: int
    left: int


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """
    A binary mask as COCO run lengths: this is the mask type, dense arrays stay inside ``tracker``.

    ``held``: its ``counts``, or what these are packed of when they are first asked for, on any thread.
    """

    height: int
    width: int
    held: bytes | Part = field(repr=False)

    @property
    def counts(self) -> bytes:
        """The compressed COCO string (pycocotools' ``counts``), column-major, zeros first."""
        held = self.held
        if isinstance(held, Part):
            held = rle.encode_part(*held, self.height, self.width)
            object.__setattr__(self, "held", held)
        return held

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mask):
            return NotImplemented
        return (self.height, self.width, self.counts) == (other.height, other.width, other.counts)

    def __hash__(self) -> int:
        return hash((self.height, self.width, self.counts))

    def __reduce__(self) -> tuple[type[Mask], tuple[int, int, bytes]]:
        return Mask, (self.height, self.width, self.counts)

    @classmethod
    def from_dense(cls, dense: npt.NDArray[np.bool_]) -> Mask:
        """Encode a (height, width) array of bool or uint8."""
        return cls(dense.shape[0], dense.shape[1], rle.encode(dense))

    @classmethod
    def from_part(cls, part: npt.NDArray[np.bool_], top: int, left: int, height: int, width: int) -> Mask:
        """Encode a (height, width) picture that shows ``part`` at (top, left) and nothing else."""
        return cls(height, width, rle.encode_part(part, top, left, height, width))

    def dense(self) -> npt.NDArray[np.bool_]:
        """Decode to a (height, width) array of bool."""
        return rle.decode(self.counts, self.height, self.width)

    @property
    def area(self) -> int:
        """The number of pixels of the object."""
        return rle.area(self.counts, self.height, self.width)

    def polygons(self, *, holes: bool = False) -> list[rle.Polygon]:
        """The outer contours, largest first, each of at least three (x, y) pixels; ``holes``: for the even-odd rule."""
        return rle.polygons(self.counts, self.height, self.width, holes=holes)


@dataclass(frozen=True, slots=True)
class Detection:
    """One object found for one prompt on one frame."""

    prompt: int  # index in the list of prompts that was asked
    score: float
    box: Box
    mask: Mask


class Stage(StrEnum):
    """How a mask was made."""

    KEYFRAME = "keyframe"  # concept detection ran on this frame
    REFINE = "refine"  # the tracked object was followed on this frame's embedding
    FLOW = "flow"  # the last mask was warped; no encoder pass


@dataclass(frozen=True, slots=True)
class Track:
    """
    One followed object on one frame. ``id`` is never given twice in a stream.

    ``key``: of the prompt that found it, so that it is told apart wherever that stands in the list; None: made by a
    click or a box.
    """

    id: int
    key: Key | None
    score: float
    box: Box
    mask: Mask
    age: int  # looked-at frames since it was first seen
    stage: Stage
    tentative: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """
    What one step of the tracker made of one frame.

    ``timings`` holds seconds by stage name, of the stages that this frame went through:
    ``convert`` (to RGB, timed by who calls the tracker), ``compare`` (with the frame before: its motion's pictures, a
    cut, what is new), ``embed``, ``flow`` (masks moved along) or ``refine`` (moved along, and asked for one by one),
    ``detect`` (and bring together with the objects), ``refine the rest`` (those that detecting did not find),
    ``settle`` (which object owns which pixel), ``encode`` (masks to run lengths), ``appearance`` (what masks cover),
    ``memorize`` (on keyframes), ``keep`` (the frame, for clicks).
    ``prompt_notes`` has one entry for each prompt that rests, saying why (an exemplar with no object alive).
    """

    stage: Stage
    reason: str  # interval, prompts, confirm, start, resized, ...
    tracks: Sequence[Track]
    timings: dict[str, float] = field(default_factory=dict)
    prompt_notes: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a click or a box was answered with: the object it belongs to, on the frame that was really looked at."""

    object_id: int
    frame_index: int
    score: float


class TrackerError(Exception):
    """
    Base of what ``tracker`` raises for wrong use or wrong files; the message says what would be right.

    ``field`` is the part of an argument that was wrong, such as ``points[0].x``, where the message begins with it.
    """

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class FrameGone(TrackerError):
    """No embedding is kept near the frame that was named. ``available``: (oldest, newest) frame index, or None."""

    def __init__(self, message: str, available: tuple[int, int] | None) -> None:
        super().__init__(message)
        self.available = available


class UnknownObject(TrackerError):
    """No live object has that id."""


class Unable(TrackerError):
    """The model's weights have no part for what was asked; the message says which models have."""


class WeightsError(TrackerError):
    """A weights file is damaged, of another model, or cannot be had; the message names the keys or bytes."""

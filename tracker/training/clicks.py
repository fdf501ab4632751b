"""Interactive prompts: clicks, boxes and masks of a moment ago, on objects and on nothing."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from tracker.model.guides import ellipse, regions
from tracker.training.masks import MASK_SIDE, RelativeBox, box_of, shaken, shrink
from tracker.worlds.looks import Picture
from tracker.worlds.objects import Binary, WorldObject

TAKEN_AWAY = 0.15  # of the prompts, where there are two things: a negative click takes one out of a mask
CLEAREST = 0.5  # of the points: guided by the region with the clearest border, the others by any candidate
POINTS = 4  # room for points in one interactive prompt; a box takes two

Interactive = tuple[
    npt.NDArray[np.float32], npt.NDArray[np.int32], npt.NDArray[np.float32], bool, npt.NDArray[np.float32]
]


def interactive(
    rng: np.random.Generator,
    small: Picture,
    objects: list[WorldObject],
    seen: list[WorldObject],
    *,
    nothing: bool = True,
    alone: float = 0.0,
) -> Interactive:
    """
    One interactive prompt: points and labels, previous logits and whether they are given, and the right mask.

    ``small`` is the picture, (MASK_SIDE, MASK_SIDE, 3): points without a mask are guided by it. ``nothing`` says that
    it may also be about a place where nothing is; without it ``seen`` must not be empty. ``alone`` of the prompts are
    one click on a thing and no more.
    """
    one = bool(alone and seen and rng.random() < alone)
    asked = _one_click(rng, seen) if one else _asked(rng, objects, seen, nothing=nothing)
    points, labels, previous, given, truth = asked
    if not given:
        placed = np.asarray(points, np.float64)
        found = regions(small, placed[labels == 1], placed[labels == 0])
        previous = found[0] if rng.random() < CLEAREST else found[rng.integers(len(found))]
    return points, labels, previous, True, truth


def _asked(
    rng: np.random.Generator, objects: list[WorldObject], seen: list[WorldObject], *, nothing: bool
) -> Interactive:
    if nothing and (not seen or rng.random() < 0.1):
        return on_nothing(rng, objects)
    points, labels, previous = _blank()
    thing = seen[rng.integers(len(seen))]
    truth = shrink(thing.mask)
    apart = [other for other in seen if not (other.mask & thing.mask).any()] if rng.random() < TAKEN_AWAY else []
    if apart:
        return _too_much(rng, thing, apart, truth)
    kind = rng.random()
    if kind < 0.30:
        points[0], labels[0] = inside(rng, thing.mask), 1
        if kind < 0.08:
            points[1], labels[1] = _near(rng, thing.mask)
        return points, labels, previous, False, truth
    box = box_of(thing.mask)
    if kind < 0.62:
        drawn = shaken(rng, box, 0.08)
        points[:2], labels[:2] = _corners(drawn), (2, 3)
        if kind < 0.35:
            points[2], labels[2] = _near(rng, thing.mask)
        return points, labels, ellipse(drawn, MASK_SIDE), True, truth
    previous, moved = yesterday(rng, thing.mask)
    if rng.random() < 0.75:
        points[:2], labels[:2] = _corners(shaken(rng, moved, 0.06)), (2, 3)
    elif rng.random() < 0.5:
        points[0], labels[0] = inside(rng, thing.mask), 1
    return points, labels, previous, True, truth


def _one_click(rng: np.random.Generator, seen: list[WorldObject]) -> Interactive:
    """Of a thing and its part, which have masks of their own, the thing is more often meant."""
    points, labels, previous = _blank()
    sides = np.sqrt([each.mask.mean() for each in seen])
    thing = seen[rng.choice(len(seen), p=sides / sides.sum())]
    points[0], labels[0] = inside(rng, thing.mask), 1
    return points, labels, previous, False, shrink(thing.mask)


def _too_much(
    rng: np.random.Generator, thing: WorldObject, apart: list[WorldObject], truth: npt.NDArray[np.float32]
) -> Interactive:
    """A click on a thing, a negative click on a neighbour, mostly after a mask that held both: the neighbour goes."""
    points, labels, previous = _blank()
    cx, cy, *_ = box_of(thing.mask)
    nearest = sorted(apart, key=lambda other: abs(box_of(other.mask)[0] - cx) + abs(box_of(other.mask)[1] - cy))
    taken = nearest[: rng.integers(1, 3)]
    points[0], labels[0] = inside(rng, thing.mask), 1
    points[1], labels[1] = inside(rng, taken[0].mask), 0
    if rng.random() < 0.3:
        return points, labels, previous, False, truth
    both = np.maximum.reduce([truth, *(shrink(other.mask) for other in taken)])
    return points, labels, _stale(rng, both, np.zeros(2)), True, truth


def _blank() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    return (
        np.zeros((POINTS, 2), np.float32),
        np.full(POINTS, -1, np.int32),
        np.zeros((MASK_SIDE, MASK_SIDE), np.float32),
    )


def yesterday(rng: np.random.Generator, mask: Binary) -> tuple[npt.NDArray[np.float32], RelativeBox]:
    """For following: logits and box of an object, as far off as motion between two looks makes them."""
    cx, cy, w, h = box_of(mask)
    shift = rng.uniform(-0.15, 0.15, 2) * (w, h) * (1 if rng.random() < 0.8 else 2)
    return _stale(rng, shrink(mask), shift), (cx + shift[0], cy + shift[1], w, h)


def on_nothing(rng: np.random.Generator, objects: list[WorldObject]) -> Interactive:
    """A prompt for something that is not there (any more): a mask and box over plain background."""
    points, labels, previous = _blank()
    empty = np.zeros((MASK_SIDE, MASK_SIDE), np.float32)
    taken = np.maximum.reduce([shrink(thing.mask) for thing in objects]) if objects else empty
    radius = rng.uniform(0.05, 0.15)
    free = [xy for xy in rng.uniform(0.1, 0.9, (20, 2)) if not _cut(taken, xy, radius).any()]
    center = free[0] if free else np.array([0.5, 0.5])
    if not free:
        # No room: ask with a point only, on whatever is there.
        points[0], labels[0] = center, 1
        return points, labels, previous, False, _mask_at(objects, center)
    points[:2], labels[:2] = _corners((center[0], center[1], 2 * radius, 2 * radius)), (2, 3)
    rows, columns = (np.mgrid[:MASK_SIDE, :MASK_SIDE] + 0.5) / MASK_SIDE
    disc = ((columns - center[0]) ** 2 + (rows - center[1]) ** 2 < radius**2).astype(np.float32)
    return points, labels, _stale(rng, disc, np.zeros(2)), True, empty


def _cut(area: npt.NDArray[np.float32], center: npt.NDArray[np.float64], radius: float) -> npt.NDArray[np.float32]:
    x0, y0 = np.maximum((center - radius) * MASK_SIDE, 0).astype(int)
    x1, y1 = ((center + radius) * MASK_SIDE).astype(int) + 1
    return area[y0:y1, x0:x1]


def _mask_at(objects: list[WorldObject], xy: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    for thing in objects:
        height, width = thing.mask.shape
        if thing.mask[int(xy[1] * height), int(xy[0] * width)]:
            return shrink(thing.mask)
    return np.zeros((MASK_SIDE, MASK_SIDE), np.float32)


def inside(rng: np.random.Generator, mask: Binary) -> npt.NDArray[np.float64]:
    """A point on the object, relative to the picture, mostly away from its border as people click."""
    if rng.random() < 0.7:
        padded = np.pad(mask.astype(np.uint8), 1)
        depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
        rows, columns = np.nonzero(depth >= 0.5 * depth.max())
    else:
        rows, columns = np.nonzero(mask)
    pick = rng.integers(len(rows))
    return np.array([(columns[pick] + 0.5) / mask.shape[1], (rows[pick] + 0.5) / mask.shape[0]])


def _near(rng: np.random.Generator, mask: Binary) -> tuple[npt.NDArray[np.float64], int]:
    """A second point: another one on the object, or one beside it that is not of it."""
    if rng.random() < 0.4:
        return inside(rng, mask), 1
    cx, cy, w, h = box_of(mask)
    for _ in range(10):
        xy = np.clip(np.array([cx, cy]) + rng.uniform(-1, 1, 2) * (w, h), 0, 0.999)
        if not mask[int(xy[1] * mask.shape[0]), int(xy[0] * mask.shape[1])]:
            return xy, 0
    return inside(rng, mask), 1


def _corners(box: RelativeBox) -> npt.NDArray[np.float64]:
    cx, cy, w, h = box
    return np.array([[cx - w / 2, cy - h / 2], [cx + w / 2, cy + h / 2]])


def _stale(
    rng: np.random.Generator, truth: npt.NDArray[np.float32], shift: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]:
    """Logits as the last look left them: displaced, eroded or grown, of uncertain strength."""
    move = np.array([[1, 0, shift[0] * MASK_SIDE], [0, 1, shift[1] * MASK_SIDE]], np.float32)
    moved: npt.NDArray[np.float32] = np.asarray(cv2.warpAffine(truth, move, (MASK_SIDE, MASK_SIDE)), np.float32)
    size = int(rng.integers(0, 3))
    if size:
        kernel = np.ones((size + 1, size + 1), np.uint8)
        change = cv2.erode if rng.random() < 0.5 else cv2.dilate
        moved = np.asarray(change(moved, kernel), np.float32)
    soft = cv2.GaussianBlur(moved, (3, 3), 0) * 2 - 1
    return np.asarray(soft * rng.uniform(4, 20) + rng.normal(0, 0.5, soft.shape), np.float32)

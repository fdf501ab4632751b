"""
Photographs set in motion, to learn following on real textures: clips in which every region is known on each frame.

A camera moves over a photograph; the picture bends a little, as living things do; one region may move by itself, and
something cut out of another photograph may pass in front of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from tracker.worlds import scenes
from tracker.worlds.camera import Damage
from tracker.worlds.looks import Picture, Sprite
from tracker.worlds.objects import WorldObject
from tracker.worlds.scenes import Scene
from tracker.worlds.variety import WIDE, Variety

Matrix = npt.NDArray[np.float64]  # (2, 3)

REGIONS = 4  # known in a clip, at most
CAMERA = (0.18, 0.22, 0.22)  # shift in sides, log of the scale and radians that a camera moves by in a clip, at most
OWN = (0.35, 0.3, 0.4)  # the same of a region that moves by itself
BEND = 0.03  # sides by which the picture bends, at most
KNOTS = 4  # places along each side where it is said how much
PASSING = (0.15, 0.45)  # sides: the size of what passes in front
STEADY = 0.25  # of the clips: the camera stands still
ALONE = 0.5  # of the clips: one region moves by itself
PASSED = 0.5  # of the clips: something passes
TRIES = 8  # views drawn until one has a region in it


@dataclass(frozen=True, slots=True)
class Way:
    """A smooth way through a clip: where it leads by the end, and a sway about it."""

    leads: npt.NDArray[np.float64]  # (4,): x, y, log of the scale, radians
    sway: npt.NDArray[np.float64]
    rates: npt.NDArray[np.float64]
    phases: npt.NDArray[np.float64]

    @classmethod
    def drawn(cls, rng: np.random.Generator, most: tuple[float, float, float], strength: float = 1.0) -> Way:
        """At random; ``most``: shift, log of the scale, radians."""
        reach = np.array([most[0], *most]) * strength * rng.uniform(0, 1) ** 0.7
        leads, sway = rng.uniform(-1, 1, 4) * reach, rng.uniform(0, 0.4, 4) * reach
        return cls(leads, sway, rng.uniform(1, 7, 4), rng.uniform(0, 2 * math.pi, 4))

    def at(self, moment: float, unit: float, middle: npt.NDArray[np.float64]) -> Matrix:
        """The map of places in pixels at ``moment``, 0 to 1, turned and scaled about ``middle``; the first is none."""
        phase = self.rates * moment + self.phases
        x, y, scale, angle = self.leads * moment + self.sway * (np.sin(phase) - np.sin(self.phases))
        cos, sin = math.exp(scale) * math.cos(angle), math.exp(scale) * math.sin(angle)
        turn = np.array([[cos, -sin], [sin, cos]])
        return np.column_stack([turn, middle + np.array([x, y]) * unit - turn @ middle])


def clip(
    rng: np.random.Generator,
    scene: Scene,
    strangers: Sequence[Sprite],
    frames: int,
    size: tuple[int, int] = (320, 240),
    variety: Variety = WIDE,
) -> list[tuple[Picture, list[WorldObject]]]:
    """``frames`` pictures of ``size`` (width, height) and the regions that can be seen on each, without names."""
    width, height = size
    base, scene = _framed(rng, scene, width, height)
    scene = replace(scene, image=scenes.lit(rng, scene.image))
    unit, middle = float(min(size)), np.array(size) / 2
    camera = Way.drawn(rng, CAMERA, 0.0 if rng.random() < STEADY else 1.0)
    mover = int(rng.integers(len(scene.masks))) if rng.random() < ALONE else None
    own, behind = Way.drawn(rng, OWN), scene.image
    if mover is not None:
        scene, mover = _apart(scene, mover)
        behind = _without(scene.image, scene.masks[mover])
        at, alone = _center(scene, mover, base), replace(scene, masks=scene.masks[mover : mover + 1])
    passing = _Passing.drawn(rng, strangers, size) if strangers and rng.random() < PASSED else None
    bend, damage = _Bend.drawn(rng, width, height), Damage(rng, 0.8, variety)
    found = []
    for index in range(frames):
        moment = index / max(1, frames - 1)
        view = camera.at(moment, unit, middle)
        seen_from = _after(view, base)
        image = scenes.warped(behind, seen_from, size)
        objects = scenes.seen(scene, seen_from, width, height)
        if mover is not None:
            moved = _after(view, _after(own.at(moment, unit, at), base))
            one = next(iter(scenes.seen(alone, moved, width, height)), None)
            objects = [each for each in objects if each.id != mover]
            if one is not None:
                image = _over(image, scenes.warped(scene.image, moved, size), one.mask)
                objects = [_hidden(each, one.mask) for each in objects] + [replace(one, id=mover)]
        image, objects = bend.apply(image, objects, moment)
        if passing is not None:
            image, cover = passing.over(image, moment)
            objects = [_hidden(each, cover) for each in objects]
        found.append((damage.apply(image, moment), objects))
    return found


def _framed(rng: np.random.Generator, scene: Scene, width: int, height: int) -> tuple[Matrix, Scene]:
    """A view with a region in it, and the scene with some of those that can be seen there."""
    for attempt in range(TRIES):
        base = scenes.placed(rng, scene, width, height, whole=attempt == TRIES - 1)
        seen = [each.id for each in scenes.seen(scene, base, width, height) if each.countable]
        if seen:
            break
    chosen = rng.permutation(seen or [0])[:REGIONS]
    return base, replace(scene, masks=scene.masks[np.sort(chosen)])


def _apart(scene: Scene, mover: int) -> tuple[Scene, int]:
    """The scene without regions that lie partly in the one that moves, or around it; and its place among the rest."""
    mask = scene.masks[mover]
    kept = [row for row, other in enumerate(scene.masks) if row == mover or not (other & mask).any()]
    return replace(scene, masks=scene.masks[kept]), kept.index(mover)


def _without(image: Picture, mask: npt.NDArray[np.bool_]) -> Picture:
    """A photograph with a region filled from around it."""
    tall, wide = image.shape[:2]
    hole = cv2.resize(mask.astype(np.uint8), (wide, tall), interpolation=cv2.INTER_NEAREST)
    hole = cv2.dilate(hole, np.ones((5, 5), np.uint8))
    few = cv2.resize(image, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    small = cv2.dilate(cv2.resize(hole, few.shape[1::-1], interpolation=cv2.INTER_NEAREST), np.ones((3, 3), np.uint8))
    filled = cv2.resize(cv2.inpaint(few, small, 3, cv2.INPAINT_TELEA), (wide, tall), interpolation=cv2.INTER_CUBIC)
    return np.where(hole[..., None] > 0, filled, image).astype(np.uint8)


def _center(scene: Scene, row: int, base: Matrix) -> npt.NDArray[np.float64]:
    ratio = np.array([scene.image.shape[1] / scene.masks.shape[2], scene.image.shape[0] / scene.masks.shape[1]])
    rows, columns = np.nonzero(scene.masks[row])
    return np.asarray(base[:, :2] @ (np.array([columns.mean(), rows.mean()]) * ratio) + base[:, 2])


def _after(second: Matrix, first: Matrix) -> Matrix:
    return np.column_stack([second[:, :2] @ first[:, :2], second[:, :2] @ first[:, 2] + second[:, 2]])


def _over(image: Picture, other: Picture, mask: npt.NDArray[np.bool_]) -> Picture:
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.8)[..., None]
    return np.asarray(image + (other.astype(np.float32) - image) * soft, np.uint8)


def _hidden(each: WorldObject, cover: npt.NDArray[np.bool_]) -> WorldObject:
    left = each.mask & ~cover
    return replace(each, mask=left, visible=each.visible * float(left.sum()) / max(1, each.mask.sum()))


@dataclass(frozen=True, slots=True)
class _Bend:
    """How a picture bends: places by knots (2, KNOTS, KNOTS), at their own pace."""

    size: tuple[int, int]
    knots: npt.NDArray[np.float32]
    rates: npt.NDArray[np.float32]

    @classmethod
    def drawn(cls, rng: np.random.Generator, width: int, height: int) -> _Bend:
        reach = rng.uniform(0, BEND) * min(width, height)
        shape = (2, KNOTS, KNOTS)
        rates = rng.uniform(0.5, 5, shape).astype(np.float32)
        return cls((width, height), (rng.uniform(-reach, reach, shape)).astype(np.float32), rates)

    def apply(self, image: Picture, objects: list[WorldObject], moment: float) -> tuple[Picture, list[WorldObject]]:
        width, height = self.size
        now = self.knots * np.sin(self.rates * moment)
        x, y = (cv2.resize(each, self.size, interpolation=cv2.INTER_CUBIC) for each in now)
        x += np.arange(width, dtype=np.float32)[None]
        y += np.arange(height, dtype=np.float32)[:, None]
        bent = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        masks = [cv2.remap(each.mask.astype(np.uint8), x, y, cv2.INTER_NEAREST).astype(np.bool_) for each in objects]
        return np.asarray(bent, np.uint8), [replace(each, mask=mask) for each, mask in zip(objects, masks, strict=True)]


@dataclass(frozen=True, slots=True)
class _Passing:
    """Something cut out that goes straight through the picture, in front of everything."""

    sprite: Sprite
    start: npt.NDArray[np.float64]
    end: npt.NDArray[np.float64]

    @classmethod
    def drawn(cls, rng: np.random.Generator, strangers: Sequence[Sprite], size: tuple[int, int]) -> _Passing:
        unit = min(size)
        sprite = strangers[int(rng.integers(len(strangers)))]
        scale = rng.uniform(*PASSING) * unit / max(sprite.shape[:2])
        small = max(1, round(sprite.shape[1] * scale)), max(1, round(sprite.shape[0] * scale))
        sprite = np.asarray(cv2.resize(sprite, small, interpolation=cv2.INTER_AREA), np.uint8)
        around = rng.uniform(0, 2 * math.pi)
        middle = np.array(size) / 2 + rng.uniform(-0.3, 0.3, 2) * unit
        reach = rng.uniform(0.3, 1.0) * unit * np.array([math.cos(around), math.sin(around)])
        return cls(sprite, middle - reach, middle + reach)

    def over(self, image: Picture, moment: float) -> tuple[Picture, npt.NDArray[np.bool_]]:
        corner = self.start + (self.end - self.start) * moment - np.array(self.sprite.shape[1::-1]) / 2
        place = np.array([[1.0, 0, corner[0]], [0, 1.0, corner[1]]])
        size = image.shape[1::-1]
        laid = cv2.warpAffine(self.sprite, place, size, flags=cv2.INTER_LINEAR)
        alpha = laid[..., 3:].astype(np.float32) / 255
        return np.asarray(image + (laid[..., :3] - image.astype(np.float32)) * alpha, np.uint8), alpha[..., 0] > 0.5

"""
Photographs with regions that are known, as pictures to learn clicks and boxes on, and what is cut out of them.

Regions have no names, lie within one another where one is a part of the other, and are few: what lies around them may
be things as well. So nothing is asked of a scene in words, and nothing in it is said to be empty.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from tracker.worlds import photos, regions
from tracker.worlds.camera import Damage
from tracker.worlds.looks import Picture, Sprite
from tracker.worlds.objects import Binary, WorldObject, box_around
from tracker.worlds.variety import WIDE, Variety

WIDTHS = (320, 640)  # pixels of a camera's picture
ASPECTS = (4 / 3, 4 / 3, 16 / 9, 1.0, 3 / 4)
PART = (0.3, 1.0)  # of the photograph's sides that a view shows
FINEST = 0.45  # pixels of the photograph for one of the picture, at least: beyond it everything is blurred
ROLL = 0.14  # radians that a camera is turned by, at most
TRIES = 6  # views drawn until one has a region in it
SPRITE = (24, 128)  # pixels of the longer side of what is cut out: smaller ones are left out, larger ones scaled
FEATHER = 0.8  # pixels of softness on the border of what is cut out


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A photograph, (height, width, 3) RGB, and masks of regions in it, (regions, any size), largest first."""

    image: Picture
    masks: npt.NDArray[np.bool_]


def load(folder: Path) -> list[Scene]:
    """Every photograph that has regions. Raises FileNotFoundError that says how to build them."""
    pictures, found = photos.load(folder, scenes_only=True), regions.load(folder)
    return [Scene(image, found[key]) for key, image in pictures.items() if key in found and len(found[key])]


def view(rng: np.random.Generator, scene: Scene, variety: Variety = WIDE) -> tuple[Picture, list[WorldObject]]:
    """
    A scene as a camera sees it, and its regions without names.

    A part of it, mirrored or not, turned a little, in some light and colour, damaged as a camera's pictures are. At
    least one region is large enough to ask for.
    """
    width = int(rng.integers(WIDTHS[0], WIDTHS[1] + 1))
    height = round(width / float(rng.choice(ASPECTS)))
    for attempt in range(TRIES):
        matrix = placed(rng, scene, width, height, whole=attempt == TRIES - 1)
        objects = seen(scene, matrix, width, height)
        if any(each.countable for each in objects):
            break
    return Damage(rng, 0.8, variety).apply(lit(rng, warped(scene.image, matrix, (width, height))), 0.0), objects


def warped(image: Picture, matrix: npt.NDArray[np.float64], size: tuple[int, int]) -> Picture:
    """A photograph as ``matrix`` puts it onto a picture of ``size`` (width, height), mirrored beyond its edges."""
    shrink = 1 / math.sqrt(abs(np.linalg.det(matrix[:, :2])))
    image = image if shrink < 1.2 else np.asarray(cv2.GaussianBlur(image, (0, 0), 0.4 * shrink), np.uint8)
    laid = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(laid, np.uint8)


def lit(rng: np.random.Generator, image: Picture) -> Picture:
    """The same in other light: brightness, contrast, the colour of the light, and how strong colours are."""
    light = image.astype(np.float32)
    grey = light.mean(-1, keepdims=True)
    light = grey + (light - grey) * (0.0 if rng.random() < 0.06 else rng.uniform(0.5, 1.5))
    light = (light - 128) * rng.uniform(0.65, 1.25) + 128 + rng.uniform(-35, 35)
    return np.asarray(np.clip(light * rng.uniform(0.88, 1.12, 3), 0, 255), np.uint8)


def sprites(scenes: list[Scene]) -> list[Sprite]:
    """Every region that lies whole in its photograph, cut out with its own texture and a soft border."""
    found = []
    for scene in scenes:
        for mask in scene.masks:
            box = box_around(mask)
            if min(box.x0, box.y0) > 1 and box.x1 < mask.shape[1] - 1 and box.y1 < mask.shape[0] - 1:
                sprite = _cut(scene.image, mask)
                if max(sprite.shape[:2]) >= SPRITE[0]:
                    found.append(sprite)
    return found


def _cut(image: Picture, mask: Binary) -> Sprite:
    alpha = cv2.resize(mask.astype(np.float32), (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR)
    inner = cv2.erode(alpha, np.ones((3, 3), np.uint8))  # what lies behind shines through at the border itself
    soft = cv2.GaussianBlur((inner > 0.5).astype(np.float32), (0, 0), FEATHER)
    box = box_around(soft > 0.1) if (soft > 0.1).any() else box_around(alpha > 0.5)
    part = np.s_[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)]
    sprite = np.dstack([image[part], np.round(soft[part] * 255).astype(np.uint8)])
    scale = min(1.0, SPRITE[1] / max(sprite.shape[:2]))
    return np.asarray(cv2.resize(sprite, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def placed(rng: np.random.Generator, scene: Scene, width: int, height: int, *, whole: bool) -> npt.NDArray[np.float64]:
    """An affine map from the photograph to a picture that shows a part of it; ``whole``: all of it."""
    tall, wide = scene.image.shape[:2]
    if whole:
        return np.array([[width / wide, 0.0, 0.0], [0.0, height / tall, 0.0]])
    fits = min(wide / width, tall / height)  # pixels of the photograph for one of the picture
    scale = min(fits, max(FINEST, fits * rng.uniform(*PART)))
    stretch = scale * np.exp(rng.uniform(-0.12, 0.12, 2))
    half = np.array([width, height]) / 2
    reach = np.minimum(half * stretch, np.array([wide, tall]) / 2)
    masks = scene.masks
    box = box_around(masks[rng.integers(len(masks))])
    ratio = np.array([wide / masks.shape[2], tall / masks.shape[1]])
    aim = np.array([box.x0 + box.x1, box.y0 + box.y1]) / 2 * ratio + rng.uniform(-0.8, 0.8, 2) * reach
    middle = np.clip(aim, reach, np.array([wide, tall]) - reach)
    roll = rng.uniform(-ROLL, ROLL) if rng.random() < 0.5 else 0.0
    flip = -1.0 if rng.random() < 0.5 else 1.0
    turn = np.array([[math.cos(roll), -math.sin(roll)], [math.sin(roll), math.cos(roll)]])
    linear = turn @ np.diag([flip / stretch[0], 1 / stretch[1]])
    return np.column_stack([linear, half - linear @ middle])


def seen(scene: Scene, matrix: npt.NDArray[np.float64], width: int, height: int) -> list[WorldObject]:
    """The regions of a scene that can be seen where ``matrix`` puts it, their ids their places in ``masks``."""
    tall, wide = scene.image.shape[:2]
    ratio = np.array([wide / scene.masks.shape[2], tall / scene.masks.shape[1]])
    place = matrix @ np.diag([*ratio, 1.0])
    place[:, 2] += matrix[:, :2] @ (ratio - 1) / 2  # the middles of pixels, not their corners
    grown = abs(np.linalg.det(place[:, :2]))
    found = []
    for number, mask in enumerate(scene.masks):
        soft = cv2.warpAffine(mask.astype(np.float32), place, (width, height), flags=cv2.INTER_LINEAR)
        seen = np.asarray(soft > 0.5, np.bool_)
        if seen.any():
            found.append(WorldObject(number, "", "", seen, float(min(1.0, seen.sum() / (mask.sum() * grown)))))
    return found

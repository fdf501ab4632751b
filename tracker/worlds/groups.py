"""
Things of one look beside each other on a photograph, as pictures to learn on that a click takes one of them.

Cups on a table, people on a street, boxes on a shelf: what tells one from the next is its border, not its look. Their
masks are known, because they are pasted: drawings, and regions cut out of photographs.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from tracker.worlds.camera import Damage
from tracker.worlds.looks import Picture, Sprite, dressed, part_of
from tracker.worlds.objects import Binary, WorldObject
from tracker.worlds.scenes import ASPECTS, WIDTHS, lit
from tracker.worlds.variety import WIDE, Variety

Places = npt.NDArray[np.float64]

GROUPS = (1, 4)  # of one look each, in a picture
MEMBERS = (1, 6)  # of a group
SIDES = (0.04, 0.4)  # of the picture's width: the longer side of a thing with its margin, a quarter of it
BESIDE = 0.6  # of the groups: one stands to the right of the other, as on a table
GAPS = (0.8, 1.4)  # of that side, from the middle of one to that of the next: close, few hide each other


def view(
    rng: np.random.Generator, photos: list[Picture], sprites: list[Sprite], variety: Variety = WIDE
) -> tuple[Picture, list[WorldObject]]:
    """
    A picture at one of a camera's sizes, (height, width, 3) RGB, and its things without names, those in front last.

    Between and behind them may be other things: what lies on the photograph is not listed.
    """
    width = int(rng.integers(WIDTHS[0], WIDTHS[1] + 1))
    height = round(width / float(rng.choice(ASPECTS)))
    image = part_of(rng, width, height, photos[rng.integers(len(photos))]).astype(np.float32)
    masks: list[Binary] = []
    whole: list[int] = []
    for _ in range(rng.integers(GROUPS[0], GROUPS[1] + 1)):
        sprite = sprites[rng.integers(len(sprites))]
        side = width * math.exp(rng.uniform(*np.log(SIDES)))
        step = side * rng.uniform(*GAPS)
        turn = rng.normal(0, 0.15) if rng.random() < BESIDE else rng.uniform(0, 2 * math.pi)
        place = rng.uniform(0, 1, 2) * (width, height)
        for _ in range(rng.integers(MEMBERS[0], MEMBERS[1] + 1)):
            alpha = _paste(rng, image, dressed(rng, sprite), side * rng.uniform(0.85, 1.15), place)
            place = place + step * np.array([math.cos(turn), math.sin(turn)]) + rng.normal(0, 0.08 * side, 2)
            masks = [mask & ~alpha for mask in masks] + [alpha]
            whole.append(int(alpha.sum()))
    objects = [
        WorldObject(number, "", "", mask, float(mask.sum() / area))
        for number, (mask, area) in enumerate(zip(masks, whole, strict=True))
        if mask.any()
    ]
    picture = np.asarray(np.clip(image, 0, 255), np.uint8)
    return Damage(rng, 0.8, variety).apply(lit(rng, picture), 0.0), objects


def _paste(
    rng: np.random.Generator, image: npt.NDArray[np.float32], sprite: Sprite, side: float, place: Places
) -> Binary:
    """Lay a sprite, its longer side ``side`` pixels, onto ``image``, its middle at ``place`` (x, y): what it covers."""
    tall, wide = sprite.shape[:2]
    scale, roll = side / max(tall, wide), rng.normal(0, 0.12)
    cos, sin = scale * math.cos(roll), scale * math.sin(roll)
    x, y = place
    matrix = np.array(
        [[cos, -sin, x - cos * wide / 2 + sin * tall / 2], [sin, cos, y - sin * wide / 2 - cos * tall / 2]]
    )
    light = sprite.astype(np.float32)
    light[..., :3] *= light[..., 3:] / 255  # what is outside has no colour that could come in
    if scale < 0.8:
        light = np.asarray(cv2.GaussianBlur(light, (0, 0), 0.4 / scale), np.float32)
    height, width = image.shape[:2]
    laid = cv2.warpAffine(light, matrix, (width, height), flags=cv2.INTER_LINEAR)
    cover = laid[..., 3:] / 255
    image *= 1 - cover
    image += laid[..., :3]
    return np.asarray(cover[..., 0] > 0.5, np.bool_)

"""What things and places look like: outlines, the paint inside them, backdrops, and what is in the way."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tracker.model.vocabulary import COLORS, SHAPES
from tracker.worlds.variety import Variety

Picture = npt.NDArray[np.uint8]  # (height, width, 3) RGB
Sprite = npt.NDArray[np.uint8]  # (height, width, 4) RGBA
Color = npt.NDArray[np.floating[Any]]  # (3,) RGB
Outline = tuple[npt.NDArray[np.float64], ...]  # (N, 2) x, y each, about one unit from the middle; the second is a hole

# Hue in OpenCV's degrees/2, saturation and value: the middle of each colour and how far an object may stray from it.
HSV = {
    "red": (1, 215, 205),
    "orange": (14, 225, 240),
    "yellow": (28, 205, 240),
    "green": (60, 190, 165),
    "cyan": (90, 190, 220),
    "blue": (112, 210, 210),
    "purple": (138, 165, 170),
    "pink": (164, 120, 245),
}
_HSV_SPREAD = (3, 32, 32)
_HUE_ENDS = (9, 20, 34, 78, 98, 125, 150, 173)  # where red, orange, … and pink end, by what people call them


def _arc(radius: float, x: float, start: float, end: float, steps: int) -> npt.NDArray[np.float64]:
    angles = np.linspace(start, end, steps)
    return np.stack([x + radius * np.cos(angles), radius * np.sin(angles)], 1)


def _star() -> npt.NDArray[np.float64]:
    angles = np.arange(10) * math.pi / 5
    radii = np.where(np.arange(10) % 2 == 0, 1.2, 0.5)
    return np.stack([radii * np.sin(angles), -radii * np.cos(angles)], 1)


def _heart() -> npt.NDArray[np.float64]:
    t = np.linspace(0, 2 * math.pi, 40, endpoint=False)
    x = 16 * np.sin(t) ** 3
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
    return np.stack([x / 15.5, (y - 2) / 15.5], 1)


def _cross(arm: float = 0.36) -> npt.NDArray[np.float64]:
    a, b = arm, 1.1
    corners = [
        (-a, -b),
        (a, -b),
        (a, -a),
        (b, -a),
        (b, a),
        (a, a),
        (a, b),
        (-a, b),
        (-a, a),
        (-b, a),
        (-b, -a),
        (-a, -a),
    ]
    return np.array(corners)


def _crescent() -> npt.NDArray[np.float64]:
    outer = _arc(1.1, 0.3, math.pi * 0.30, math.pi * 1.70, 30)
    dent = _arc(0.88, 0.75, math.pi * 1.62, math.pi * 0.38, 24)
    return np.concatenate([outer, dent])


OUTLINES: dict[str, Outline] = {
    "circle": (_arc(1.0, 0, 0, 2 * math.pi * 47 / 48, 48),),
    "square": (np.array([(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]),),
    "triangle": (np.array([(0.0, -1.15), (1.05, 0.75), (-1.05, 0.75)]),),
    "star": (_star(),),
    "heart": (_heart(),),
    "cross": (_cross(),),
    "ring": (_arc(1.05, 0, 0, 2 * math.pi * 47 / 48, 48), _arc(0.58, 0, 0, 2 * math.pi * 31 / 32, 32)),
    "crescent": (_crescent(),),
}
assert tuple(OUTLINES) == SHAPES and tuple(HSV) == COLORS


def blob(rng: np.random.Generator) -> Outline:
    """An outline that has no name."""
    angles = np.linspace(0, 2 * math.pi, 40, endpoint=False)
    waves = sum(rng.uniform(-0.28, 0.28) / k * np.cos(k * angles + rng.uniform(0, 2 * math.pi)) for k in (2, 3, 4, 5))
    radii = 1 + np.asarray(waves)
    return (np.stack([radii * np.cos(angles) * rng.uniform(0.5, 1), radii * np.sin(angles)], 1),)


def color_of(rng: np.random.Generator, name: str) -> Color:
    """One of the colours that a name stands for."""
    hsv = np.array(HSV[name]) + np.array(_HSV_SPREAD) * rng.uniform(-1, 1, 3)
    return _rgb(hsv)


def dull(rng: np.random.Generator) -> Color:
    """A colour that nobody would name: grey, with a tinge."""
    return _rgb(np.array([rng.uniform(0, 180), rng.uniform(0, 50), rng.uniform(15, 245)]))


def _rgb(hsv: npt.NDArray[np.float64]) -> Color:
    pixel = np.array([[[hsv[0] % 180, min(hsv[1], 255), min(hsv[2], 255)]]], np.uint8)
    return np.asarray(cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0], np.float64)


@dataclass(slots=True)
class Paint:
    """What fills an outline."""

    color: Color
    far: Color  # at the other end of its shading
    ramp: float  # direction of the shading, radians; NaN: from the middle outwards
    pattern: str  # "", "striped" or "dotted"
    second: Color  # of the pattern
    period: float  # of the pattern, in radii
    line: Color | None  # around the outline
    line_width: float  # in radii
    photo: Picture | None  # whose light and shade lie on it
    alpha: float  # 1: hides what is behind it
    shine: float = 0.0  # of a light spot, 0 to 1
    shine_at: tuple[float, float] = (0.0, 0.0)  # where that is, in radii
    dim: float = 0.0  # how much darker it is toward its border, 0 to 1

    @classmethod
    def drawn(cls, rng: np.random.Generator, color: Color, photos: list[Picture], variety: Variety) -> Paint:
        """Any paint of a colour."""
        kind = rng.random()
        pattern = "" if kind >= variety.patterns else "striped" if kind < 0.65 * variety.patterns else "dotted"
        light = rng.random() < 0.6
        other = np.clip(color * (1 - 0.75) + 255 * 0.75, 0, 255) if light else color * 0.3
        photo = photos[rng.integers(len(photos))] if photos and not pattern and rng.random() < variety.photos else None
        return cls(
            color=color,
            far=np.clip(color * rng.uniform(0.6, 1.2), 0, 255) if rng.random() < 0.8 else color,
            ramp=rng.uniform(0, 2 * math.pi) if rng.random() < 0.75 else math.nan,
            pattern=pattern,
            second=other if rng.random() < 0.8 else dull(rng),
            period=rng.uniform(0.35, 0.75),
            line=(color * rng.uniform(0.15, 0.6) if rng.random() < 0.7 else dull(rng))
            if rng.random() < variety.lines
            else None,
            line_width=rng.uniform(0.05, 0.16),
            photo=photo,
            alpha=rng.uniform(0.8, 0.95) if rng.random() < variety.glassy else 1.0,
        )

    def light(self) -> Paint:
        """The same in numbers that are quick to paint with; what is drawn differs by single shades."""
        color = self.color.astype(np.float32)
        return replace(self, color=color, far=color if self.far is self.color else self.far.astype(np.float32))

    def finished(self, rng: np.random.Generator) -> Paint:
        """The same as a print or a drawing program has it: flat, or with a light spot, or darker inside its border."""
        kind = rng.random()
        if kind < 0.55:
            return replace(self, far=self.color)
        if kind < 0.8:
            spot = (float(rng.uniform(-0.5, 0.5)), float(rng.uniform(-0.5, 0.2)))
            return replace(self, shine=float(rng.uniform(0.3, 0.8)), shine_at=spot)
        return replace(self, dim=float(rng.uniform(0.1, 0.35)))

    def fill(self, across: npt.NDArray[np.float32], down: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Colours (h, w, 3) at places of the thing's own, in radii from its middle."""
        if math.isnan(self.ramp):
            share: npt.NDArray[np.float32] = np.clip(across**2 + down**2, 0, 1)
        else:
            share = np.clip((across * math.cos(self.ramp) + down * math.sin(self.ramp) + 1) / 2, 0, 1)
        if self.far is self.color:
            paint = np.full((*share.shape, 3), self.color, np.float32)
        else:
            paint = (self.color + share[..., None] * (self.far - self.color)).astype(np.float32)
        if self.pattern == "striped":
            paint[np.mod(down, self.period) < self.period * 0.45] = self.second
        elif self.pattern == "dotted":
            x, y = (np.mod(each, self.period) - self.period / 2 for each in (across, down))
            paint[x**2 + y**2 < (0.3 * self.period) ** 2] = self.second
        if self.dim:
            paint *= (1 - self.dim * np.clip(across**2 + down**2, 0, 1))[..., None]
        if self.shine:
            away = (across - self.shine_at[0]) ** 2 + (down - self.shine_at[1]) ** 2
            paint += (255 - paint) * (self.shine * np.exp(away * np.float32(-18)))[..., None]
        if self.photo is not None:
            height, width = self.photo.shape[:2]
            rows = ((down + 1.5) / 3 * (height - 1)).astype(int).clip(0, height - 1)
            columns = ((across + 1.5) / 3 * (width - 1)).astype(int).clip(0, width - 1)
            light = self.photo[rows, columns].mean(-1, keepdims=True)
            paint *= 0.55 + 0.6 * light / 255
        return paint


def dressed(rng: np.random.Generator, sprite: Sprite) -> Sprite:
    """A thing as a camera sees it: mirrored or not, a little from the side, in some light, with or without a shadow."""
    height, width = sprite.shape[:2]
    margin = max(height, width) // 6
    sprite = np.pad(sprite, ((margin, margin), (margin, margin), (0, 0)))
    if rng.random() < 0.5:
        sprite = sprite[:, ::-1]
    rows, columns = sprite.shape[:2]
    corners = np.array([(0, 0), (columns, 0), (columns, rows), (0, rows)], np.float32)
    moved = corners + rng.uniform(-0.08, 0.08, (4, 2)).astype(np.float32) * (columns, rows)
    warp = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    sprite = np.asarray(cv2.warpPerspective(np.ascontiguousarray(sprite), warp, (columns, rows)), np.uint8)
    light = rng.uniform(0.7, 1.15) * rng.uniform(0.93, 1.07, 3)
    sprite[..., :3] = np.clip(sprite[..., :3] * light + rng.uniform(0, 25), 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        alpha = sprite[..., 3]
        shift = rng.integers(-margin // 2, margin // 2 + 1, 2)
        shade = cv2.GaussianBlur(np.roll(alpha, shift, (0, 1)), (0, 0), margin / 4) * rng.uniform(0.2, 0.45)
        behind = np.asarray(shade, np.float32) * (1 - alpha / 255)
        cover = alpha + behind
        sprite[..., :3] = (sprite[..., :3] * (alpha / np.maximum(cover, 1))[..., None]).astype(np.uint8)
        sprite[..., 3] = np.clip(cover, 0, 255).astype(np.uint8)  # shadows stay under half
    return sprite


def cut_out(rng: np.random.Generator, photos: list[Picture], side: int = 128) -> Sprite:
    """Something nobody has a name for: one to three parts, each a piece of a photograph, some alike, some not."""
    sprite = np.zeros((side, side, 4), np.uint8)
    piece = _piece(rng, photos, side)
    for part in range(int(rng.integers(1, 4))):
        if part and rng.random() < 0.6:
            piece = _piece(rng, photos, side)
        reach = side * (0.42 if part == 0 else rng.uniform(0.12, 0.3))
        middle = np.full(2, side / 2) if part == 0 else rng.uniform(0.25, 0.75, 2) * side
        kind, stretch = rng.random(), rng.uniform(0.3, 1.0)
        points = OUTLINES["circle"][0] if kind < 0.3 else OUTLINES["square"][0] if kind < 0.5 else blob(rng)[0]
        turn = rng.uniform(0, math.pi)
        around = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
        outline = (points * reach * (stretch, 1.0)) @ around.T + middle
        cover = np.zeros((side, side), np.uint8)
        cv2.fillPoly(cover, [outline.round().astype(np.int32)], 255, cv2.LINE_AA)
        share = cover[..., None] / 255.0
        sprite[..., :3] = sprite[..., :3] * (1 - share) + piece * share
        sprite[..., 3] = np.maximum(sprite[..., 3], cover)
    return sprite


def _piece(rng: np.random.Generator, photos: list[Picture], side: int) -> npt.NDArray[np.float64]:
    """A square piece of a photograph in some light, or a plain colour with a little of one on it."""
    photo = photos[rng.integers(len(photos))]
    reach = int(rng.uniform(0.1, 0.6) * min(photo.shape[:2]))
    top, left = (int(rng.integers(0, length - reach + 1)) for length in photo.shape[:2])
    square = cv2.resize(photo[top : top + reach, left : left + reach], (side, side)).astype(np.float64)
    if rng.random() < 0.4:
        square = rng.uniform(10, 245, 3) * (0.6 + 0.5 * square.mean(-1, keepdims=True) / 255)
    return np.clip(square * rng.uniform(0.6, 1.2, 3), 0, 255)


def named_colors(sprite: Sprite) -> dict[str, float]:
    """The share of a thing that has each named colour; black, white, grey and brown are none of them."""
    hsv = cv2.cvtColor(np.ascontiguousarray(sprite[..., :3]), cv2.COLOR_RGB2HSV).astype(int)
    seen = sprite[..., 3] > 127
    hue, saturation, value = (hsv[..., place][seen] for place in range(3))
    strong = (saturation >= 80) & (value >= 60)
    names = list(HSV)
    nearest = np.digitize(hue, _HUE_ENDS) % len(names)  # past pink it is red again
    brown = np.isin(nearest, (names.index("red"), names.index("orange"), names.index("yellow"))) & (value < 150)
    pale = (nearest == names.index("red")) & (saturation < 150) & (value > 190)
    nearest[pale] = names.index("pink")
    counted = nearest[strong & ~brown]
    return {name: float((counted == place).sum() / max(1, seen.sum())) for place, name in enumerate(names)}


def backdrop(rng: np.random.Generator, width: int, height: int, photos: list[Picture]) -> Picture:
    """What lies behind everything: a photograph, or soft patches of dull colour with stripes, grain or grey things."""
    if photos and rng.random() < 0.45:
        return photograph(rng, width, height, photos[rng.integers(len(photos))])
    cells = rng.integers(2, 9)
    base = rng.integers(20, 230, (cells, cells, 3)).astype(np.float32)
    # Backdrops are duller than objects: an object is what stands out in colour.
    base = base.mean(-1, keepdims=True) + (base - base.mean(-1, keepdims=True)) * rng.uniform(0.0, 0.55)
    image = cv2.resize(base, (width, height), interpolation=cv2.INTER_CUBIC)
    image = image * rng.uniform(0.4, 1.0) + rng.uniform(0, 100)
    kind = rng.random()
    if kind < 0.3:
        image += _stripes(rng, width, height)[..., None]
    elif kind < 0.6:
        cell = int(rng.integers(2, 7))
        grain = rng.normal(0, rng.uniform(4, 18), (height // cell + 1, width // cell + 1, 1)).astype(np.float32)
        image += cv2.resize(grain, (width, height), interpolation=cv2.INTER_LINEAR)[..., None]
    picture: Picture = np.clip(image, 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        _clutter(rng, picture)
    return picture


def part_of(rng: np.random.Generator, width: int, height: int, photo: Picture) -> Picture:
    """A piece of a photograph, at any scale, mirrored or not."""
    share = rng.uniform(0.35, 1.0)
    tall, wide = photo.shape[:2]
    scale = share * min(tall / height, wide / width)
    piece_height, piece_width = max(8, int(height * scale)), max(8, int(width * scale))
    top, left = rng.integers(0, tall - piece_height + 1), rng.integers(0, wide - piece_width + 1)
    piece = photo[top : top + piece_height, left : left + piece_width]
    if rng.random() < 0.5:
        piece = piece[:, ::-1]
    return np.asarray(cv2.resize(piece, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def photograph(rng: np.random.Generator, width: int, height: int, photo: Picture) -> Picture:
    """A piece of a photograph, at any scale and of toned-down colour: strong colours are for objects."""
    image = part_of(rng, width, height, photo)
    color, gain, base = rng.uniform(0.0, 0.8), rng.uniform(0.5, 1.0), rng.uniform(0, 60)
    mixed = np.full((3, 4), gain * (1 - color) / 3)  # of the mean of the channels and each of them
    mixed[:, :3] += gain * color * np.eye(3)
    mixed[:, 3] = base
    return np.asarray(cv2.transform(image, mixed), np.uint8)


def _stripes(rng: np.random.Generator, width: int, height: int) -> npt.NDArray[np.float32]:
    angle, period = rng.uniform(0, math.pi), rng.uniform(0.03, 0.3) * min(width, height)
    across = np.arange(width)[None] * math.cos(angle) + np.arange(height)[:, None] * math.sin(angle)
    return (np.sin(across * 2 * math.pi / period) * rng.uniform(5, 25)).astype(np.float32)


def _clutter(rng: np.random.Generator, picture: Picture) -> None:
    """Grey lines and blobs that are nothing anyone can ask for."""
    height, width = picture.shape[:2]
    for _ in range(rng.integers(1, 9)):
        color = dull(rng).tolist()
        ends = rng.integers(0, (width, height), (2, 2))
        if rng.random() < 0.5:
            thickness = int(rng.integers(1, max(2, min(width, height) // 40)))
            cv2.line(picture, ends[0].tolist(), ends[1].tolist(), color, thickness, cv2.LINE_AA)
        else:
            around = rng.normal(0, min(width, height) * 0.08, (6, 2)) + ends[0]
            cv2.fillPoly(picture, [cv2.convexHull(around.astype(np.int32))], color, cv2.LINE_AA)

"""
Flat pictures as a drawing program makes them, on mottled ground, to see whether nano finds small things anywhere.

Only for evaluation: nothing is trained on it, and it shares no drawing, proportions or colours with the other
renderers. Shapes are tests of which of 4 by 4 places in each pixel lie inside. They do not overlap, and are all whole.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from tracker.worlds.objects import WorldObject

Floats = npt.NDArray[np.floating[Any]]
Inside = npt.NDArray[np.bool_]
Place = tuple[float, float, float]  # x, y and radius of a shape, pixels

SMALL_NUMBER, SMALL_WIDTHS = 14, (0.05, 0.09)  # of the picture's width
PLAIN_NUMBER, PLAIN_WIDTHS = 3, (0.12, 0.24)
_SIZES = ((640, 480), (800, 600), (960, 540), (1280, 720), (720, 720))
_PARTS = 4  # places along each side of a pixel
_REACH = 1.25  # of a shape, in radii: the corners of a square

# Sass, Tailwind and Open Color call these by such names: #rrggbb.
PAINTS = {
    "red": ("e03131", "ef4444", "c92a2a", "dc2626", "fa1e1e"),
    "orange": ("fd7e14", "f97316", "f76707", "ff8c1a"),
    "yellow": ("ffd60a", "fde047", "facc15", "ffec3d"),
    "green": ("2f9e44", "22c55e", "16a34a", "37b24d", "15803d"),
    "cyan": ("22d3ee", "15c5d8", "3bd5e6", "0bbfcf"),
    "blue": ("2563eb", "1d4ed8", "3b5bdb", "1c5fd4", "2f6df6"),
    "purple": ("7e22ce", "862e9c", "9333ea", "7b2cbf", "6b21a8"),
    "pink": ("ec4899", "f472b6", "f783ac", "ff6fb5"),
}


def draw_still(
    rng: np.random.Generator, seed: int, small: bool = False
) -> tuple[npt.NDArray[np.uint8], list[WorldObject]]:
    """Three plain shapes, or many small ones on mottle; ``seed`` decides everything, ``rng`` is left as it is."""
    del rng
    own = np.random.default_rng((seed, 3))
    width, height = _SIZES[own.integers(len(_SIZES))]
    image = _mottle(own, width, height) if small or own.random() < 0.5 else _even(own, width, height)
    widths, number = (SMALL_WIDTHS, SMALL_NUMBER) if small else (PLAIN_WIDTHS, PLAIN_NUMBER)
    taken: list[Place] = []
    objects = []
    for identity in range(number):
        place = _free(own, taken, widths, width, height)
        taken.append(place)
        color, paint = _seen(own, image, *place)
        shape = str(own.choice(list(SHAPES)))
        mask = np.zeros((height, width), np.bool_)
        _draw(own, image, mask, shape, paint, place)
        objects.append(WorldObject(identity, color, shape, mask, 1.0))
    return _saved(own, image), objects


# Shapes: whether places x, y (down), in units of half its width, lie inside; ``k`` is a proportion, 0 to 1.


def _polygon(x: Floats, y: Floats, corners: list[tuple[float, float]]) -> Inside:
    """Inside by the number of edges that a line to the right crosses."""
    inside = np.zeros(x.shape, np.bool_)
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        if ay != by:
            inside ^= ((ay > y) != (by > y)) & (x < ax + (y - ay) * ((bx - ax) / (by - ay)))
    return inside


def _square(x: Floats, y: Floats, k: float) -> Inside:
    del k
    return np.asarray(np.maximum(np.abs(x), np.abs(y)) < 0.82)


def _triangle(x: Floats, y: Floats, k: float) -> Inside:
    return _polygon(x, y, [(0, -0.85 - 0.1 * k), (0.93, 0.72), (-0.93, 0.72)])


def _star(x: Floats, y: Floats, k: float) -> Inside:
    turns = [(1.0 if i % 2 == 0 else 0.38 + 0.1 * k, i * math.pi / 5) for i in range(10)]
    return _polygon(x, y, [(r * math.sin(a), -r * math.cos(a)) for r, a in turns])


def _heart(x: Floats, y: Floats, k: float) -> Inside:
    """The sextic (x² + y² - 1)³ = x² y³."""
    across, up = x * 1.2, 0.12 - y * (1.15 + 0.1 * k)
    return np.asarray((across**2 + up**2 - 1) ** 3 < across**2 * up**3)


def _cross(x: Floats, y: Floats, k: float) -> Inside:
    far, near = np.maximum(np.abs(x), np.abs(y)), np.minimum(np.abs(x), np.abs(y))
    return np.asarray((far < 0.95) & (near < 0.27 + 0.1 * k))


def _ring(x: Floats, y: Floats, k: float) -> Inside:
    away = x**2 + y**2
    return np.asarray((away < 1) & (away > (0.5 + 0.15 * k) ** 2))


def _crescent(x: Floats, y: Floats, k: float) -> Inside:
    side = 1 if k < 0.5 else -1
    return np.asarray((x**2 + y**2 < 1) & ((x * side - 0.42) ** 2 + (y + 0.1) ** 2 > 0.78**2))


SHAPES: dict[str, Callable[[Floats, Floats, float], Inside]] = {
    "circle": lambda x, y, k: np.asarray(x**2 + y**2 < 1),
    **{each.__name__[1:]: each for each in (_square, _triangle, _star, _heart, _cross, _ring, _crescent)},
}


def _free(rng: np.random.Generator, taken: list[Place], widths: tuple[float, float], width: int, height: int) -> Place:
    """A place where a shape covers no other. There is one: all of them together cover less than half of a picture."""
    while True:
        radius = float(rng.uniform(*widths)) * width / 2
        edge = _REACH * radius + 1
        x, y = float(rng.uniform(edge, width - edge)), float(rng.uniform(edge, height - edge))
        if all(math.hypot(x - ox, y - oy) > _REACH * (radius + other) for ox, oy, other in taken):
            return x, y, radius


def _seen(rng: np.random.Generator, image: Floats, x: float, y: float, radius: float) -> tuple[str, Floats]:
    """A colour and its name, such that it is seen on the ground at that place."""
    reach = int(radius) + 1
    behind = image[max(0, int(y) - reach) : int(y) + reach, max(0, int(x) - reach) : int(x) + reach].mean((0, 1))
    while True:
        name = str(rng.choice(list(PAINTS)))
        digits = PAINTS[name][rng.integers(len(PAINTS[name]))]
        paint = np.array([int(digits[at : at + 2], 16) for at in (0, 2, 4)], np.float32)
        if np.abs(paint - behind).sum() > 130:  # of 765 shades
            return name, paint


def _draw(
    rng: np.random.Generator,
    image: Floats,
    mask: Inside,
    shape: str,
    paint: Floats,
    place: Place,
) -> None:
    """Paint a shape; its mask is every pixel that it covers by at least half."""
    x, y, radius = place
    left, top, side = int(x - _REACH * radius), int(y - _REACH * radius), int(2 * _REACH * radius) + 2
    steps = (np.arange(side * _PARTS, dtype=np.float32) + 0.5) / _PARTS
    across, down = np.meshgrid((steps + (left - x)) / radius, (steps + (top - y)) / radius)
    turn = rng.normal(0, 0.2)
    cos, sin = np.float32(math.cos(turn)), np.float32(math.sin(turn))
    inside = SHAPES[shape](across * cos + down * sin, down * cos - across * sin, rng.random())
    cover = inside.reshape(side, _PARTS, side, _PARTS).mean((1, 3), dtype=np.float32)
    part = image[top : top + side, left : left + side]
    cover = cover[: part.shape[0], : part.shape[1]]
    part += (paint - part) * cover[..., None]
    mask[top : top + side, left : left + side] = cover >= 0.5


def _lattice(rng: np.random.Generator, width: int, height: int, step: float) -> Floats:
    """Gradient noise, -1 to 1: random slopes at corners ``step`` pixels apart, blended by a curve of fifth degree."""
    x, y = np.arange(width, dtype=np.float32) / step, np.arange(height, dtype=np.float32)[:, None] / step
    columns, rows = x.astype(int), y.astype(int)
    angles = rng.uniform(0, 2 * math.pi, (rows.max() + 2, columns.max() + 2)).astype(np.float32)
    slopes = np.cos(angles), np.sin(angles)
    right, down = (each - np.floor(each) for each in (x, y))
    found = []
    for dy in (0, 1):
        for dx in (0, 1):
            across, along = (slopes[axis][rows + dy, columns + dx] for axis in (0, 1))
            found.append(across * (right - dx) + along * (down - dy))
    ease_x, ease_y = (each**3 * (each * (each * 6 - 15) + 10) for each in (right, down))
    upper, lower = found[0] + (found[1] - found[0]) * ease_x, found[2] + (found[3] - found[2]) * ease_x
    return np.asarray(1.4 * (upper + (lower - upper) * ease_y))


def _hue(rng: np.random.Generator, low: float, high: float) -> Floats:
    """A colour of any hue: grey, and a wave of three phases on it."""
    turn, strength = rng.uniform(0, 2 * math.pi), rng.uniform(0.1, 0.75)
    wave = np.array([math.cos(turn), math.cos(turn - 2 * math.pi / 3), math.cos(turn + 2 * math.pi / 3)])
    return np.asarray(np.clip(rng.uniform(low, high) * (1 + strength * wave), 0, 255), np.float32)


def _mottle(rng: np.random.Generator, width: int, height: int) -> Floats:
    """Blotches of two or three colours, often shades of one."""
    step = width * math.exp(rng.uniform(math.log(0.015), math.log(0.15)))
    noise = sum(_lattice(rng, width, height, max(2.5, step / 2**octave)) * 0.6**octave for octave in range(3))
    share = np.clip(np.asarray(noise) * 0.8 + 0.5, 0, 1)[..., None]
    first = _hue(rng, 50, 190)
    second = first * rng.uniform(0.3, 0.8) if rng.random() < 0.6 else _hue(rng, 50, 190)
    image = first + (second - first) * share
    if rng.random() < 0.6:
        spots = np.clip(_lattice(rng, width, height, step * 0.7) * 6 - 1.5, 0, 1)[..., None]
        image = image + (_hue(rng, 60, 180) - image) * spots * rng.uniform(0.3, 0.9)
    grain = rng.standard_normal((height, width, 1), np.float32) * rng.uniform(0, 14)
    return np.asarray(image + grain, np.float32)


def _even(rng: np.random.Generator, width: int, height: int) -> Floats:
    """One light or dark colour, sometimes going over into another from top to bottom."""
    pale = rng.random() < 0.5
    first = _hue(rng, 200, 250) * 0.6 + 100 if pale else _hue(rng, 20, 110)
    last = first * rng.uniform(0.7, 1.0) if rng.random() < 0.5 else first
    image = np.empty((height, width, 3), np.float32)
    image[:] = np.clip(first + (last - first) * np.linspace(0, 1, height)[:, None, None], 0, 255)
    return image


def _saved(rng: np.random.Generator, image: Floats) -> npt.NDArray[np.uint8]:
    """As it comes out of a file: half of them PNG, half of them JPEG of good quality."""
    picture = np.asarray(np.clip(image + 0.5, 0, 255), np.uint8)
    if rng.random() < 0.5:
        return picture
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=int(rng.integers(70, 96)))
    return np.array(Image.open(file).convert("RGB"), np.uint8)

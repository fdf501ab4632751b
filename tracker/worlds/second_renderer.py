"""
Pictures of the same words drawn by other code, to see whether nano learnt shapes or our renderer's habits.

Only for evaluation: nothing is trained on it, and it shares no drawing, proportions or colours with ``worlds``. Shapes
are distances to their border at every pixel; the camera's turn is in the pixels' places, so masks follow exactly.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from tracker.worlds.objects import WorldObject

Floats = npt.NDArray[np.floating[Any]]  # (height, width), or (3, height, width) for colours; float32
Triple = tuple[float, float, float]  # a colour, or a build: what a shape's proportions are made of, each 0 to 1

# What people call by these names: https://www.w3.org/TR/css-color-4/#named-colors where there is one, and paints.
PAINTS: dict[str, tuple[Triple, ...]] = {
    "red": ((255, 0, 0), (178, 28, 28), (214, 30, 40), (237, 41, 48), (170, 12, 18), (226, 60, 52)),
    "orange": ((255, 140, 0), (255, 127, 20), (245, 124, 0), (255, 152, 30), (240, 125, 15), (251, 146, 60)),
    "yellow": ((255, 235, 50), (255, 255, 0), (240, 222, 30), (255, 238, 90), (238, 220, 20), (250, 225, 60)),
    "green": ((34, 139, 34), (0, 128, 0), (76, 175, 80), (50, 205, 50), (10, 105, 22), (125, 215, 110), (40, 150, 80)),
    "cyan": ((0, 255, 255), (0, 206, 209), (60, 218, 228), (38, 198, 218), (120, 232, 240), (0, 195, 215)),
    "blue": ((0, 0, 255), (30, 80, 220), (25, 35, 145), (65, 105, 225), (15, 40, 170), (60, 120, 240), (20, 85, 190)),
    "purple": ((128, 0, 128), (106, 27, 154), (140, 20, 205), (123, 31, 162), (155, 85, 190), (98, 38, 150)),
    "pink": ((255, 105, 180), (255, 170, 190), (255, 192, 208), (244, 143, 180), (255, 45, 155), (240, 98, 150)),
}

_SIZES = ((224, 224), (298, 224), (320, 240), (398, 224), (448, 336), (240, 320), (640, 480))
_SIZE_CHANCES = (0.1, 0.2, 0.3, 0.15, 0.1, 0.1, 0.05)


def draw_still(rng: np.random.Generator, seed: int) -> tuple[npt.NDArray[np.uint8], list[WorldObject]]:
    """A picture and what is in it, back to front; ``seed`` decides everything, ``rng`` is left as it is."""
    del rng
    own = np.random.default_rng(seed)
    width, height = _SIZES[own.choice(len(_SIZES), p=_SIZE_CHANCES)]
    scene = _Scene(own, width, height)
    number = int(own.integers(1, 7) if own.random() < 0.65 else own.integers(5, 13))
    things: list[_Thing] = []
    for _ in range(number):
        things.append(_thing(own, things, number, (width / scene.unit, height / scene.unit)))
    wholes = [scene.add(thing, index) for index, thing in enumerate(things, 1)]
    objects = []
    for index, (thing, whole) in enumerate(zip(things, wholes, strict=True)):
        if (mask := scene.owner == index + 1).any():
            seen = min(1.0, float(mask.sum()) / whole)
            objects.append(WorldObject(index, thing.color, thing.shape, mask, seen, thing.more))
    return _damaged(own, scene.image), objects


# Shapes. Each gives, at x and y (down) in radii, how far its border is, about 1 from the middle; negative inside.


def _square(x: Floats, y: Floats, build: Triple) -> Floats:
    corner, half = 0.22 * build[0], 0.8 + 0.12 * build[1]
    right, down = np.abs(x) - half + corner, np.abs(y) - half + corner
    outside = np.hypot(np.maximum(right, 0), np.maximum(down, 0))
    return np.where(outside > 0, outside, np.maximum(right, down)) - corner


def _triangle(x: Floats, y: Floats, build: Triple) -> Floats:
    """Equilateral, taller, flatter or, now and then, with a right angle."""
    corner, base, top = 0.12 * build[0], 0.75 + 0.25 * build[1], 0.75 + 0.35 * build[2]
    points = [(base if build[0] < 0.2 else 0.0, -top), (base, 0.62), (-base, 0.62)]
    found = [_edge(x, y, a, b) for a, b in zip(points, points[1:] + points[:1], strict=True)]
    apart, side = (np.minimum.reduce(each) for each in zip(*found, strict=True))
    return np.where(side > 0, -apart, apart) - corner


def _star(x: Floats, y: Floats, build: Triple) -> Floats:
    """Half a point says it all: the others are turned onto it."""
    corner, inner, fold = 0.07 * build[0], 0.42 + 0.16 * build[1], 2 * math.pi / 5
    angle, away = np.abs(np.mod(np.arctan2(x, -y) + fold / 2, fold) - fold / 2), np.hypot(x, y)
    dent = (inner * math.cos(fold / 2), inner * math.sin(fold / 2))
    apart, side = _edge(away * np.cos(angle), away * np.sin(angle), (1.13, 0.0), dent)
    return np.where(side > 0, -apart, apart) - corner


def _heart(x: Floats, y: Floats, build: Triple) -> Floats:
    """A square that stands on its corner, with half a disc on each of its upper sides; slim or fat."""
    wide, tall = 1.6 + 0.4 * build[0], 1.65 + 0.3 * build[1]
    right, up = np.abs(x) / wide, 0.55 - y / tall
    along = np.maximum(right + up, 0) / 2
    lobe = np.hypot(right - 0.25, up - 0.75) - math.sqrt(2) / 4
    point = np.sqrt(np.minimum(right**2 + (up - 1) ** 2, (right - along) ** 2 + (up - along) ** 2))
    return np.where(right + up > 1, lobe, np.where(right > up, point, -point)) * min(wide, tall)


def _cross(x: Floats, y: Floats, build: Triple) -> Floats:
    corner, arm, length = 0.1 * build[0], 0.22 + 0.2 * build[1], 0.95 + 0.13 * build[2]
    far, near = np.maximum(np.abs(x), np.abs(y)) + corner, np.minimum(np.abs(x), np.abs(y)) + corner
    outside = np.hypot(np.maximum(far - length, 0), np.maximum(near - arm, 0))
    inside = np.hypot(np.maximum(arm - far, 0), np.minimum(np.maximum(far - length, near - arm), 0))
    return np.where(outside > 0, outside, -inside) - corner


def _ring(x: Floats, y: Floats, build: Triple) -> Floats:
    hole = 0.42 + 0.28 * build[0]
    return np.asarray(np.abs(np.hypot(x, y) - (1 + hole) / 2) - (1 - hole) / 2)


def _crescent(x: Floats, y: Floats, build: Triple) -> Floats:
    """A disc less another one; open to either side."""
    bite, side = 0.72 + 0.2 * build[0], 1 if build[1] < 0.5 else -1
    shift = max(0.25 * build[2] - 0.55 + bite, 1.18 - bite)
    return np.asarray(np.maximum(np.hypot(x, y) - 1, bite - np.hypot(x * side - shift, y)))


DISTANCES: dict[str, Callable[[Floats, Floats, Triple], Floats]] = {
    "circle": lambda x, y, build: np.hypot(x, y) - 1,
    **{each.__name__[1:]: each for each in (_square, _triangle, _star, _heart, _cross, _ring, _crescent)},
}


def _edge(x: Floats, y: Floats, a: tuple[float, float], b: tuple[float, float]) -> tuple[Floats, Floats]:
    """How far the edge from a to b is, and a number above 0 on its right as one walks (y down)."""
    ex, ey, wx, wy = b[0] - a[0], b[1] - a[1], x - a[0], y - a[1]
    along = np.clip((wx * ex + wy * ey) / (ex * ex + ey * ey), 0, 1)
    return np.hypot(wx - ex * along, wy - ey * along), ex * wy - ey * wx


class _Thing(NamedTuple):
    """One object. Lengths are in units of the picture's shorter side."""

    color: str
    shape: str
    more: tuple[str, ...]  # its pattern
    build: Triple
    x: float
    y: float
    radius: float
    angle: float


def _thing(rng: np.random.Generator, others: list[_Thing], number: int, aspect: tuple[float, float]) -> _Thing:
    """Any object, sometimes the twin of another by name; the more there are, the smaller they are."""
    color, shape = str(rng.choice(list(PAINTS))), str(rng.choice(list(DISTANCES)))
    if others and rng.random() < 0.2:
        color, shape = others[rng.integers(len(others))][:2]
    smallest, largest = 0.03 if rng.random() < 0.3 else 0.06, min(0.225, 0.6 / math.sqrt(number))
    radius = math.exp(rng.uniform(math.log(smallest), math.log(largest)))
    kind = rng.random() if radius > 0.07 else 1.0  # on smaller ones nobody could see a pattern
    more = ("striped",) if kind < 0.13 else ("dotted",) if kind < 0.24 else ()
    inside = min(radius * 0.7, 0.2)
    x, y = (rng.uniform(inside, side - inside) - side / 2 for side in aspect)
    build, angle = (rng.random(), rng.random(), rng.random()), min(0.6, max(-0.6, rng.normal(0, 0.3)))
    return _Thing(color, shape, more, build, x, y, radius, angle)


class _Scene:
    """A picture in the making, and which object is in front at each pixel (from 1; 0: none)."""

    def __init__(self, rng: np.random.Generator, width: int, height: int) -> None:
        self._rng, self.unit = rng, min(width, height)
        self._view = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, self.unit]]) / self.unit  # to the world
        if rng.random() < 0.5:  # half of the cameras are turned and tilted a little
            cos, sin = math.cos(turn := rng.uniform(-0.12, 0.12)), math.sin(turn)
            self._view = np.array([[cos, -sin, 0], [sin, cos, 0], [*rng.uniform(-0.16, 0.16, 2), 1]]) @ self._view
        self.owner: npt.NDArray[np.uint8] = np.zeros((height, width), np.uint8)
        self.image = _backdrop(rng, *self._places(0, 0, width, height))
        self._shadow = rng.uniform(0.25, 0.6) if rng.random() < 0.6 else 0.0
        self._soft, sun, length = rng.uniform(0.05, 0.35), rng.uniform(0, 2 * math.pi), rng.uniform(0.05, 0.25)
        self._fall = (math.cos(sun) * length, math.sin(sun) * length)  # of the shadow, radii
        self._grain = _noise(rng, (height, width), int(rng.integers(10, 60)), 2) * (0.08 if rng.random() < 0.5 else 0.0)

    def add(self, thing: _Thing, number: int) -> float:
        """Draw an object in front of all others; returns how many pixels it would have if all of it could be seen."""
        reach = thing.radius * (1.7 if self._shadow else 1.3)
        corners = np.array([(thing.x + dx * reach, thing.y + dy * reach, 1) for dx in (-1, 1) for dy in (-1, 1)])
        spots = corners @ np.linalg.inv(self._view).T
        spots = spots[:, :2] / spots[:, 2:]
        low, high = np.floor(spots.min(0)).astype(int), np.ceil(spots.max(0)).astype(int) + 1
        pixel = 2 * math.sqrt(2) * reach / math.dist(spots[3], spots[0]) / thing.radius  # how wide one is, radii
        places = self._places(*low.tolist(), *high.tolist())
        across, down = (places[0] - thing.x) / thing.radius, (places[1] - thing.y) / thing.radius
        cos, sin = math.cos(thing.angle), math.sin(thing.angle)
        x, y = across * cos + down * sin, down * cos - across * sin
        distance = DISTANCES[thing.shape]
        depth = -distance(x, y, thing.build)
        whole = max(1.0, float((depth > 0).sum()))
        (left, top), (right, bottom) = (np.clip(end, 0, self.owner.shape[::-1]).tolist() for end in (low, high))
        cut = slice(top - low[1], bottom - low[1]), slice(left - low[0], right - low[0])
        x, y, depth, part = x[cut], y[cut], depth[cut], self.image[:, top:bottom, left:right]
        if self._shadow:
            dx, dy = self._fall[0] * cos + self._fall[1] * sin, self._fall[1] * cos - self._fall[0] * sin
            shade = np.clip(0.5 - distance(x - dx, y - dy, thing.build) / self._soft, 0, 1)
            part *= 1 - shade * self._shadow
        paint = _painted(self._rng, thing, x, y, depth, pixel) * (1 + self._grain[top:bottom, left:right])
        part += (paint - part) * np.clip(0.5 + depth / pixel, 0, 1)
        self.owner[top:bottom, left:right][depth > 0] = number
        return whole

    def _places(self, left: int, top: int, right: int, bottom: int) -> tuple[Floats, Floats]:
        """Where the pixels of a rectangle lie in the world, from its middle."""
        x = np.arange(left, right, dtype=np.float32)[None] + 0.5
        y = np.arange(top, bottom, dtype=np.float32)[:, None] + 0.5
        across, down, far = (row[0] * x + row[1] * y + row[2] for row in self._view.astype(np.float32))
        return across / far, down / far


def _painted(rng: np.random.Generator, thing: _Thing, x: Floats, y: Floats, depth: Floats, pixel: float) -> Floats:
    """An object's colours at places of its own, in radii, as is ``depth`` inside its border and a pixel's width."""
    colors = _color(PAINTS[thing.color][rng.integers(len(PAINTS[thing.color]))] + rng.uniform(-5, 5, 3))
    second = colors * 0.5 if rng.random() < 0.4 else _color((250, 248, 244))
    period, slant = rng.uniform(0.3, 0.5), rng.uniform(0, math.pi)
    along = (x * math.cos(slant) + y * math.sin(slant)) / period
    over = (y * math.cos(slant) - x * math.sin(slant)) / period
    if thing.more:  # it ends before the border does, so that white on white has a shape
        marks = 0.2 - np.abs(np.mod(along, 1) - 0.5)
        if "dotted" in thing.more:  # every other row stands between the dots of its neighbours
            row = np.floor(over)
            marks = 0.29 - np.hypot(np.mod(along + row / 2, 1) - 0.5, over - row - 0.5)
        colors = _mixed(colors, second, np.clip(0.5 + np.minimum(marks * period, depth - 0.05) / pixel, 0, 1))
    elif rng.random() < 0.2:  # a rim
        colors = _mixed(colors, second, np.clip(0.5 + (rng.uniform(0.04, 0.07) - depth) / pixel, 0, 1))
    dark = rng.uniform(0.15, 0.32) if rng.random() < 0.35 else 0.0  # a shadow inside the border
    colors = colors * (1.05 - rng.uniform(0, 0.2) * np.clip((y + 1) / 2, 0, 1))
    colors *= 1 - dark * np.exp(np.minimum(-depth, 0) / 0.1)
    shine = rng.uniform(0.35, 0.8) if rng.random() < 0.35 else 0.0  # a light spot
    return _mixed(colors, _color((255, 255, 255)), shine * np.exp(-((x + 0.3) ** 2 + (y + 0.35) ** 2) / 0.05))


def _color(values: npt.ArrayLike) -> Floats:
    return np.array(values, np.float32).reshape(3, 1, 1)


def _mixed(one: Floats, other: Floats, share: Floats) -> Floats:
    return one + (other - one) * share


def _dull(rng: np.random.Generator, low: float = 30, high: float = 235) -> Floats:
    return _color(rng.uniform(low, high) + rng.uniform(-10, 10, 3))  # grey, with a tinge


def _noise(rng: np.random.Generator, shape: tuple[int, ...], cells: int, octaves: int) -> Floats:
    """Soft noise, about -1 to 1: grids of random numbers made larger, each finer and weaker than the one before."""
    total: Floats = np.zeros(shape, np.float32)
    for octave in range(octaves):
        grid = Image.fromarray(rng.uniform(-1, 1, (cells * 2**octave + 2,) * 2).astype(np.float32))
        total += np.asarray(grid.resize((shape[1], shape[0]), Image.Resampling.BICUBIC)) * 0.6**octave
    return total


def _backdrop(rng: np.random.Generator, x: Floats, y: Floats) -> Floats:
    """What lies behind everything, in dull colours: a slope, clouds, a chequered floor, wood, paper, lights, land."""
    kind = rng.choice(("slope", "clouds", "checks", "wood", "paper", "lights", "land"))
    plain, other, turn = _dull(rng, 60), _dull(rng), rng.uniform(0, 2 * math.pi)
    along, over = x * math.cos(turn) + y * math.sin(turn), y * math.cos(turn) - x * math.sin(turn)
    if kind == "slope":
        return _mixed(plain, other, np.clip(np.hypot(x, y) if rng.random() < 0.4 else along + 0.5, 0, 1))
    if kind == "clouds":
        return _mixed(plain, other, np.clip(_noise(rng, x.shape, int(rng.integers(2, 6)), 5) * 0.5 + 0.5, 0, 1))
    if kind == "checks":
        size, strength = rng.uniform(0.06, 0.3), rng.uniform(0.15, 0.6)
        return _mixed(plain, other, np.mod(np.floor(along / size) + np.floor(over / size), 2) * strength)
    if kind == "wood":
        rings = np.mod(along * rng.uniform(8, 25) + np.sin(over * 3 + 1) + _noise(rng, x.shape, 3, 3), 1)
        grain: Floats = 1.05 - 0.18 * rings - 0.05 * _noise(rng, x.shape, 60, 1)
        return _color((1.1, 1.0, 0.85)) * rng.uniform(90, 190) * grain
    if kind == "paper":
        fibres = _noise(rng, x.shape, 70, 2) * 6 + rng.standard_normal(x.shape, np.float32) * 4
        return _dull(rng, 190, 235) + _noise(rng, x.shape, 2, 1) * 8 + fibres
    if kind == "lights":
        plain = _mixed(plain, other, np.clip(y + 0.5, 0, 1))
        for size, cx, cy in rng.uniform((0.05, -0.7, -0.6), (0.2, 0.7, 0.6), (int(rng.integers(5, 12)), 3)).tolist():
            disc = np.clip(2 - np.hypot(x - cx, y - cy) / (size / 2), 0, 1)
            plain = _mixed(plain, _dull(rng), disc * rng.uniform(0.1, 0.35))
        return plain
    horizon: Floats = y - rng.uniform(-0.2, 0.2) - x * rng.uniform(-0.1, 0.1)
    land = other + _noise(rng, x.shape, 25, 3) * 18
    return _mixed(plain * (1.05 + 0.3 * np.minimum(horizon, 0)), land, np.clip(0.5 + horizon * 250, 0, 1))


def _damaged(rng: np.random.Generator, image: Floats) -> npt.NDArray[np.uint8]:
    """What a lens, a film and a coder do: darker corners, other light, softness, grain, JPEG or WebP."""
    height, width = image.shape[1:]
    x, y = (np.linspace(-1, 1, length, dtype=np.float32) ** 2 for length in (width, height))
    vignette = rng.uniform(0.05, 0.15) if rng.random() < 0.5 else 0.0
    tint = rng.uniform((0.96, 1.0, 0.96), (1.04, 1.0, 1.04)) * rng.uniform(0.93, 1.1)
    image = image * (1 - vignette * (x + y[:, None])) * _color(tint)
    if rng.random() < 0.5:
        image += rng.standard_normal((height, width), np.float32) * rng.uniform(2, 12)
    picture = Image.fromarray(np.ascontiguousarray(np.clip(image, 0, 255).astype(np.uint8).transpose(1, 2, 0)))
    if rng.random() < 0.35:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.3) * min(width, height) / 300))
    kind, coded = rng.random(), io.BytesIO()
    if kind < 0.35:
        picture.save(coded, "JPEG", quality=int(rng.integers(25, 90)), subsampling="4:2:0")
    elif kind < 0.65:
        picture.save(coded, "WEBP", quality=int(rng.integers(20, 85)), method=0)
    return np.array(Image.open(coded).convert("RGB") if coded.tell() else picture, np.uint8)

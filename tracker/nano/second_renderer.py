"""
Pictures of the same words drawn by other code, to see whether nano learnt shapes or our renderer's habits.

Only for evaluation: nothing here is trained on, and nothing is shared with the drawing of ``worlds``. Shapes are
distances to their border, worked out for every pixel; the camera's turn and tilt are in the coordinates of the pixels,
so masks follow exactly. Proportions, colours, shading, backdrops and damage have all been chosen anew.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from tracker.nano.worlds import WorldObject

Floats = npt.NDArray[np.float32]  # (height, width), or (height, width, 3) for colours
Distance = Callable[[Floats, Floats], Floats]  # to the border, in radii, from x and y in radii; negative inside
Matrix = npt.NDArray[np.float64]  # (3, 3)
Rgb = tuple[float, float, float]

# What people call by these names: https://www.w3.org/TR/css-color-4/#named-colors where there is one, and paints.
PAINTS: dict[str, tuple[Rgb, ...]] = {
    "red": ((255, 0, 0), (178, 28, 28), (214, 30, 40), (237, 41, 48), (150, 10, 16), (226, 60, 52)),
    "orange": ((255, 140, 0), (255, 127, 20), (245, 124, 0), (255, 152, 30), (232, 112, 10), (251, 146, 60)),
    "yellow": ((255, 235, 50), (255, 255, 0), (240, 222, 30), (253, 240, 115), (228, 208, 10), (250, 225, 60)),
    "green": ((34, 139, 34), (0, 128, 0), (76, 175, 80), (50, 205, 50), (10, 95, 20), (125, 215, 110), (40, 150, 80)),
    "cyan": ((0, 255, 255), (0, 206, 209), (64, 224, 216), (38, 198, 218), (120, 232, 240), (0, 180, 195)),
    "blue": ((0, 0, 255), (30, 80, 220), (24, 30, 125), (65, 105, 225), (15, 40, 170), (60, 120, 240), (20, 85, 190)),
    "purple": ((128, 0, 128), (106, 27, 154), (140, 20, 205), (123, 31, 162), (155, 85, 190), (88, 36, 138)),
    "pink": ((255, 105, 180), (255, 170, 190), (255, 192, 208), (244, 143, 180), (255, 45, 155), (240, 98, 150)),
}

_SIZES = ((224, 224), (298, 224), (320, 240), (398, 224), (448, 336), (240, 320), (640, 480))
_SIZE_CHANCES = (0.1, 0.2, 0.3, 0.15, 0.1, 0.1, 0.05)
_SMALLEST, _LARGEST = 0.03, 0.225  # radius, in units of the picture's shorter side
_REACH = 1.3  # radii: nothing of a shape lies farther from its middle


def draw_still(rng: np.random.Generator, seed: int) -> tuple[npt.NDArray[np.uint8], list[WorldObject]]:
    """A picture and what is in it, back to front; ``seed`` decides everything, ``rng`` is left as it is."""
    del rng
    own = np.random.default_rng(seed)
    width, height = _SIZES[own.choice(len(_SIZES), p=_SIZE_CHANCES)]
    scene = _Scene(own, width, height)
    number = int(own.integers(1, 7) if own.random() < 0.65 else own.integers(5, 13))
    drawn: list[tuple[_Thing, float]] = []
    for index in range(number):
        thing = _thing(own, [other for other, _ in drawn], number, (width / scene.unit, height / scene.unit))
        drawn.append((thing, scene.add(thing, index + 1)))
    counts = np.bincount(scene.owner.ravel(), minlength=number + 1)
    objects = []
    for index, (thing, whole) in enumerate(drawn):
        if seen := int(counts[index + 1]):
            more = (thing.pattern,) if thing.pattern else ()
            mask = scene.owner == index + 1
            objects.append(WorldObject(index, thing.color, thing.shape, mask, min(1.0, seen / whole), more))
    return _damaged(own, scene.image), objects


# Shapes. Each draws its own proportions and returns the distance to a border about one radius from the middle, y down.


def _circle(rng: np.random.Generator) -> Distance:
    return lambda x, y: np.hypot(x, y) - 1


def _square(rng: np.random.Generator) -> Distance:
    corner, half = rng.uniform(0, 0.22), rng.uniform(0.8, 0.92)

    def distance(x: Floats, y: Floats) -> Floats:
        right, down = np.abs(x) - (half - corner), np.abs(y) - (half - corner)
        return np.hypot(np.maximum(right, 0), np.maximum(down, 0)) + np.minimum(np.maximum(right, down), 0) - corner

    return distance


def _triangle(rng: np.random.Generator) -> Distance:
    """Equilateral, taller, flatter or, now and then, with a right angle."""
    corner, base, top = rng.uniform(0, 0.12), rng.uniform(0.75, 1.0), rng.uniform(0.75, 1.1)
    lean = base if rng.random() < 0.2 else 0.0
    points = [(lean, -top), (base, 0.62), (-base, 0.62)]

    def distance(x: Floats, y: Floats) -> Floats:
        ends = zip(points, points[1:] + points[:1], strict=True)
        found = [_edge(x, y, a, b) for a, b in ends]
        apart = np.minimum.reduce([each for each, _ in found])
        inside = np.minimum.reduce([side for _, side in found]) > 0
        return np.where(inside, -apart, apart) - corner

    return distance


def _star(rng: np.random.Generator) -> Distance:
    """One edge says it all: the others are turned onto it."""
    corner, inner = rng.uniform(0, 0.07), rng.uniform(0.42, 0.58)
    fold = 2 * math.pi / 5
    dent = (inner * math.cos(fold / 2), inner * math.sin(fold / 2))

    def distance(x: Floats, y: Floats) -> Floats:
        angle = np.abs(np.mod(np.arctan2(x, -y) + fold / 2, fold) - fold / 2)
        away = np.hypot(x, y)
        apart, side = _edge(away * np.cos(angle), away * np.sin(angle), (1.13, 0.0), dent)
        return np.where(side > 0, -apart, apart) - corner

    return distance


def _heart(rng: np.random.Generator) -> Distance:
    """A square that stands on its corner, with half a disc on each of its upper sides; slim or fat."""
    wide, tall = rng.uniform(1.6, 2.0), rng.uniform(1.65, 1.95)

    def distance(x: Floats, y: Floats) -> Floats:
        right, up = np.abs(x) / wide, 0.55 - y / tall
        lobe = np.hypot(right - 0.25, up - 0.75) - math.sqrt(2) / 4
        along = np.maximum(right + up, 0) / 2
        point = np.sqrt(np.minimum(right**2 + (up - 1) ** 2, (right - along) ** 2 + (up - along) ** 2))
        return np.where(right + up > 1, lobe, np.where(right > up, point, -point)) * min(wide, tall)

    return distance


def _cross(rng: np.random.Generator) -> Distance:
    corner, arm, length = rng.uniform(0, 0.1), rng.uniform(0.22, 0.42), rng.uniform(0.95, 1.08)

    def distance(x: Floats, y: Floats) -> Floats:
        one, other = np.abs(x), np.abs(y)
        along, beside = np.maximum(one, other) - (length - corner), np.minimum(one, other) - (arm - corner)
        beyond = np.maximum(along, beside)
        outside = np.hypot(np.maximum(along, 0), np.maximum(beside, 0))
        inside = np.hypot(np.maximum(arm - corner - np.maximum(one, other), 0), np.maximum(-beyond, 0))
        return np.where(beyond > 0, outside, -inside) - corner

    return distance


def _ring(rng: np.random.Generator) -> Distance:
    hole = rng.uniform(0.42, 0.74)
    return lambda x, y: np.abs(np.hypot(x, y) - (1 + hole) / 2) - (1 - hole) / 2


def _crescent(rng: np.random.Generator) -> Distance:
    """A disc less another one; open to either side."""
    bite, side = rng.uniform(0.72, 0.92), float(rng.choice((-1, 1)))
    shift = max(rng.uniform(0.45, 0.7) - 1 + bite, 1.18 - bite)
    return lambda x, y: np.maximum(np.hypot(x, y) - 1, bite - np.hypot(x * side - shift, y))


SHAPES: dict[str, Callable[[np.random.Generator], Distance]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "heart": _heart,
    "cross": _cross,
    "ring": _ring,
    "crescent": _crescent,
}


def _edge(x: Floats, y: Floats, a: tuple[float, float], b: tuple[float, float]) -> tuple[Floats, Floats]:
    """How far the edge from a to b is, and a number above 0 on its right as one walks (y down)."""
    ex, ey = b[0] - a[0], b[1] - a[1]
    wx, wy = x - a[0], y - a[1]
    along = np.clip((wx * ex + wy * ey) / (ex * ex + ey * ey), 0, 1)
    return np.hypot(wx - ex * along, wy - ey * along), ex * wy - ey * wx


@dataclass(frozen=True, slots=True)
class _Thing:
    """One object. Lengths are in units of the picture's shorter side, those of its paint in its radii."""

    color: str
    shape: str
    pattern: str  # "", "striped" or "dotted"
    distance: Distance
    x: float
    y: float
    radius: float
    angle: float
    paint: Rgb
    second: Rgb  # of the pattern and the rim
    period: float
    slant: float  # of the pattern, radians
    rim: float  # how wide a line runs inside the border; 0: none
    dark: float  # of the shadow inside the border
    fade: float  # from top to bottom
    shine: float  # of the light spot


def _thing(rng: np.random.Generator, others: list[_Thing], number: int, aspect: tuple[float, float]) -> _Thing:
    """Any object, sometimes the twin of another by name; the more there are, the smaller they are."""
    color, shape = str(rng.choice(list(PAINTS))), str(rng.choice(list(SHAPES)))
    if others and rng.random() < 0.2:
        twin = others[rng.integers(len(others))]
        color, shape = twin.color, twin.shape
    largest = min(_LARGEST, 0.6 / math.sqrt(number))
    radius = math.exp(rng.uniform(math.log(_SMALLEST if rng.random() < 0.3 else 0.06), math.log(largest)))
    kind = rng.random() if radius > 0.07 else 1.0  # on smaller ones nobody could see a pattern
    chosen = PAINTS[color][rng.integers(len(PAINTS[color]))]
    red, green, blue = (min(255.0, max(0.0, value + rng.uniform(-5, 5))) for value in chosen)
    tone = 0.42 if rng.random() < 0.4 else 0.0  # else white
    second = (red * tone, green * tone, blue * tone) if tone else (250.0, 248.0, 244.0)
    place = [rng.uniform(min(radius * 0.7, 0.2), side - min(radius * 0.7, 0.2)) for side in aspect]
    return _Thing(
        color=color,
        shape=shape,
        pattern="striped" if kind < 0.13 else "dotted" if kind < 0.24 else "",
        distance=SHAPES[shape](rng),
        x=place[0] - aspect[0] / 2,
        y=place[1] - aspect[1] / 2,
        radius=radius,
        angle=min(0.6, max(-0.6, float(rng.normal(0, 0.3)))),
        paint=(red, green, blue),
        second=second,
        period=rng.uniform(0.3, 0.5),
        slant=rng.uniform(0, math.pi),
        rim=rng.uniform(0.05, 0.1) if rng.random() < 0.2 else 0.0,
        dark=rng.uniform(0.2, 0.5) if rng.random() < 0.35 else 0.0,
        fade=rng.uniform(0.0, 0.25),
        shine=rng.uniform(0.35, 0.8) if rng.random() < 0.35 else 0.0,
    )


class _Scene:
    """A picture in the making, and which object is in front at each pixel (from 1; 0: none)."""

    def __init__(self, rng: np.random.Generator, width: int, height: int) -> None:
        self.unit = min(width, height)
        self._view = _view(rng, width, height)
        self.owner: npt.NDArray[np.uint8] = np.zeros((height, width), np.uint8)
        self.image = _backdrop(rng, *self._places(0, 0, width, height))
        self._shadow = rng.uniform(0.25, 0.6) if rng.random() < 0.6 else 0.0
        self._soft = rng.uniform(0.05, 0.35)  # radii
        sun, length = rng.uniform(0, 2 * math.pi), rng.uniform(0.05, 0.25)
        self._fall = (math.cos(sun) * length, math.sin(sun) * length)  # of the shadow, radii
        self._grain = _noise(rng, (height, width), int(rng.integers(10, 60)), 2) * rng.choice((0.0, 0.08))

    def add(self, thing: _Thing, number: int) -> float:
        """Draw an object in front of all others; returns how many pixels it would have if all of it could be seen."""
        reach = thing.radius * (_REACH + 0.6 * (self._shadow > 0))
        corners = np.array([(thing.x + dx * reach, thing.y + dy * reach, 1) for dx in (-1, 1) for dy in (-1, 1)])
        spots = corners @ np.linalg.inv(self._view).T
        spots = spots[:, :2] / spots[:, 2:]
        low, high = np.floor(spots.min(0)).astype(int), np.ceil(spots.max(0)).astype(int) + 1
        pixel = float(2 * reach / np.linalg.norm(spots[3] - spots[0]) * math.sqrt(2)) / thing.radius
        across, down = self._places(int(low[0]), int(low[1]), int(high[0]), int(high[1]))
        across, down = (across - thing.x) / thing.radius, (down - thing.y) / thing.radius
        cos, sin = math.cos(thing.angle), math.sin(thing.angle)
        x, y = across * cos + down * sin, down * cos - across * sin
        depth = -thing.distance(x, y)
        whole = float((depth > 0).sum())

        height, width = self.owner.shape
        (left, top), (right, bottom) = np.clip(low, 0, (width, height)), np.clip(high, 0, (width, height))
        if right <= left or bottom <= top:
            return max(1.0, whole)
        cut = slice(top - low[1], bottom - low[1]), slice(left - low[0], right - low[0])
        x, y, depth, part = x[cut], y[cut], depth[cut], self.image[top:bottom, left:right]
        if self._shadow:
            dx, dy = self._fall[0] * cos + self._fall[1] * sin, self._fall[1] * cos - self._fall[0] * sin
            shade = np.clip(0.5 - thing.distance(x - dx, y - dy) / self._soft, 0, 1) * self._shadow
            part *= (1 - shade)[..., None]
        cover = np.clip(0.5 + depth / pixel, 0, 1)[..., None]
        paint = _painted(thing, x, y, depth, pixel) * (1 + self._grain[top:bottom, left:right, None])
        part += (paint - part) * cover
        self.owner[top:bottom, left:right][depth > 0] = number
        return max(1.0, whole)

    def _places(self, left: int, top: int, right: int, bottom: int) -> tuple[Floats, Floats]:
        """Where the pixels of a rectangle lie in the world, from its middle."""
        x = np.arange(left, right, dtype=np.float32)[None] + 0.5
        y = np.arange(top, bottom, dtype=np.float32)[:, None] + 0.5
        across, down, far = ((row[0] * x + row[1] * y + row[2]) for row in self._view.astype(np.float32))
        return across / far, down / far


def _view(rng: np.random.Generator, width: int, height: int) -> Matrix:
    """From pixels to the world: half of the cameras are turned and tilted a little."""
    unit = min(width, height)
    centred = np.array([[1 / unit, 0, -width / unit / 2], [0, 1 / unit, -height / unit / 2], [0, 0, 1]])
    if rng.random() < 0.5:
        return centred
    angle, tilt = rng.uniform(-0.12, 0.12), rng.uniform(-0.16, 0.16, 2)
    cos, sin = math.cos(angle), math.sin(angle)
    return np.asarray(np.array([[cos, -sin, 0], [sin, cos, 0], [tilt[0], tilt[1], 1]]) @ centred, np.float64)


def _painted(thing: _Thing, x: Floats, y: Floats, depth: Floats, pixel: float) -> Floats:
    """The colours of an object at places of its own, ``depth`` inside its border; a pixel is ``pixel`` radii wide."""
    colors = np.broadcast_to(np.array(thing.paint, np.float32), (*x.shape, 3))
    cos, sin = math.cos(thing.slant), math.sin(thing.slant)
    along, over = (x * cos + y * sin) / thing.period, (y * cos - x * sin) / thing.period
    second: Floats | None = None
    if thing.pattern == "striped":
        second = 0.2 - np.abs(np.mod(along, 1) - 0.5)
    elif thing.pattern == "dotted":  # every other row stands between the dots of its neighbours
        row = np.floor(over)
        second = 0.29 - np.hypot(np.mod(along + row / 2, 1) - 0.5, over - row - 0.5)
    if second is not None:
        colors = _mixed(colors, thing.second, np.clip(0.5 + second * thing.period / pixel, 0, 1))
    if thing.rim:
        colors = _mixed(colors, thing.second, np.clip(0.5 + (thing.rim - depth) / pixel, 0, 1))
    light = 1.05 - thing.fade * np.clip((y + 1) / 2, 0, 1)
    if thing.dark:
        light = light * (1 - thing.dark * np.exp(np.minimum(-depth, 0) / 0.12))
    colors = colors * light[..., None]
    if thing.shine:
        spot = np.exp(-((x + 0.3) ** 2 + (y + 0.35) ** 2) / 0.05)
        colors = _mixed(colors, (255, 255, 255), spot * thing.shine)
    return colors


def _mixed(one: Floats, other: Floats | Rgb, share: Floats) -> Floats:
    return one + (np.asarray(other, np.float32) - one) * share[..., None]


def _dull(rng: np.random.Generator, low: float = 30, high: float = 235) -> Rgb:
    """Grey, with a tinge."""
    grey, (red, green, blue) = rng.uniform(low, high), rng.uniform(-14, 14, 3)
    return (grey + red, grey + green, grey + blue)


def _noise(rng: np.random.Generator, shape: tuple[int, int], cells: int, octaves: int) -> Floats:
    """Soft noise, about -1 to 1: grids of random numbers made larger, each finer and weaker than the one before."""
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        grid = rng.uniform(-1, 1, (cells * 2**octave + 2, cells * 2**octave + 2)).astype(np.float32)
        large = Image.fromarray(grid).resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
        total += np.asarray(large, np.float32) * 0.6**octave
    return total


def _backdrop(rng: np.random.Generator, x: Floats, y: Floats) -> Floats:
    """What lies behind everything, in dull colours: a slope, clouds, a chequered floor, wood, paper, lights, land."""
    kind = rng.choice(("slope", "clouds", "checks", "wood", "paper", "lights", "land"))
    one, other = _dull(rng), _dull(rng)
    cos, sin = math.cos(turn := rng.uniform(0, 2 * math.pi)), math.sin(turn)
    along, over = x * cos + y * sin, y * cos - x * sin
    plain = np.broadcast_to(np.array(one, np.float32), (*x.shape, 3))
    if kind == "slope":
        return _mixed(plain, other, np.clip(np.hypot(x, y) if rng.random() < 0.4 else along + 0.5, 0, 1))
    if kind == "clouds":
        return _mixed(plain, other, np.clip(_noise(rng, x.shape, int(rng.integers(2, 6)), 5) * 0.5 + 0.5, 0, 1))
    if kind == "checks":
        size = rng.uniform(0.06, 0.3)
        return _mixed(plain, other, np.mod(np.floor(along / size) + np.floor(over / size), 2) * rng.uniform(0.15, 0.6))
    if kind == "wood":
        grey = rng.uniform(90, 190)
        rings = along * rng.uniform(8, 25) + np.sin(over * 3 + 1) + _noise(rng, x.shape, 3, 3)
        grain = np.mod(rings, 1) * 0.7 + _noise(rng, x.shape, 60, 1) * 0.2
        plain = np.broadcast_to(np.array((grey * 1.1, grey, grey * 0.85), np.float32), (*x.shape, 3))
        return plain * (1.05 - 0.25 * grain)[..., None]
    if kind == "paper":
        fibres = _noise(rng, x.shape, 70, 2) * 6 + rng.standard_normal(x.shape, np.float32) * 4
        return (
            np.array(_dull(rng, 190, 235), np.float32) + fibres[..., None] + _noise(rng, x.shape, 2, 1)[..., None] * 8
        )
    if kind == "lights":
        image = _mixed(plain, other, np.clip(y + 0.5, 0, 1))
        for _ in range(rng.integers(6, 20)):
            size, (cx, cy) = rng.uniform(0.05, 0.25), rng.uniform(-0.8, 0.8, 2).tolist()
            disc = np.clip((size - np.hypot(x - cx, y - cy)) / (size * 0.5), 0, 1)
            image = _mixed(image, _dull(rng), disc * rng.uniform(0.1, 0.35))
        return image
    horizon = y - rng.uniform(-0.2, 0.2) - x * rng.uniform(-0.1, 0.1)
    land = np.array(other, np.float32) + _noise(rng, x.shape, 25, 3)[..., None] * 18
    return _mixed(plain * (1.05 + 0.3 * np.minimum(horizon, 0))[..., None], land, np.clip(0.5 + horizon * 250, 0, 1))


def _damaged(rng: np.random.Generator, image: Floats) -> npt.NDArray[np.uint8]:
    """What a lens, a film and a coder do: darker corners, other light, softness, grain, JPEG or WebP."""
    height, width = image.shape[:2]
    x, y = np.linspace(-1, 1, width, dtype=np.float32), np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    corners = 1 - rng.choice((0.0, rng.uniform(0.1, 0.3))) * (x**2 + y**2) / 2
    tint = np.array([rng.uniform(0.95, 1.05), 1.0, rng.uniform(0.95, 1.05)]) * rng.uniform(0.85, 1.1)
    image = image * corners[..., None] * tint.astype(np.float32)
    if strength := rng.choice((0.0, rng.uniform(2, 12))):
        image = image + rng.standard_normal((height, width, 1), np.float32) * np.float32(strength)
    picture = Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))
    if rng.random() < 0.35:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.3) * min(width, height) / 300))
    kind, coded = rng.random(), io.BytesIO()
    if kind < 0.35:
        picture.save(coded, "JPEG", quality=int(rng.integers(25, 90)), subsampling="4:2:0")
    elif kind < 0.65:
        picture.save(coded, "WEBP", quality=int(rng.integers(20, 85)), method=0)
    if kind < 0.65:
        picture = Image.open(coded).convert("RGB")
    return np.array(picture, np.uint8)

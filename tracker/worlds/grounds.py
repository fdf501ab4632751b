"""
Grounds for wide worlds: mottle, noise, textures, gradients, blobs and mosaics in any colours, and marks upon them.

Each is a field of numbers from 0 to 1, coloured by a palette: so any texture turns up in any colours, cheaply.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tracker.worlds import looks
from tracker.worlds.marks import mark
from tracker.worlds.palette import from_hsv

Field = npt.NDArray[np.floating[Any]]  # (height, width), 0 to 1, float32
_LEVELS = 256  # of a field, when it is coloured
_ROUND = ("gradient", "blobs")  # coloured in steps these would show discs and rings, which are objects

# How often each is drawn, relative to the others.
WEIGHTS = {
    "photograph": 26,
    "patches": 6,
    "mottle": 24,
    "noise": 4,
    "stripes": 5,
    "checks": 4,
    "weave": 3,
    "bricks": 4,
    "dots": 3,
    "wood": 4,
    "gradient": 9,
    "blobs": 7,
    "mosaic": 5,
    "plain": 8,
}


def ground(rng: np.random.Generator, width: int, height: int, photos: list[looks.Picture]) -> looks.Picture:
    """A ground (height, width, 3) of any kind; a photograph only if there are any."""
    names = [name for name in WEIGHTS if photos or name != "photograph"]
    weights = np.array([WEIGHTS[name] for name in names], float)
    kind = str(rng.choice(names, p=weights / weights.sum()))
    if kind == "photograph":
        picture = looks.photograph(rng, width, height, photos[rng.integers(len(photos))])
    elif kind == "patches":
        picture = looks.backdrop(rng, width, height, [])
    else:
        picture = _coloured(rng, kind, width, height)
        if rng.random() < 0.12:
            _shared(rng, picture)
    if rng.random() < 0.25:
        _shade(rng, picture)
    if rng.random() < 0.3:
        _speckle(rng, picture)
    if rng.random() < (0.15 if kind == "photograph" else 0.4):
        mark(rng, picture)
    return picture


def clouds(rng: np.random.Generator, width: int, height: int, cells: float, octaves: int, fade: float) -> Field:
    """Noise of several scales, ``cells`` along the shorter side at first, each scale ``fade`` as strong as the last."""
    share = cells / min(width, height)
    rows, columns = max(2, round(height * share)), max(2, round(width * share))
    total = rng.random((rows, columns), np.float32)
    for octave in range(1, octaves):
        rows, columns = 2 * rows, 2 * columns
        if rows > 0.6 * height:  # finer than pixels
            break
        finer = rng.random((rows, columns), np.float32) * np.float32(fade**octave)
        total = cv2.resize(total, (columns, rows), interpolation=cv2.INTER_CUBIC) + finer
    return _stretched(cv2.resize(total, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32))


def _stretched(field: Field) -> Field:
    low, high = float(field.min()), float(field.max())
    return np.asarray((field - low) * np.float32(1 / max(high - low, 1e-6)), np.float32)


def _mottle(rng: np.random.Generator, width: int, height: int) -> Field:
    """Perlin-like: soft, ridged, or with hard borders as camouflage has."""
    cells = math.exp(rng.uniform(math.log(3), math.log(40)))
    field = clouds(rng, width, height, cells, int(rng.integers(1, 6)), rng.uniform(0.4, 0.85))
    kind = rng.random()
    if kind < 0.15:
        return np.abs(2 * field - 1)
    if kind < 0.35:
        return np.clip((field - 0.5) * np.float32(rng.uniform(2, 12)) + 0.5, 0, 1)
    return field


def _noise(rng: np.random.Generator, width: int, height: int) -> Field:
    cell = int(rng.integers(1, 5))
    grid = rng.random((height // cell + 1, width // cell + 1), np.float32)
    if cell == 1:
        return np.ascontiguousarray(grid[:height, :width])
    smooth = cv2.INTER_NEAREST if rng.random() < 0.5 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(grid, (width, height), interpolation=smooth), np.float32)


def _axes(rng: np.random.Generator, width: int, height: int, turn: float) -> tuple[Field, Field]:
    """Where pixels lie along and over a direction, in units of the shorter side: arrays that broadcast to a field."""
    unit, (cos, sin) = min(width, height), (np.float32(math.cos(turn)), np.float32(math.sin(turn)))
    x = (np.arange(width, dtype=np.float32)[None] / unit) + np.float32(rng.uniform(0, 1))
    y = (np.arange(height, dtype=np.float32)[:, None] / unit) + np.float32(rng.uniform(0, 1))
    if turn == 0:  # one row and one column are enough to compute with
        return x, y
    return x * cos + y * sin, y * cos - x * sin


def _part(places: Field) -> Field:
    """What is behind the point."""
    return np.asarray(places - np.floor(places))


def _turn(rng: np.random.Generator) -> float:
    """Upright textures are as common as turned ones."""
    return float(rng.uniform(0, 2 * math.pi)) if rng.random() < 0.5 else 0.0


def _period(rng: np.random.Generator, low: float, high: float) -> float:
    return float(math.exp(rng.uniform(math.log(low), math.log(high))))


def _stripes(rng: np.random.Generator, width: int, height: int) -> Field:
    along, over = _axes(rng, width, height, _turn(rng))
    along = along if rng.random() < 0.5 else over
    if rng.random() < 0.3:
        along = along + clouds(rng, width, height, rng.uniform(2, 6), 2, 0.5) * np.float32(rng.uniform(0.05, 0.3))
    wave = _part(along / np.float32(_period(rng, 0.02, 0.3)))
    if rng.random() < 0.5:
        return np.asarray(wave < rng.uniform(0.15, 0.85), np.float32)
    return np.abs(2 * wave - 1)


def _checks(rng: np.random.Generator, width: int, height: int) -> Field:
    along, over = _axes(rng, width, height, _turn(rng))
    size = np.float32(_period(rng, 0.02, 0.13))
    first, second = (2 * _part(np.floor(each / size) / 2) for each in (along, over))  # 0 and 1
    if rng.random() < 0.5:
        return np.abs(first - second)
    return np.asarray((first + second) / 2, np.float32)  # tartan


def _weave(rng: np.random.Generator, width: int, height: int) -> Field:
    along, over = _axes(rng, width, height, _turn(rng))
    size = np.float32(_period(rng, 0.012, 0.06))
    along, over = along / size, over / size
    above = _part((np.floor(along) + np.floor(over)) / 2) < 0.25
    first, second = (np.sin(_part(each) * np.float32(math.pi)) for each in (along, over))
    return np.where(above, first, second)


def _bricks(rng: np.random.Generator, width: int, height: int) -> Field:
    """Rows of bricks or tiles, each of a shade of its own, with joints."""
    along, over = _axes(rng, width, height, _turn(rng))
    tall = np.float32(_period(rng, 0.03, 0.12))
    over = over / tall
    row = np.floor(over)
    along = along / (tall * np.float32(rng.uniform(1, 3))) + row * np.float32(rng.choice((0.0, 0.5, 0.33)))
    column = np.floor(along)
    table = rng.random(1024, np.float32) * np.float32(rng.uniform(0.1, 0.6)) + np.float32(0.4)
    field = table[(row.astype(np.int32) * 57 + column.astype(np.int32) * 13) & 1023]
    joint, depth = rng.uniform(0.03, 0.12), np.float32(rng.uniform(0, 0.3))
    return np.where((over - row < joint) | (along - column < joint), depth, field)


def _dots(rng: np.random.Generator, width: int, height: int) -> Field:
    """Small dots in rows: too small and too many for each to be a thing."""
    along, over = _axes(rng, width, height, _turn(rng))
    size = np.float32(_period(rng, 0.015, 0.045))
    row = np.floor(over / size)
    along = _part(along / size + row / 2) - np.float32(0.5)
    away = along**2 + (over / size - row - np.float32(0.5)) ** 2
    return np.asarray(
        np.clip((np.float32(rng.uniform(0.2, 0.42) ** 2) - away) * 20 + np.float32(0.5), 0, 1), np.float32
    )


def _wood(rng: np.random.Generator, width: int, height: int) -> Field:
    along, over = _axes(rng, width, height, _turn(rng))
    warp = clouds(rng, width, height, 3, 3, 0.5)
    rings = _part(along * np.float32(rng.uniform(3, 18)) + warp * np.float32(rng.uniform(0.5, 3)))
    planks = _part(np.floor(along * np.float32(rng.uniform(2, 8))) / 3) * np.float32(rng.uniform(0, 0.4))
    return np.asarray(np.clip(rings * np.float32(0.7) + planks + over * np.float32(0.05), 0, 1), np.float32)


def _gradient(rng: np.random.Generator, width: int, height: int) -> Field:
    along, over = _axes(rng, width, height, rng.uniform(0, 2 * math.pi))
    kind = rng.random()
    if kind < 0.5:
        return _stretched(along + 0 * over)
    along, over = along - np.float32(along.mean() + rng.normal(0, 0.3)), over - np.float32(over.mean())
    if kind < 0.85:
        return _stretched(np.sqrt(along**2 + over**2))
    return np.asarray(np.abs(cv2.phase(along, over) / np.float32(math.pi) - 1), np.float32)


def _blobs(rng: np.random.Generator, width: int, height: int) -> Field:
    """Soft round patches of light, as lamps out of focus."""
    y, x = np.mgrid[0:48, 0:48].astype(np.float32) / 48
    field = np.zeros((48, 48), np.float32)
    for cx, cy, size, strength in rng.uniform((0, 0, 0.05, -1), (1, 1, 0.3, 1), (int(rng.integers(3, 14)), 4)).tolist():
        field += np.float32(strength) * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / np.float32(size**2))
    return _stretched(cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32))


def _mosaic(rng: np.random.Generator, width: int, height: int) -> Field:
    """Cells with straight borders, as facets, fields or cobbles."""
    side = 128
    number = int(rng.integers(6, 90))
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side
    places = rng.random((number, 2), np.float32)
    away = (x[..., None] - places[:, 0]) ** 2 + (y[..., None] - places[:, 1]) ** 2
    shades = rng.random(number, np.float32)[away.argmin(-1)]
    smooth = cv2.INTER_LINEAR if rng.random() < 0.5 else cv2.INTER_CUBIC
    return np.asarray(
        np.clip(cv2.resize(shades, (width, height), interpolation=smooth), 0, 1).astype(np.float32), np.float32
    )


def _plain(rng: np.random.Generator, width: int, height: int) -> Field:
    return np.full((height, width), rng.random(), np.float32)


FIELDS: dict[str, Callable[[np.random.Generator, int, int], Field]] = {
    each.__name__[1:]: each
    for each in (
        *(_mottle, _noise, _stripes, _checks, _weave, _bricks, _dots),
        *(_wood, _gradient, _blobs, _mosaic, _plain),
    )
}


def palette(rng: np.random.Generator, stepped: bool = True) -> npt.NDArray[np.uint8]:
    """Colours (_LEVELS, 3) for a field: dull ones, one hue in many shades, or several strong ones; maybe in steps."""
    number, kind, hue = int(rng.integers(2, 6)), rng.random(), rng.uniform(0, 180)
    if kind < 0.35:
        stops = np.stack([looks.dull(rng) for _ in range(number)])
    elif kind < 0.7:  # one hue
        strong = rng.uniform(20, 255)
        shades = rng.uniform((-8, 0.6, 25), (8, 1, 255), (number, 3)).tolist()
        stops = np.stack([from_hsv(hue + turn, strong * share, value) for turn, share, value in shades])
    else:
        shades = rng.uniform((0, 20, 25), (180, 255, 255), (number, 3)).tolist()
        stops = np.stack([from_hsv(turn, strong, value) for turn, strong, value in shades])
    middle = stops.mean(0)
    stops = middle + (stops - middle) * rng.uniform(0.12, 1.0)  # often hardly more than a hint
    places = np.concatenate([[0], np.sort(rng.uniform(0, 1, number - 2)), [1]])
    levels = np.linspace(0, 1, _LEVELS)
    if stepped and rng.random() < 0.15:
        chosen = stops[np.minimum((levels * number).astype(int), number - 1)]
    else:
        chosen = np.stack([np.interp(levels, places, stops[:, channel]) for channel in range(3)], 1)
    return np.asarray(np.clip(chosen, 0, 255), np.uint8)


def _coloured(rng: np.random.Generator, name: str, width: int, height: int) -> looks.Picture:
    """A field by its name, in the colours of a palette."""
    field = FIELDS[name](rng, width, height)
    levels = np.broadcast_to(cv2.convertScaleAbs(field, alpha=_LEVELS - 1), (height, width))
    return np.asarray(
        cv2.applyColorMap(np.ascontiguousarray(levels), palette(rng, name not in _ROUND)[:, None]), np.uint8
    )


def _shared(rng: np.random.Generator, picture: looks.Picture) -> None:
    """Another ground on a part of it: a floor below a wall, or patches."""
    height, width = picture.shape[:2]
    name = str(rng.choice(("mottle", "stripes", "checks", "bricks", "wood", "gradient", "plain")))
    other = _coloured(rng, name, width, height)
    if rng.random() < 0.6:
        along, _ = _axes(rng, width, height, rng.uniform(-0.3, 0.3) + math.pi / 2)
    else:
        along = clouds(rng, width, height, rng.uniform(1.5, 4), 2, 0.5)
    there = along > np.quantile(along[::8, ::8], rng.uniform(0.25, 0.75))
    cv2.copyTo(other, there.astype(np.uint8), picture)


def _shade(rng: np.random.Generator, picture: looks.Picture) -> None:
    """Soft shadows of things that are not in the picture."""
    height, width = picture.shape[:2]
    shade = clouds(rng, width, height, rng.uniform(1.5, 8), 2, 0.5) * np.float32(rng.uniform(0.1, 0.5))
    gain = cv2.cvtColor(1 - shade, cv2.COLOR_GRAY2RGB)
    cv2.multiply(picture, gain, dst=picture, dtype=cv2.CV_8U)


def _speckle(rng: np.random.Generator, picture: looks.Picture) -> None:
    """Noise of each pixel: grain of paper, sand, plaster; grey or coloured."""
    height, width = picture.shape[:2]
    size = (height, width, 3 if rng.random() < 0.4 else 1)
    grain = np.frombuffer(rng.bytes(math.prod(size)), np.uint8).reshape(size)
    if size[2] == 1:
        grain = np.asarray(cv2.cvtColor(grain, cv2.COLOR_GRAY2RGB), np.uint8)
    weaker = (np.arange(-128, 128) * rng.uniform(0.03, 0.3)).astype(np.int8)
    cv2.add(picture, cv2.LUT(grain, weaker), dst=picture, dtype=cv2.CV_8U)

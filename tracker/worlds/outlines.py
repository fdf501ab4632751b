"""Outlines of the named shapes in many proportions: what a word means is wider than one drawing of it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tracker.worlds.looks import OUTLINES, Outline

Points = npt.NDArray[np.float64]  # (N, 2) x, y

_TURNS_OF_ITSELF = ("square", "cross")  # turned by an eighth these go by other names: diamond, x
_TURN = 0.6  # radians, usual; others may stand on their heads


def varied(rng: np.random.Generator, shape: str) -> Outline:
    """An outline that goes by a shape's name."""
    if shape not in _MADE:
        return OUTLINES[shape]
    return _MADE[shape](rng)


def turned(rng: np.random.Generator, shape: str) -> float:
    """By how many radians it lies turned: mostly little, some in any direction."""
    turn = float(rng.uniform(-_TURN, _TURN))
    if rng.random() < 0.6:
        return turn
    if shape in _TURNS_OF_ITSELF:
        return turn * 0.8 + math.pi / 2 * int(rng.integers(4))
    return float(rng.uniform(-math.pi, math.pi))


def rounded(points: Points, share: float, steps: int = 4) -> Points:
    """A polygon whose corners are round: ``share`` of each edge, 0 to 0.5, on either side of a corner."""
    if share <= 0:
        return points
    before = points + (np.roll(points, 1, 0) - points) * share
    after = points + (np.roll(points, -1, 0) - points) * share
    t = np.linspace(0, 1, steps + 2)[None, :, None]
    curves = before[:, None] * (1 - t) ** 2 + points[:, None] * (2 * t * (1 - t)) + after[:, None] * t**2
    return np.asarray(curves.reshape(-1, 2))


def _round(rng: np.random.Generator, most: float) -> float:
    return 0.0 if rng.random() < 0.5 else float(rng.uniform(0.03, most))


def _circle_of(radius: float, steps: int) -> Points:
    angles = np.arange(steps) * (2 * math.pi / steps)
    return np.stack([radius * np.cos(angles), radius * np.sin(angles)], 1)


def _circle(rng: np.random.Generator) -> Outline:
    del rng
    return (_circle_of(1.0, 64),)


def _square(rng: np.random.Generator) -> Outline:
    half = rng.uniform(0.8, 0.95)
    corners = np.array([(-half, -half), (half, -half), (half, half), (-half, half)])
    return (rounded(corners, _round(rng, 0.22), 6),)


def _triangle(rng: np.random.Generator) -> Outline:
    wide, top, low = rng.uniform(0.75, 1.1), rng.uniform(0.8, 1.25), rng.uniform(0.55, 0.85)
    kind = rng.random()
    tip = 0.0 if kind < 0.7 else rng.uniform(-1, 1) * wide
    points = np.array([(tip, -top), (wide, low), (-wide, low)])
    return (rounded(points, _round(rng, 0.16)),)


def _star(rng: np.random.Generator) -> Outline:
    kind = rng.random()
    tips = 5 if kind < 0.82 else 6 if kind < 0.9 else int(rng.choice((4, 7, 8)))
    outer, inner = rng.uniform(1.05, 1.2), rng.uniform(0.36, 0.58) if tips <= 5 else rng.uniform(0.5, 0.66)
    angles = np.arange(2 * tips) * math.pi / tips
    radii = np.where(np.arange(2 * tips) % 2 == 0, outer, inner * outer)
    return (rounded(np.stack([radii * np.sin(angles), -radii * np.cos(angles)], 1), _round(rng, 0.2), 3),)


def _heart(rng: np.random.Generator) -> Outline:
    """The usual curve, or two half discs on a square that stands on its corner; slim or wide."""
    if rng.random() < 0.5:
        points = OUTLINES["heart"][0]
    else:
        t = np.linspace(0, math.pi, 20)
        lobe, deep = np.stack([0.5 - 0.5 * np.cos(t), -0.55 * np.sin(t)], 1), rng.uniform(1.0, 1.35)
        bulge = rng.uniform(0.0, 0.25)
        side = np.array([(1 - s + bulge * s * (1 - s) * 2, deep * s) for s in np.linspace(0.1, 1, 8)])
        half = np.concatenate([lobe, side])
        points = np.concatenate([half, half[-2:0:-1] * (-1, 1)]) - (0, 0.3)
    return (points * (rng.uniform(0.85, 1.1), rng.uniform(0.85, 1.1)),)


def _cross(rng: np.random.Generator) -> Outline:
    """Of four arms, thin or thick; now and then its lower arm is longer."""
    a, b = rng.uniform(0.2, 0.42), rng.uniform(0.95, 1.12)
    low = b * (1.0 if rng.random() < 0.8 else rng.uniform(1.0, 1.35))
    right = [(a, -b), (a, -a), (b, -a), (b, a), (a, a), (a, low)]
    points = np.array([*right, *((-x, y) for x, y in reversed(right))])
    return (rounded(points, _round(rng, 0.25), 3),)


def _ring(rng: np.random.Generator) -> Outline:
    hole = rng.uniform(0.38, 0.75)
    return _circle_of(1.05, 64), _circle_of(1.05 * hole, 48)


def _crescent(rng: np.random.Generator) -> Outline:
    """A disc less another one, thin or thick, open to either side."""
    bite = rng.uniform(0.75, 0.98)
    thick = rng.uniform(max(0.4, 2.1 - 2 * bite), 0.9)  # less, and the bite would lie inside the disc
    shift = thick - 1 + bite
    x = (1 - bite**2 + shift**2) / (2 * shift)  # where both borders meet
    y = math.sqrt(max(1e-4, 1 - x * x))
    outer, inner = math.atan2(y, x), math.atan2(y, x - shift)
    far, near = np.linspace(outer, 2 * math.pi - outer, 36), np.linspace(2 * math.pi - inner, inner, 28)[1:-1]
    disc = np.stack([np.cos(far), np.sin(far)], 1)
    dent = np.stack([shift + bite * np.cos(near), bite * np.sin(near)], 1)
    side = 1 if rng.random() < 0.5 else -1
    return (np.concatenate([disc, dent]) * (side * 1.1, 1.1) + (0.25 * side, 0),)


_MADE: dict[str, Callable[[np.random.Generator], Outline]] = {
    each.__name__[1:]: each for each in (_circle, _square, _triangle, _star, _heart, _cross, _ring, _crescent)
}

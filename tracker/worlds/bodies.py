"""What moves in a world, and how it is drawn into a picture and into the map of who is in front."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from tracker.worlds.looks import Outline, Paint, Picture, Sprite

Path = Callable[[float], tuple[float, float, float]]

_SUBPIXEL_BITS = 4  # cv2 draws in sixteenths of a pixel
_FINE, _FINE_UNTIL = (
    4,
    160,
)  # times larger, for what is fine; pixels: larger things have edges enough to be drawn usually


@dataclass(frozen=True, slots=True)
class Style:
    """How a renderer draws edges, and the shadows that things throw on what is behind them."""

    edge: str = (
        "smooth"  # as OpenCV smooths; "hard": not at all; "fine": drawn larger and made smaller; "soft": blurred
    )
    blur: float = 0.0  # of a soft edge, sigma in pixels
    shadow: float = 0.0  # how much darker, 0 to 1
    fall: tuple[float, float] = (0.0, 0.0)  # where a shadow lies, units of the picture's shorter side
    softness: float = 0.0  # of a shadow, the same unit


USUAL = Style()


@dataclass(slots=True)
class Body:
    """
    One moving thing. Lengths are in units of the picture's shorter side.

    ``path`` gives its place and the factor of its size at a moment, (x, y, factor), for worlds with a script; else it
    wanders about.
    """

    id: int
    named: bool  # nobody can ask for what is not: it is only in the way
    color: str
    shape: str
    more: tuple[str, ...]
    doubtful: tuple[str, ...]
    outline: Outline | None  # else a sprite
    paint: Paint | None
    sprite: Sprite | None
    radius: float
    squeeze: float  # width to height
    position: npt.NDArray[np.float64]
    velocity: npt.NDArray[np.float64]  # a second
    angle: float
    spin: float  # radians a second
    breath: float  # amplitude of its change of size
    breath_rate: float  # radians a second
    phase: float
    path: Path | None = None
    seconds: float = 0.0
    style: Style = USUAL

    def advance(self, seconds: float, aspect: tuple[float, float], leave: float) -> None:
        """Move on; turn back once ``leave`` beyond the border."""
        self.seconds += seconds
        self.position += self.velocity * seconds
        for axis in (0, 1):
            low, high = -leave, aspect[axis] + leave
            if not low <= self.position[axis] <= high:
                self.velocity[axis] = abs(self.velocity[axis]) * (1 if self.position[axis] < low else -1)
                self.position[axis] = min(max(self.position[axis], low), high)
        self.angle += self.spin * seconds
        self.phase += self.breath_rate * seconds

    def place(self) -> npt.NDArray[np.float64]:
        """The (2, 3) matrix from its own units, radii from its middle, to the world."""
        size = self.radius * (1 + self.breath * math.sin(self.phase))
        x, y = self.position
        if self.path is not None:
            x, y, factor = self.path(self.seconds)
            size = self.radius * factor
        cos, sin = math.cos(self.angle) * size, math.sin(self.angle) * size
        return np.array([[cos * self.squeeze, -sin, x], [sin * self.squeeze, cos, y]])


def paint(
    image: Picture, owner: npt.NDArray[np.uint8], number: int, body: Body, place: npt.NDArray[np.float64]
) -> float:
    """Draw a body into the picture and the map of who is in front; returns its whole area in pixels."""
    if body.sprite is not None:
        return _paint_sprite(image, owner, number, body.sprite, place)
    assert body.outline is not None and body.paint is not None
    contours = [points @ place[:, :2].T + place[:, 2] for points in body.outline]
    area = float(cv2.contourArea(contours[0].astype(np.float32)))
    area -= sum(float(cv2.contourArea(hole.astype(np.float32))) for hole in contours[1:])
    if body.style.shadow:
        _shade(image, contours, body.style)
    patch = _patch(np.concatenate(contours), image, math.ceil(3 * body.style.blur))
    if patch is None:
        return area
    rows, columns, corner = patch
    local = [np.round((points - corner - 0.5) * (1 << _SUBPIXEL_BITS)).astype(np.int32) for points in contours]
    part = image[rows, columns]
    cover = _cover(local, part.shape[:2], body.style)
    back = np.linalg.inv(place[:, :2]).astype(body.paint.color.dtype)
    x, y = np.meshgrid(
        np.arange(part.shape[1], dtype=np.float32) + (0.5 + corner[0] - place[0, 2]),
        np.arange(part.shape[0], dtype=np.float32) + (0.5 + corner[1] - place[1, 2]),
    )
    colors = body.paint.fill(
        (back[0, 0] * x + back[0, 1] * y).astype(np.float32), (back[1, 0] * x + back[1, 1] * y).astype(np.float32)
    )
    if body.paint.line is not None:
        width = max(1, round(body.paint.line_width * math.sqrt(abs(np.linalg.det(place[:, :2])))))
        line = body.paint.line.tolist()
        cv2.polylines(colors, local, True, line, width, lineType=cv2.LINE_AA, shift=_SUBPIXEL_BITS)
    owner[rows, columns][cover > 127] = number
    part[:] = (part + (colors - part) * (cover.astype(np.float32)[..., None] * (body.paint.alpha / 255))).astype(
        np.uint8
    )
    return area


def _cover(local: list[npt.NDArray[np.int32]], size: tuple[int, ...], style: Style) -> npt.NDArray[np.uint8]:
    """How much of each pixel lies inside contours in sixteenths of a pixel, 0 to 255."""
    fine = _FINE if style.edge == "fine" and max(size) <= _FINE_UNTIL else 1
    cover = np.zeros((size[0] * fine, size[1] * fine), np.uint8)
    kind = cv2.LINE_AA if style.edge in ("smooth", "soft") or (style.edge == "fine" and fine == 1) else cv2.LINE_8
    half = (1 << _SUBPIXEL_BITS) * (fine - 1) // 2  # the middle of a pixel is that of all its parts
    cv2.fillPoly(cover, [points * fine + half for points in local], 255, lineType=kind, shift=_SUBPIXEL_BITS)
    if fine > 1:
        cover = cv2.resize(cover, (size[1], size[0]), interpolation=cv2.INTER_AREA).astype(np.uint8)
    if style.edge == "soft":
        cover = cv2.GaussianBlur(cover, (0, 0), style.blur).astype(np.uint8)
    return cover


def _shade(image: Picture, contours: list[npt.NDArray[np.float64]], style: Style) -> None:
    """Darken what lies where the shadow of a thing falls."""
    unit = min(image.shape[:2])
    side = max(1, int(style.softness * unit))
    fallen = [points + np.array(style.fall) * unit for points in contours]
    patch = _patch(np.concatenate(fallen), image, side)
    if patch is None:
        return
    rows, columns, corner = patch
    part = image[rows, columns]
    local = [np.round((points - corner - 0.5) * (1 << _SUBPIXEL_BITS)).astype(np.int32) for points in fallen]
    shade = _cover(local, part.shape[:2], USUAL)
    soft = cv2.blur(cv2.blur(shade, (side, side)), (side, side))
    gain = cv2.cvtColor(cv2.convertScaleAbs(soft, alpha=-style.shadow, beta=255), cv2.COLOR_GRAY2RGB)
    part[:] = cv2.multiply(part, gain, scale=1 / 255)


def _paint_sprite(
    image: Picture, owner: npt.NDArray[np.uint8], number: int, sprite: Sprite, place: npt.NDArray[np.float64]
) -> float:
    """The same for a picture of a thing, its longer side two radii."""
    height, width = sprite.shape[:2]
    scale = 2 / max(height, width)
    own = np.array([[scale, 0, -width * scale / 2], [0, scale, -height * scale / 2], [0, 0, 1]])
    matrix = place @ own  # from the sprite's pixels to the picture's
    size = math.sqrt(abs(np.linalg.det(matrix[:, :2])))
    area = float((sprite[..., 3] > 127).sum()) * size**2
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)]) @ matrix[:, :2].T + matrix[:, 2]
    patch = _patch(corners, image)
    if patch is None:
        return area
    rows, columns, corner = patch
    part = image[rows, columns]
    if size < 0.6:  # what is made much smaller must be made smaller first, or it flickers
        factor = max(size, 2 / min(height, width))
        small = cv2.resize(sprite, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        matrix[:, 0] *= width / small.shape[1]
        matrix[:, 1] *= height / small.shape[0]
        sprite = np.asarray(small, np.uint8)
    matrix[:, 2] -= corner
    warped = cv2.warpAffine(sprite, matrix, (part.shape[1], part.shape[0]), flags=cv2.INTER_LINEAR).astype(np.float32)
    cover = warped[..., 3]
    owner[rows, columns][cover > 127] = number
    part[:] = (part + (warped[..., :3] - part) * (cover[..., None] / 255)).astype(np.uint8)
    return area


def _patch(
    points: npt.NDArray[np.float64], image: Picture, reach: int = 0
) -> tuple[slice, slice, npt.NDArray[np.float64]] | None:
    """The part of the picture up to ``reach`` around points: rows, columns, its corner x, y; None if outside."""
    height, width = image.shape[:2]
    low = np.maximum(np.floor(points.min(0)).astype(int) - 2 - reach, 0)
    high = np.minimum(np.ceil(points.max(0)).astype(int) + 3 + reach, (width, height))
    if (high <= low).any():
        return None
    return slice(low[1], high[1]), slice(low[0], high[0]), low.astype(np.float64)

"""
Endless synthetic video from a seed, with the truth of every frame.

Coloured shapes, and things if pictures of them are given, move, turn, breathe, cross in front of each other, hide,
leave and come back, over varied backdrops, seen by a camera that moves, with light, noise, blur and JPEG damage. It
serves training, tests, benchmarks and the synthetic camera.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from tracker.model.vocabulary import ANYTHING, PLACES, SIZES, words
from tracker.types import Box
from tracker.worlds import looks
from tracker.worlds.camera import Camera, Damage
from tracker.worlds.looks import Outline, Paint, Picture, Sprite
from tracker.worlds.things import Thing
from tracker.worlds.variety import PLAIN, TINY, Variety

Binary = npt.NDArray[np.bool_]  # (height, width)
Path = Callable[[float], tuple[float, float, float]]

_SUBPIXEL_BITS = 4  # cv2 draws in sixteenths of a pixel
_MARGIN = 0.3  # of the picture's size: what the backdrop has more than the picture, for a camera that moves

# An object with less than this to be seen is no longer asked for: neither finding nor missing it is an error.
MIN_VISIBLE_AREA = 0.0006  # of the picture
MIN_VISIBLE_SHARE = 0.2  # of the object

# "big" and "small" by the square root of the share of the picture, "left" and "top" by the middle of the box: yes, no,
# and between them doubt.
_BIG, _NOT_BIG = 0.25, 0.19
_SMALL, _NOT_SMALL = 0.085, 0.125
_SIDE = 0.07  # from the middle


@dataclass(frozen=True, slots=True)
class WorldObject:
    """
    One object on one frame. ``mask`` is what can be seen of it; ``visible`` is that share of the whole object.

    ``color`` is empty for a thing, ``shape`` is its name or empty for a shape that has none; ``more`` are patterns,
    categories and a thing's colour; about ``doubtful`` words people would not agree.
    """

    id: int
    color: str
    shape: str
    mask: Binary
    visible: float
    more: tuple[str, ...] = ()
    doubtful: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What it is called in full, such as "red circle"."""
        return f"{self.color} {self.shape or 'thing'}".strip()

    @property
    def countable(self) -> bool:
        """Whether enough of it can be seen to ask for it."""
        return bool(self.visible >= MIN_VISIBLE_SHARE and self.mask.sum() >= MIN_VISIBLE_AREA * self.mask.size)

    def matches(self, text: str) -> bool:
        """Whether ``text``, in nano's words, names this object."""
        return self.answers(text) is True

    def answers(self, text: str) -> bool | None:
        """Whether ``text`` names this object; None where people would not agree, such as "big" of a middling one."""
        found = [self._answers(word) for word in words(text)]
        return False if False in found else None if None in found else bool(found)

    def _answers(self, word: str) -> bool | None:
        if word in SIZES:
            size = math.sqrt(self.mask.mean())
            yes, no = (size > _BIG, size < _NOT_BIG) if word == "big" else (size < _SMALL, size > _NOT_SMALL)
            return True if yes else False if no else None
        if word in PLACES:
            return self._lies(word)
        if word == "shape":
            return bool(self.color)
        return None if word in self.doubtful else word in (self.color, self.shape, *self.more, *ANYTHING)

    def _lies(self, word: str) -> bool | None:
        axis = 0 if word in ("left", "right") else 1
        there = np.flatnonzero(self.mask.any(axis))
        if not len(there):
            return False
        middle = (there[0] + there[-1] + 1) / 2 / self.mask.shape[1 - axis] - 0.5
        beyond = -middle if word in ("left", "top") else middle
        return True if beyond > _SIDE else False if beyond < -_SIDE else None


@dataclass(frozen=True, slots=True)
class WorldFrame:
    """One frame: its number from 0, the picture, and everything in it, back to front."""

    index: int
    image: Picture
    objects: list[WorldObject]


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


class Video:
    """
    A world seen by a camera: iterate for its frames, for ever.

    ``seed`` decides everything. ``objects`` is the lowest and highest number of them, ``speed`` scales motion
    (0 stands still), ``damage`` scales noise, blur and JPEG loss (0 is a clean picture). ``photos`` may lie behind and
    upon things, ``things`` may be among the objects, ``share`` of them, and ``unnamed`` ones too. ``variety`` says how
    varied all of it is; ``hidden``, the chance of something nameless in the way, in its place. ``script`` makes the
    bodies in place of chance, with :meth:`actor` and :meth:`screen`.
    """

    def __init__(
        self,
        seed: int,
        width: int = 640,
        height: int = 480,
        *,
        fps: float = 30.0,
        objects: tuple[int, int] = (1, 6),
        speed: float = 1.0,
        damage: float = 1.0,
        photos: list[Picture] | None = None,
        things: list[Thing] | None = None,
        share: float = 0.5,
        unnamed: list[Thing] | None = None,
        variety: Variety = PLAIN,
        hidden: float | None = None,
        script: Callable[[Video], list[Body]] | None = None,
    ) -> None:
        self.width, self.height, self.fps = width, height, fps
        self._rng = rng = np.random.default_rng(seed)
        self._unit = min(width, height)
        self._aspect = (width / self._unit, height / self._unit)
        self._leave = float(rng.uniform(0.0, 0.25))
        self._photos, self._things, self._share, self._speed = photos or [], things or [], share, speed
        self._unnamed = unnamed or []
        self._variety = variety
        self._camera = Camera(rng, min(1.0, speed), variety)
        grown = 1 + _MARGIN if self._camera.moves else 1.0
        self._backdrop = looks.backdrop(rng, int(width * grown), int(height * grown), self._photos)
        self._bodies: list[Body] = []
        number = int(rng.integers(objects[0], objects[1] + 1)) if script is None else 0
        for index in range(number):
            self._bodies.append(self._body(index, number))
        if rng.random() < (variety.hidden if hidden is None else hidden):
            for _ in range(rng.integers(1, 4)):
                self._bodies.insert(int(rng.integers(0, len(self._bodies) + 1)), self._occluder())
        if script is not None:
            self._bodies = script(self)
        self._damage = Damage(rng, damage, variety)
        self._index = 0

    def __iter__(self) -> Iterator[WorldFrame]:
        while True:
            yield self.next()

    def next(self) -> WorldFrame:
        """Draw the present frame and move on by one."""
        image, objects = self._draw()
        frame = WorldFrame(self._index, self._damage.apply(image, self._index / self.fps), objects)
        self.skip(1)
        return frame

    def skip(self, frames: int) -> None:
        """Move on without drawing."""
        for body in self._bodies:
            for _ in range(frames):
                body.advance(1 / self.fps, self._aspect, self._leave)
        self._index += frames

    def actor(self, id: int, color: str, shape: str, radius: float, path: Path) -> Body:  # noqa: A002
        """A shape for a script."""
        rng = self._rng
        paint = Paint.drawn(rng, looks.color_of(rng, color), [], self._variety)
        paint.alpha, paint.pattern = 1.0, ""
        body = self._moving(id, True, color, shape, (), looks.OUTLINES[shape], paint, None, radius)
        body.path, body.spin = path, 0.2 * body.spin
        return body

    def screen(self, x: float, width: float) -> Body:
        """An upright bar that is nothing, for a script: things can hide behind it."""
        paint = Paint.drawn(self._rng, looks.dull(self._rng), [], self._variety)
        paint.alpha, paint.pattern = 1.0, ""
        half, high = width / 2, self._aspect[1]
        outline: Outline = (np.array([(-half, -high), (half, -high), (half, high), (-half, high)]),)
        body = self._moving(-1, False, "", "", (), outline, paint, None, 1.0)
        body.path, body.angle, body.spin, body.squeeze = lambda _: (x, self._aspect[1] / 2, 1.0), 0.0, 0.0, 1.0
        return body

    def _body(self, index: int, number: int) -> Body:
        """An object; in crowds they are smaller, and sometimes it is the twin of one that is there."""
        rng = self._rng
        variety = self._variety
        least, most = variety.radius
        least = TINY if rng.random() < variety.tiny else least
        most = max(least, min(most, 0.55 / math.sqrt(max(number, 1))))
        radius = math.exp(rng.uniform(math.log(least), math.log(most)))
        things = self._unnamed if self._unnamed and rng.random() < variety.unnamed else self._things
        if things and (things is self._unnamed or rng.random() < self._share):
            thing = things[rng.integers(len(things))]
            radius = max(radius, 0.045) * 1.3  # a dressed sprite has a margin
            body = self._moving(
                index, True, "", thing.name, thing.more, None, None, looks.dressed(rng, thing.sprite), radius
            )
            body.doubtful = thing.doubtful
            return body
        color = str(rng.choice(variety.colors))
        shape = str(rng.choice(variety.shapes)) if rng.random() >= variety.nameless else ""
        shapes = [body for body in self._bodies if body.color]
        if shapes and rng.random() < variety.twins:
            twin = shapes[rng.integers(len(shapes))]
            color, shape = twin.color, twin.shape
        paint = Paint.drawn(rng, looks.color_of(rng, color), self._photos, variety)
        outline = looks.OUTLINES[shape] if shape else looks.blob(rng)
        more = (paint.pattern,) if paint.pattern else ()
        return self._moving(index, True, color, shape, more, outline, paint, None, radius)

    def _occluder(self) -> Body:
        rng = self._rng
        paint = Paint.drawn(rng, looks.dull(rng), self._photos, self._variety)
        paint.alpha, paint.second = 1.0, looks.dull(rng)
        outline: Outline = looks.blob(rng)
        if rng.random() < 0.5:  # a bar across the picture
            outline = (np.array([(-0.15, -6.0), (0.15, -6.0), (0.15, 6.0), (-0.15, 6.0)]),)
        return self._moving(-1, False, "", "", (), outline, paint, None, rng.uniform(0.06, 0.22))

    def _moving(
        self,
        id: int,  # noqa: A002
        named: bool,
        color: str,
        shape: str,
        more: tuple[str, ...],
        outline: Outline | None,
        paint: Paint | None,
        sprite: Sprite | None,
        radius: float,
    ) -> Body:
        rng, speed = self._rng, self._speed
        heading, pace = rng.uniform(0, 2 * math.pi), speed * rng.uniform(0.02, 0.45)
        slack = min(radius * 0.6, 0.3)
        return Body(
            id=id,
            named=named,
            color=color,
            shape=shape,
            more=more,
            doubtful=(),
            outline=outline,
            paint=paint,
            sprite=sprite,
            radius=float(radius),
            squeeze=float(rng.uniform(self._variety.squeeze, 1.0)),
            position=rng.uniform(slack, np.array(self._aspect) - slack),
            velocity=np.array([math.cos(heading), math.sin(heading)]) * pace,
            angle=rng.uniform(-0.5, 0.5) if sprite is None else rng.uniform(-0.3, 0.3),
            spin=speed * rng.normal(0, 0.6 if sprite is None else 0.15),
            breath=rng.uniform(0, 0.2),
            breath_rate=speed * rng.uniform(0.3, 2.0),
            phase=rng.uniform(0, 2 * math.pi),
        )

    def _draw(self) -> tuple[Picture, list[WorldObject]]:
        middle = (self._aspect[0] / 2, self._aspect[1] / 2)
        view = self._camera.view(self._index / self.fps, middle)
        image = self._behind(view)
        owner = np.zeros((self.height, self.width), np.uint8)  # which body is in front, from 1
        whole = [0.0]
        for number, body in enumerate(self._bodies, 1):
            place = view[:, :2] @ body.place()
            place[:, 2] += view[:, 2]
            place *= self._unit
            whole.append(_paint(image, owner, number, body, place))
        counts = np.bincount(owner.ravel(), minlength=len(whole))
        objects = [
            WorldObject(
                body.id,
                body.color,
                body.shape,
                owner == number,
                min(1.0, counts[number] / max(whole[number], 1.0)),
                body.more,
                body.doubtful,
            )
            for number, body in enumerate(self._bodies, 1)
            if body.named and counts[number]
        ]
        return image, objects

    def _behind(self, view: npt.NDArray[np.float64]) -> Picture:
        if not self._camera.moves:
            return self._backdrop.copy()
        matrix = view.copy()
        matrix[:, 2] *= self._unit
        height, width = self._backdrop.shape[:2]
        offset = np.array([(width - self.width) / 2, (height - self.height) / 2])
        matrix[:, 2] -= matrix[:, :2] @ offset
        mode = cv2.BORDER_REFLECT
        return np.asarray(cv2.warpAffine(self._backdrop, matrix, (self.width, self.height), borderMode=mode), np.uint8)


def _paint(
    image: Picture, owner: npt.NDArray[np.uint8], number: int, body: Body, place: npt.NDArray[np.float64]
) -> float:
    """Draw a body into the picture and the map of who is in front; returns its whole area in pixels."""
    if body.sprite is not None:
        return _paint_sprite(image, owner, number, body.sprite, place)
    assert body.outline is not None and body.paint is not None
    contours = [points @ place[:, :2].T + place[:, 2] for points in body.outline]
    area = float(cv2.contourArea(contours[0].astype(np.float32)))
    area -= sum(float(cv2.contourArea(hole.astype(np.float32))) for hole in contours[1:])
    patch = _patch(np.concatenate(contours), image)
    if patch is None:
        return area
    rows, columns, corner = patch
    local = [np.round((points - corner - 0.5) * (1 << _SUBPIXEL_BITS)).astype(np.int32) for points in contours]
    part = image[rows, columns]
    cover = np.zeros(part.shape[:2], np.uint8)
    cv2.fillPoly(cover, local, 255, lineType=cv2.LINE_AA, shift=_SUBPIXEL_BITS)
    back = np.linalg.inv(place[:, :2])
    x, y = np.meshgrid(
        np.arange(part.shape[1], dtype=np.float32) + (0.5 + corner[0] - place[0, 2]),
        np.arange(part.shape[0], dtype=np.float32) + (0.5 + corner[1] - place[1, 2]),
    )
    paint = body.paint.fill(
        (back[0, 0] * x + back[0, 1] * y).astype(np.float32), (back[1, 0] * x + back[1, 1] * y).astype(np.float32)
    )
    if body.paint.line is not None:
        width = max(1, round(body.paint.line_width * math.sqrt(abs(np.linalg.det(place[:, :2])))))
        line = body.paint.line.tolist()
        cv2.polylines(paint, local, True, line, width, lineType=cv2.LINE_AA, shift=_SUBPIXEL_BITS)
    owner[rows, columns][cover > 127] = number
    part[:] = (part + (paint - part) * (cover.astype(np.float32)[..., None] * (body.paint.alpha / 255))).astype(
        np.uint8
    )
    return area


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


def _patch(points: npt.NDArray[np.float64], image: Picture) -> tuple[slice, slice, npt.NDArray[np.float64]] | None:
    """The part of the picture around some points: rows, columns, and its corner x, y; None if they are outside."""
    height, width = image.shape[:2]
    low = np.maximum(np.floor(points.min(0)).astype(int) - 2, 0)
    high = np.minimum(np.ceil(points.max(0)).astype(int) + 3, (width, height))
    if (high <= low).any():
        return None
    return slice(low[1], high[1]), slice(low[0], high[0]), low.astype(np.float64)


def box_around(mask: Binary) -> Box:
    """The smallest box around a mask that is not empty, pixels."""
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    return Box(float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))

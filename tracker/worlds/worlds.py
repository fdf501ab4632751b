"""
Endless synthetic video from a seed, with the truth of every frame.

Coloured shapes, and things if pictures of them are given, move, turn, breathe, cross in front of each other, hide,
leave and come back, over varied backdrops, seen by a camera that moves, with light, noise, blur and JPEG damage. It
serves training, tests, benchmarks and the synthetic camera.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from tracker.worlds import looks, outlines
from tracker.worlds.bodies import USUAL, Body, Path, Style, paint
from tracker.worlds.camera import Camera, Damage
from tracker.worlds.grounds import ground
from tracker.worlds.looks import Outline, Paint, Picture, Sprite
from tracker.worlds.objects import WorldObject
from tracker.worlds.palette import Ground, shade
from tracker.worlds.things import Thing
from tracker.worlds.variety import PLAIN, TINY, Variety

_TRIES = 8  # of colours, until one is seen on the ground
_MARGIN = 0.3  # of the picture's size: what the backdrop has more than the picture, for a camera that moves


@dataclass(frozen=True, slots=True)
class WorldFrame:
    """One frame: its number from 0, the picture, and everything in it, back to front."""

    index: int
    image: Picture
    objects: list[WorldObject]


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
        draw = ground if variety.grounds and rng.random() < variety.grounds else looks.backdrop
        self._backdrop = draw(rng, int(width * grown), int(height * grown), self._photos)
        self._ground = Ground(self._backdrop) if variety.shades else None
        self._style = _style(rng, variety)
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
        color, chosen = self._color(color)
        paint = Paint.drawn(rng, chosen, self._photos, variety)
        if variety.finish and rng.random() < variety.finish:
            paint = paint.finished(rng)
        if variety.shades:
            paint = paint.light()
        outline = looks.OUTLINES[shape] if shape else looks.blob(rng)
        if variety.proportions and shape and rng.random() < variety.proportions:
            outline = outlines.varied(rng, shape)
        more = (paint.pattern,) if paint.pattern else ()
        body = self._moving(index, True, color, shape, more, outline, paint, None, radius)
        if variety.proportions and shape:
            body.angle = outlines.turned(rng, shape)
        return body

    def _color(self, word: str) -> tuple[str, looks.Color]:
        """A colour of a word; in wide worlds one that is seen on the ground, of another word if there is none."""
        rng, variety = self._rng, self._variety
        if self._ground is None:
            return word, looks.color_of(rng, word)
        found = []
        for attempt in range(_TRIES):
            if attempt >= _TRIES // 2:
                word = str(rng.choice(variety.colors))
            color = shade(rng, word) if rng.random() < variety.shades else looks.color_of(rng, word)
            if not self._ground.hides(color):
                return word, color
            found.append((self._ground.alike(color), word, color))
        return min(found, key=lambda each: each[0])[1:]

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
            style=self._style,
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
            whole.append(paint(image, owner, number, body, place))
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


def _style(rng: np.random.Generator, variety: Variety) -> Style:
    """How one picture is drawn."""
    style = USUAL
    if variety.edges and rng.random() < variety.edges:
        edge = str(rng.choice(("hard", "fine", "fine", "soft")))
        style = replace(style, edge=edge, blur=float(rng.uniform(0.5, 1.5)) if edge == "soft" else 0.0)
    if variety.shadows and rng.random() < variety.shadows:
        away, where = rng.uniform(0.003, 0.03), rng.uniform(0, 2 * math.pi)
        fall = (float(away * math.cos(where)), float(away * math.sin(where)))
        style = replace(style, shadow=float(rng.uniform(0.15, 0.6)), fall=fall, softness=float(rng.uniform(0, 0.03)))
    return style

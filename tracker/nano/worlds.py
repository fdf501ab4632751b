"""
Endless synthetic video from a seed, with the truth of every frame.

Coloured shapes move, turn, breathe, cross in front of each other, leave and come back, over varied backgrounds with
light, noise, blur and JPEG damage. It serves training, tests, benchmarks and the synthetic camera.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from tracker.nano.config import COLORS, SHAPES

Picture = npt.NDArray[np.uint8]  # (height, width, 3) RGB
Binary = npt.NDArray[np.bool_]  # (height, width)

# Hue in OpenCV's degrees/2, saturation and value: the middle of each colour and how far an object may stray from it.
_HSV = {
    "red": (0, 215, 215),
    "orange": (13, 225, 240),
    "yellow": (28, 205, 240),
    "green": (62, 185, 175),
    "blue": (112, 205, 215),
    "purple": (141, 160, 175),
}
_HSV_SPREAD = (3, 30, 30)
_SUBPIXEL_BITS = 4  # cv2 draws in sixteenths of a pixel

# An object with less than this to be seen is no longer asked for: neither finding nor missing it is an error.
MIN_VISIBLE_AREA = 0.0012  # of the picture
MIN_VISIBLE_SHARE = 0.2  # of the object


@dataclass(frozen=True, slots=True)
class WorldObject:
    """One object on one frame. ``mask`` is what can be seen of it; ``visible`` is that share of the whole object."""

    id: int
    color: str
    shape: str
    mask: Binary
    visible: float

    @property
    def name(self) -> str:
        """What it is called in full, such as "red circle"."""
        return f"{self.color} {self.shape}"

    @property
    def countable(self) -> bool:
        """Whether enough of it can be seen to ask for it."""
        return bool(self.visible >= MIN_VISIBLE_SHARE and self.mask.sum() >= MIN_VISIBLE_AREA * self.mask.size)

    def matches(self, text: str) -> bool:
        """Whether ``text``, in nano's words, names this object."""
        from tracker.nano.config import ANYTHING, words

        return all(word in (self.color, self.shape) or word in ANYTHING for word in words(text))


@dataclass(frozen=True, slots=True)
class WorldFrame:
    """One frame: its number from 0, the picture, and everything in it, back to front."""

    index: int
    image: Picture
    objects: list[WorldObject]


@dataclass(slots=True)
class _Body:
    """One moving shape. Lengths are in units of the picture's shorter side."""

    id: int
    color: str
    shape: str
    rgb: npt.NDArray[np.float64]
    rgb_far: npt.NDArray[np.float64]  # colour at the other end of its shading
    outline: npt.NDArray[np.float64] | None
    radius: float
    position: npt.NDArray[np.float64]
    velocity: npt.NDArray[np.float64]  # a second
    angle: float
    spin: float  # radians a second
    breath: float  # amplitude of its change of size
    breath_rate: float  # radians a second
    phase: float

    def advance(self, seconds: float, aspect: tuple[float, float], leave: float) -> None:
        """Move on; turn back once ``leave`` beyond the border."""
        self.position += self.velocity * seconds
        for axis in (0, 1):
            low, high = -leave, aspect[axis] + leave
            if not low <= self.position[axis] <= high:
                self.velocity[axis] = abs(self.velocity[axis]) * (1 if self.position[axis] < low else -1)
                self.position[axis] = min(max(self.position[axis], low), high)
        self.angle += self.spin * seconds
        self.phase += self.breath_rate * seconds

    def outline_points(self) -> npt.NDArray[np.float64]:
        """Its corners in units of the shorter side, (N, 2) x, y."""
        size = self.radius * (1 + self.breath * math.sin(self.phase))
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        turn = np.array([[cos, sin], [-sin, cos]])
        return np.asarray(_OUTLINES[self.shape] @ turn * size + self.position)


def _star() -> npt.NDArray[np.float64]:
    angles = np.arange(10) * math.pi / 5
    radii = np.where(np.arange(10) % 2 == 0, 1.2, 0.5)
    return np.stack([radii * np.sin(angles), -radii * np.cos(angles)], 1)


def _circle() -> npt.NDArray[np.float64]:
    angles = np.linspace(0, 2 * math.pi, 48, endpoint=False)
    return np.stack([np.cos(angles), np.sin(angles)], 1)


_OUTLINES = {
    "circle": _circle(),
    "square": np.array([(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]),
    "triangle": np.array([(0.0, -1.15), (1.05, 0.75), (-1.05, 0.75)]),
    "star": _star(),
}


class Video:
    """
    A world seen by a camera: iterate for its frames, for ever.

    ``seed`` decides everything. ``objects`` is the lowest and highest number of them, ``speed`` scales motion
    (0 stands still), ``damage`` scales noise, blur and JPEG loss (0 is a clean picture).
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
    ) -> None:
        self.width, self.height, self.fps = width, height, fps
        self._rng = np.random.default_rng(seed)
        self._unit = min(width, height)
        self._aspect = (width / self._unit, height / self._unit)
        self._leave = float(self._rng.uniform(0.0, 0.25))
        self._background = _background(self._rng, width, height)
        number = int(self._rng.integers(objects[0], objects[1] + 1))
        self._bodies = [self._body(index, speed) for index in range(number)]
        self._damage = _Damage(self._rng, damage)
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

    def _body(self, index: int, speed: float) -> _Body:
        rng = self._rng
        color, shape = str(rng.choice(COLORS)), str(rng.choice(SHAPES))
        rgb = _color(rng, color)
        heading, pace = rng.uniform(0, 2 * math.pi), speed * rng.uniform(0.02, 0.45)
        radius = math.exp(rng.uniform(math.log(0.055), math.log(0.22)))
        return _Body(
            id=index,
            color=color,
            shape=shape,
            rgb=rgb,
            rgb_far=np.clip(rgb * rng.uniform(0.7, 1.15), 0, 255),
            outline=rgb * rng.uniform(0.3, 0.7) if rng.random() < 0.25 else None,
            radius=radius,
            position=rng.uniform(radius * 0.6, np.array(self._aspect) - radius * 0.6),
            velocity=np.array([math.cos(heading), math.sin(heading)]) * pace,
            angle=rng.uniform(-0.5, 0.5),
            spin=speed * rng.normal(0, 0.6),
            breath=rng.uniform(0, 0.2),
            breath_rate=speed * rng.uniform(0.3, 2.0),
            phase=rng.uniform(0, 2 * math.pi),
        )

    def _draw(self) -> tuple[Picture, list[WorldObject]]:
        image = self._background.copy()
        owner = np.zeros((self.height, self.width), np.uint8)  # which body is in front, from 1
        whole = []
        for number, body in enumerate(self._bodies, 1):
            points = body.outline_points() * self._unit
            fixed = np.round((points - 0.5) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
            whole.append(float(cv2.contourArea(points.astype(np.float32))))
            cv2.fillPoly(owner, [fixed], number, shift=_SUBPIXEL_BITS)
            _paint(image, fixed, body)
        counts = np.bincount(owner.ravel(), minlength=len(self._bodies) + 1)
        objects = [
            WorldObject(body.id, body.color, body.shape, owner == number, min(1.0, counts[number] / max(area, 1.0)))
            for (number, body), area in zip(enumerate(self._bodies, 1), whole, strict=True)
            if counts[number]
        ]
        return image, objects


def _color(rng: np.random.Generator, name: str) -> npt.NDArray[np.float64]:
    hsv = np.array(_HSV[name]) + np.array(_HSV_SPREAD) * rng.uniform(-1, 1, 3)
    pixel = np.array([[[hsv[0] % 180, min(hsv[1], 255), min(hsv[2], 255)]]], np.uint8)
    return np.asarray(cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0], np.float64)


def _paint(image: Picture, fixed: npt.NDArray[np.int32], body: _Body) -> None:
    """Fill a polygon with a colour that runs from top to bottom, smooth at its border."""
    corner = np.maximum(fixed.min(0) >> _SUBPIXEL_BITS, 1) - 1
    end = np.minimum((fixed.max(0) >> _SUBPIXEL_BITS) + 3, (image.shape[1], image.shape[0]))
    if (end <= corner).any():
        return
    patch = image[corner[1] : end[1], corner[0] : end[0]]
    local = fixed - (corner << _SUBPIXEL_BITS)
    cover = np.zeros(patch.shape[:2], np.uint8)
    cv2.fillPoly(cover, [local], 255, lineType=cv2.LINE_AA, shift=_SUBPIXEL_BITS)
    ramp = np.linspace(0, 1, patch.shape[0])[:, None]
    paint = np.repeat((body.rgb * (1 - ramp) + body.rgb_far * ramp)[:, None], patch.shape[1], 1).astype(np.float32)
    if body.outline is not None:
        line = [int(value) for value in body.outline]
        cv2.polylines(paint, [local], True, line, 2, lineType=cv2.LINE_AA, shift=_SUBPIXEL_BITS)
    alpha = cover.astype(np.float32)[..., None] / 255
    patch[:] = (patch + (paint - patch) * alpha).astype(np.uint8)


def _background(rng: np.random.Generator, width: int, height: int) -> Picture:
    """A backdrop: soft patches of colour, often with stripes, grain or grey things that have no name."""
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
        grain = rng.normal(0, rng.uniform(4, 16), (height // 4 + 1, width // 4 + 1, 1)).astype(np.float32)
        image += cv2.resize(grain, (width, height), interpolation=cv2.INTER_LINEAR)[..., None]
    picture: Picture = np.clip(image, 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        _clutter(rng, picture)
    return picture


def _stripes(rng: np.random.Generator, width: int, height: int) -> npt.NDArray[np.float32]:
    angle, period = rng.uniform(0, math.pi), rng.uniform(0.03, 0.3) * min(width, height)
    across = np.arange(width)[None] * math.cos(angle) + np.arange(height)[:, None] * math.sin(angle)
    return (np.sin(across * 2 * math.pi / period) * rng.uniform(5, 25)).astype(np.float32)


def _clutter(rng: np.random.Generator, picture: Picture) -> None:
    """Grey lines and blobs that are nothing anyone can ask for."""
    height, width = picture.shape[:2]
    for _ in range(rng.integers(1, 7)):
        grey = int(rng.integers(10, 245))
        color = [int(np.clip(grey + rng.integers(-12, 13), 0, 255)) for _ in range(3)]
        ends = rng.integers(0, (width, height), (2, 2))
        if rng.random() < 0.5:
            thickness = int(rng.integers(1, max(2, min(width, height) // 40)))
            cv2.line(picture, ends[0].tolist(), ends[1].tolist(), color, thickness, cv2.LINE_AA)
        else:
            around = rng.normal(0, min(width, height) * 0.08, (6, 2)) + ends[0]
            cv2.fillPoly(picture, [cv2.convexHull(around.astype(np.int32))], color, cv2.LINE_AA)


class _Damage:
    """What the camera and the wire do to a picture: light that drifts, blur, noise, JPEG loss."""

    def __init__(self, rng: np.random.Generator, strength: float) -> None:
        self._rng = rng
        self._light = rng.uniform(-0.15, 0.15) * strength
        self._light_rate = rng.uniform(0.2, 1.5)  # radians a second
        self._blur = float(rng.uniform(0.5, 1.2) * strength) if rng.random() < 0.4 else 0.0  # sigma, 1/300 of a side
        self._noise = float(rng.uniform(0, 9) * strength)
        self._quality = int(rng.integers(35, 96)) if strength and rng.random() < 0.6 else 0
        # Noise is drawn once, larger than needed, and looked at in another place on each frame: drawing it is slow.
        self._grain = np.empty(0, np.int16)

    def apply(self, image: Picture, seconds: float) -> Picture:
        """Return the damaged picture at ``seconds`` of the world's time."""
        gain = 1 + self._light * math.sin(self._light_rate * seconds + 1)
        if self._blur:
            image = cv2.GaussianBlur(image, (0, 0), self._blur * min(image.shape[:2]) / 300).astype(np.uint8)
        if self._noise or gain != 1:
            image = cv2.convertScaleAbs(image, alpha=gain).astype(np.uint8)
        if self._noise:
            image = cv2.add(image, self._grain_for(image), dtype=cv2.CV_8U).astype(np.uint8)
        if self._quality:
            coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, self._quality])[1]
            image = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
        return image

    def _grain_for(self, image: Picture) -> npt.NDArray[np.int16]:
        if not self._grain.size:
            size = (image.shape[0] + 64, image.shape[1] + 64, 3)
            self._grain = self._rng.normal(0, self._noise, size).astype(np.int16)
        top, left = self._rng.integers(0, 65, 2)
        return self._grain[top : top + image.shape[0], left : left + image.shape[1]]

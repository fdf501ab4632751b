"""What a camera and a wire do to a picture: where it looks, light that drifts, blur, noise, compression."""

from __future__ import annotations

import math
from statistics import NormalDist

import cv2
import numpy as np
import numpy.typing as npt

from tracker.worlds.looks import Picture
from tracker.worlds.variety import Variety

# Of a normal distribution, the middles of 256 parts that are equally likely: noise from bytes, which are quick to draw.
_NORMAL = np.array([NormalDist().inv_cdf((level + 0.5) / 256) for level in range(256)])


class Camera:
    """Where the camera looks: it may pan, zoom, roll and shake, scaled by ``strength``; many stand still."""

    def __init__(self, rng: np.random.Generator, strength: float, variety: Variety) -> None:
        moves = strength if rng.random() < variety.moving else 0.0
        self._sway = rng.uniform(0, 0.12, 2) * moves  # in units of the picture's shorter side
        self._zoom = float(rng.uniform(0, 0.12) * moves)
        self._roll = float(rng.uniform(0, 0.08) * moves)  # radians
        self._rates = rng.uniform(0.3, 1.8, 4)  # radians a second
        self._phases = rng.uniform(0, 2 * math.pi, 4)
        self._shake = float(rng.uniform(0.002, 0.012) * moves) if rng.random() < 0.4 else 0.0
        self.moves = bool(moves)

    def view(self, seconds: float, middle: tuple[float, float]) -> npt.NDArray[np.float64]:
        """The (2, 3) matrix from the world to the picture, both in units of the shorter side."""
        if not self.moves:
            return np.array([[1.0, 0, 0], [0, 1, 0]])
        sway_x, sway_y, zoom, roll = np.sin(self._rates * seconds + self._phases)
        scale, angle = 1 + self._zoom * zoom, self._roll * roll
        cos, sin = scale * math.cos(angle), scale * math.sin(angle)
        shift = self._sway * (sway_x, sway_y)
        if self._shake:  # fast, and the same for the same moment
            shift = shift + self._shake * np.sin(np.array([61.0, 73.0]) * seconds + self._phases[:2])
        x, y = middle
        return np.array([[cos, -sin, x - cos * x + sin * y + shift[0]], [sin, cos, y - sin * x - cos * y + shift[1]]])


class _Lens:
    """What cheap cameras do: few pixels, too much sharpening, little or much contrast."""

    def __init__(self, rng: np.random.Generator, strength: float) -> None:
        kind = rng.random()
        self._fewer = float(1 + rng.uniform(0.2, 1.2) * strength) if kind < 0.35 else 1.0  # times
        self._sharp = float(rng.uniform(0.3, 1.5) * strength) if 0.25 < kind < 0.7 else 0.0
        contrast, gamma = 1 + rng.uniform(-0.3, 0.2) * strength, math.exp(rng.uniform(-0.3, 0.2) * strength)
        levels = np.linspace(0, 1, 256) ** gamma
        self._curve = np.clip(((levels - 0.5) * contrast + 0.5) * 255, 0, 255).round().astype(np.uint8)

    def apply(self, image: Picture) -> Picture:
        height, width = image.shape[:2]
        if self._fewer > 1:
            few = cv2.resize(image, None, fx=1 / self._fewer, fy=1 / self._fewer, interpolation=cv2.INTER_AREA)
            image = np.asarray(cv2.resize(few, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
        if self._sharp:
            soft = cv2.GaussianBlur(image, (0, 0), 1.2)
            image = np.asarray(cv2.addWeighted(image, 1 + self._sharp, soft, -self._sharp, 0), np.uint8)
        return np.asarray(cv2.LUT(image, self._curve), np.uint8)


def _lamps(rng: np.random.Generator, strength: float) -> npt.NDArray[np.float32]:
    """Gains (2, 2, 3) of the corners: coloured light, and light from one side; mild, so colours keep their names."""
    tint = 1 + rng.uniform(-0.08, 0.08, 3) * strength
    corners = 1 + rng.uniform(-0.25, 0.2, (2, 2, 1)) * strength + rng.uniform(-0.03, 0.03, (2, 2, 3)) * strength
    return np.asarray(corners * tint, np.float32)


class Damage:
    """Light, blur, noise and JPEG loss. ``strength`` scales them; 0 is a clean picture."""

    def __init__(self, rng: np.random.Generator, strength: float, variety: Variety) -> None:
        self._rng = rng
        self._light = rng.uniform(-0.2, 0.2) * strength
        self._light_rate = rng.uniform(0.2, 1.5)  # radians a second
        self._roll = float(rng.uniform(0.03, 0.15) * strength) if rng.random() < variety.rolling else 0.0
        self._blur = float(rng.uniform(0.5, 1.4) * strength) if rng.random() < 0.4 else 0.0  # sigma, 1/300 of a side
        self._smear = float(rng.uniform(0.01, 0.035) * strength) if rng.random() < variety.smear else 0.0  # of a side
        self._smear_angle = float(rng.uniform(0, math.pi))
        self._noise = float(rng.uniform(0, 10) * strength)
        self._quality = int(rng.integers(variety.quality, 96)) if strength and rng.random() < 0.6 else 0
        self._lamps = _lamps(rng, strength) if variety.lamps and rng.random() < variety.lamps else None
        self._lens = _Lens(rng, strength) if variety.lenses and rng.random() < variety.lenses else None
        self._quick = bool(variety.lenses)  # to draw; plain worlds keep the grain they have
        # Noise is drawn once, larger than needed, and looked at in another place on each frame: drawing it is slow.
        self._grain = np.empty(0, np.int16)

    def apply(self, image: Picture, seconds: float) -> Picture:
        """Return the damaged picture at ``seconds`` of the world's time."""
        gain = 1 + self._light * math.sin(self._light_rate * seconds + 1)
        if self._lamps is not None:
            light = cv2.resize(self._lamps, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
            image = np.asarray(cv2.multiply(image, light, dtype=cv2.CV_8U), np.uint8)
        if self._lens is not None:
            image = self._lens.apply(image)
        if self._blur:
            image = cv2.GaussianBlur(image, (0, 0), self._blur * min(image.shape[:2]) / 300).astype(np.uint8)
        if self._smear:
            image = cv2.filter2D(image, -1, self._kernel(min(image.shape[:2]))).astype(np.uint8)
        if self._roll:
            rows = np.sin(np.arange(image.shape[0]) / image.shape[0] * 9 + seconds * 7) * self._roll
            image = np.clip(image * (gain + rows)[:, None, None].astype(np.float32), 0, 255).astype(np.uint8)
        elif self._noise or gain != 1:
            image = cv2.convertScaleAbs(image, alpha=gain).astype(np.uint8)
        if self._noise:
            image = cv2.add(image, self._grain_for(image), dtype=cv2.CV_8U).astype(np.uint8)
        if self._quality:
            coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, self._quality])[1]
            image = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
        return image

    def _kernel(self, side: int) -> npt.NDArray[np.float32]:
        """A line: what motion does while the shutter is open."""
        length = max(3, int(self._smear * side) | 1)
        kernel = np.zeros((length, length), np.float32)
        reach = np.array([math.cos(self._smear_angle), math.sin(self._smear_angle)]) * (length // 2)
        ends = np.round([length // 2 - reach, length // 2 + reach]).astype(int)
        cv2.line(kernel, ends[0].tolist(), ends[1].tolist(), 1.0)
        return np.asarray(kernel / kernel.sum(), np.float32)

    def _grain_for(self, image: Picture) -> npt.NDArray[np.int16]:
        if not self._grain.size:
            size = (image.shape[0] + 64, image.shape[1] + 64, 3)
            if self._quick:
                even = np.frombuffer(self._rng.bytes(math.prod(size)), np.uint8).reshape(size)
                self._grain = np.asarray(cv2.LUT(even, (_NORMAL * self._noise).astype(np.int16)), np.int16)
            else:
                self._grain = self._rng.normal(0, self._noise, size).astype(np.int16)
        top, left = self._rng.integers(0, 65, 2)
        return self._grain[top : top + image.shape[0], left : left + image.shape[1]]

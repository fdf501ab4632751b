"""The synthetic camera: the worlds that the embedded model was taught on, drawn live."""

from __future__ import annotations

import time
from fractions import Fraction
from urllib.parse import parse_qsl

from streamer import redaction
from streamer.errors import BadSource
from streamer.frame import Frame
from streamer.sources.base import Out, State, Tell
from streamer.sources.thread import Outlet, pump

CLOCK = 90_000  # ticks a second, as video over RTP has
SEED = 22  # a world in which a red circle, a star and green and blue things are to be seen most of the time
LATE = 0.5  # seconds behind which the camera stops trying to catch up
_LIMITS = {"seed": (0, 2**31), "fps": (1, 60), "objects": (1, 16), "things": (0, 100), "speed": (0, 100)}


class DemoSource:
    """
    ``demo:?seed=3&size=640x480&fps=30&objects=3&things=50``, every part optional; endless, and decided by the seed.

    ``things`` is the share, in percent, of the objects that are drawings of dogs, apples, cars and so on, in place of
    coloured shapes. ``speed`` slows all motion to so many percent: at 0 everything stands still.
    """

    kind = "demo"
    live = True

    def __init__(self, address: str) -> None:
        self.name = address
        self.seed, self.width, self.height, self.fps = SEED, 640, 480, 30
        self.objects: tuple[int, int] = (2, 5)
        self.things, self.speed = 0, 100
        scheme, _, rest = address.partition(":")
        if scheme.lower() != "demo" or rest.strip("/").partition("?")[0]:
            shown = redaction.address(address)
            raise BadSource(f"{shown:.80} is not a synthetic camera.", detail="Write demo:?seed=3&size=640x480&fps=30.")
        for key, value in parse_qsl(rest.partition("?")[2], keep_blank_values=True):
            self._set(key, value)

    async def run(self, out: Out, state: Tell) -> None:
        """Draw for ever."""
        await pump(self._draw, out, state, name=self.name)

    def _set(self, key: str, value: str) -> None:
        if key == "size":
            self.width, self.height = _size(value)
        elif key == "seed":
            self.seed = _number(key, value)
        elif key == "fps":
            self.fps = _number(key, value)
        elif key == "objects":
            self.objects = (_number(key, value),) * 2
        elif key == "things":
            self.things = _number(key, value)
        elif key == "speed":
            self.speed = _number(key, value)
        else:
            known = "It has seed, size, fps, objects, things and speed."
            raise BadSource(f"demo: has no option {key!r:.40}.", detail=known)

    def _draw(self, outlet: Outlet) -> None:
        from tracker.worlds import things, worlds  # only this camera draws, so only its thread waits for the import

        pictures = list(things.shipped()) if self.things else []
        world = worlds.Video(
            self.seed,
            self.width,
            self.height,
            fps=self.fps,
            objects=self.objects,
            speed=self.speed / 100,
            things=pictures,
            share=self.things / 100,
        )
        outlet.state(State.LIVE)
        due = time.monotonic()
        for index, drawn in enumerate(world):
            outlet.pause(max(0.0, due - time.monotonic()))
            pts = index * CLOCK // self.fps
            arrived = time.monotonic()
            outlet.frame(Frame(index, 0, pts, Fraction(1, CLOCK), None, arrived, drawn.image, arrived), wait=False)
            due = max(due + 1 / self.fps, arrived - LATE)


def _number(key: str, value: str) -> int:
    low, high = _LIMITS[key]
    if not value.isdecimal() or not low <= int(value) <= high:
        raise BadSource(f"demo: {key} is {value!r:.20}; it must be a whole number from {low} to {high}.")
    return int(value)


def _size(value: str) -> tuple[int, int]:
    width, _, height = value.partition("x")
    sides = [int(side) if side.isdecimal() else 0 for side in (width, height)]
    if not all(64 <= side <= 1920 for side in sides):
        raise BadSource(f"demo: size is {value!r:.20}; write 640x480, each side from 64 to 1920.")
    return sides[0], sides[1]

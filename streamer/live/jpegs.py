"""The pictures behind the results, as JPEGs: a ring bounded by bytes."""

from __future__ import annotations

import asyncio
import functools
from collections import OrderedDict
from concurrent.futures import Executor

import cv2
import numpy as np

from streamer.frame import Frame, Picture

QUALITY = 80
PENDING = 4  # frames waiting for the encoder; one that comes while it is so far behind is not kept
PENDING_PIXELS = PENDING * 3840 * 2160  # of them together, if it is more than one: 50 MB as most decoders give them


def jpeg(rgb: Picture, quality: int = QUALITY) -> bytes:
    """Encode a uint8 picture (height, width, 3) in RGB."""
    done, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"A picture of {rgb.shape} cannot be made a JPEG.")
    return np.asarray(data).tobytes()


def narrowed(data: bytes, width: int) -> bytes:
    """The same picture with ``width`` pixels across, if it has more."""
    rgb = picture(data)
    return data if rgb is None or rgb.shape[1] <= width else jpeg(resized(rgb, width))


def picture(data: bytes) -> Picture | None:
    """A JPEG as uint8 (height, width, 3) in RGB; None for what is none."""
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    return None if bgr is None else np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def resized(rgb: Picture, width: int) -> Picture:
    """A picture with fewer pixels across."""
    height = max(1, round(rgb.shape[0] * width / rgb.shape[1]))
    return np.asarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


class Pictures:
    """
    Keep JPEGs of looked-at frames, found by frame index, at most ``max_bytes`` of them, the oldest going first.

    Encoding runs on ``executor``, never on the loop or the model thread. The newest frame is always kept as it is, and
    encoded when asked for; older ones are there when they were added with ``keep``.
    """

    def __init__(self, executor: Executor, max_bytes: int) -> None:
        self.skipped = 0  # frames not kept because the encoder was behind
        self.nbytes = 0
        self._executor = executor
        self._max_bytes = max_bytes
        self._jpegs: OrderedDict[int, bytes] = OrderedDict()  # bound: max_bytes
        # Bound: PENDING, and one more for the newest; PENDING_PIXELS.
        self._pending: dict[int, asyncio.Future[bytes]] = {}
        self._pixels = 0  # of the pending frames
        self._newest: Frame | None = None
        self._latest: int | None = None  # index of the newest, which may be kept as JPEG only

    def add(self, frame: Frame, *, keep: bool) -> None:
        """Take in a looked-at frame; ``keep`` it as JPEG too, if the encoder is not too far behind."""
        self._newest, self._latest = frame, frame.index
        if not keep:
            return
        pixels = self._pixels + frame.width * frame.height
        if len(self._pending) >= PENDING or (self._pending and pixels > PENDING_PIXELS):
            self.skipped += 1
            return
        self._encode(frame)

    async def get(self, index: int) -> bytes | None:
        """The JPEG of the frame with that index, or None when it is not kept."""
        if index in self._jpegs:
            return self._jpegs[index]
        if index in self._pending:
            return await asyncio.shield(self._pending[index])
        if self._newest is not None and self._newest.index == index:
            return await asyncio.shield(self._encode(self._newest))
        return None

    def nearest(self, index: int) -> int | None:
        """The index nearest to this one of which there is a picture, or None."""
        return min(self._indices(), key=lambda each: abs(each - index), default=None)

    async def latest(self) -> tuple[int, bytes] | None:
        """Index and JPEG of the newest looked-at frame, or None before the first."""
        index = self._latest
        data = None if index is None else await self.get(index)
        return None if index is None or data is None else (index, data)

    def kept(self) -> tuple[int, int] | None:
        """Oldest and newest index to be had, or None."""
        kept = self._indices()
        return (min(kept), max(kept)) if kept else None

    def _indices(self) -> list[int]:
        return [*self._jpegs, *self._pending] + ([self._newest.index] if self._newest is not None else [])

    def settle(self) -> None:
        """Keep nothing but the newest frame, and that as JPEG: nothing more will come."""
        newest, self._newest = self._newest, None
        for index in [index for index in self._jpegs if index != self._latest]:
            self.nbytes -= len(self._jpegs.pop(index))
        if newest is not None and newest.index not in self._jpegs and newest.index not in self._pending:
            self._encode(newest)

    def _encode(self, frame: Frame) -> asyncio.Future[bytes]:
        future = asyncio.get_running_loop().run_in_executor(self._executor, _encode_frame, frame)
        pixels = frame.width * frame.height
        self._pending[frame.index] = future
        self._pixels += pixels
        future.add_done_callback(functools.partial(self._encoded, frame.index, pixels))
        return future

    def _encoded(self, index: int, pixels: int, future: asyncio.Future[bytes]) -> None:
        del self._pending[index]
        self._pixels -= pixels
        if future.cancelled() or future.exception() is not None:
            return
        if self._newest is None and index != self._latest:  # settled meanwhile
            return
        data = future.result()
        self._jpegs[index] = data
        self.nbytes += len(data)
        while self.nbytes > self._max_bytes and len(self._jpegs) > 1:
            _, old = self._jpegs.popitem(last=False)
            self.nbytes -= len(old)


def _encode_frame(frame: Frame) -> bytes:
    return jpeg(frame.rgb())

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


def jpeg(rgb: Picture, quality: int = QUALITY) -> bytes:
    """Encode a uint8 picture (height, width, 3) in RGB."""
    done, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"A picture of {rgb.shape} cannot be made a JPEG.")
    return np.asarray(data).tobytes()


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
        self._pending: dict[int, asyncio.Future[bytes]] = {}  # bound: PENDING, and one more for the newest
        self._newest: Frame | None = None
        self._latest: int | None = None  # index of the newest, which may be kept as JPEG only

    def add(self, frame: Frame, *, keep: bool) -> None:
        """Take in a looked-at frame; ``keep`` it as JPEG too, if the encoder is not too far behind."""
        self._newest, self._latest = frame, frame.index
        if not keep:
            return
        if len(self._pending) >= PENDING:
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

    async def latest(self) -> tuple[int, bytes] | None:
        """Index and JPEG of the newest looked-at frame, or None before the first."""
        index = self._latest
        data = None if index is None else await self.get(index)
        return None if index is None or data is None else (index, data)

    def kept(self) -> tuple[int, int] | None:
        """Oldest and newest index to be had, or None."""
        kept = [*self._jpegs, *self._pending] + ([self._newest.index] if self._newest is not None else [])
        return (min(kept), max(kept)) if kept else None

    def settle(self) -> None:
        """Keep nothing but the newest frame, and that as JPEG: nothing more will come."""
        newest, self._newest = self._newest, None
        for index in [index for index in self._jpegs if index != self._latest]:
            self.nbytes -= len(self._jpegs.pop(index))
        if newest is not None and newest.index not in self._jpegs and newest.index not in self._pending:
            self._encode(newest)

    def _encode(self, frame: Frame) -> asyncio.Future[bytes]:
        future = asyncio.get_running_loop().run_in_executor(self._executor, _encode_frame, frame)
        self._pending[frame.index] = future
        future.add_done_callback(functools.partial(self._encoded, frame.index))
        return future

    def _encoded(self, index: int, future: asyncio.Future[bytes]) -> None:
        del self._pending[index]
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

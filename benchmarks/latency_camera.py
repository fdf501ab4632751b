"""
A live WHIP camera: ``python -m benchmarks.latency_camera URL WIDTH HEIGHT FPS SCENES TRACE [NEAR FAR]``.

SCENES holds I420 pictures one behind the other, shown in a circle, each with its number in it, VP8 by aiortc. To TRACE
goes a line of JSON for each: its number, when it was handed to the encoder and when its last packet left; and one for
each keyframe that was asked for. NEAR and FAR are a relay's ports: with them everything goes through it. Prints the
session's Location and goes on until its standard input is closed.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TextIO

import av
import numpy as np
from aiortc import MediaStreamTrack, RTCRtpSender
from aiortc.mediastreams import MediaStreamError

from benchmarks.numbered import LAST, strip
from benchmarks.support.relay import is_media, through
from benchmarks.whip_camera import publish

CLOCK = 90_000  # RTP ticks a second


class Scenes(MediaStreamTrack):
    """Numbered pictures at a steady rate; ``drawn`` is when each was handed to the encoder, by its number."""

    kind = "video"

    def __init__(self, path: str, width: int, height: int, fps: int) -> None:
        super().__init__()
        self._pictures = np.memmap(path, np.uint8, "r").reshape(-1, height * 3 // 2, width)
        self.fps, self._number, self._due = fps, 0, 0.0
        self.drawn: dict[int, float] = {}  # bound: LAST

    async def recv(self) -> av.VideoFrame:
        """Wait until the next picture is due and give it."""
        if self._number > LAST:
            raise MediaStreamError
        now = time.monotonic()
        self._due = max(self._due + 1 / self.fps, now - 0.1)
        await asyncio.sleep(max(0.0, self._due - now))
        picture = self._pictures[self._number % len(self._pictures)].copy()
        top = np.frombuffer(strip(self._number, picture.shape[1], picture.shape[0] * 2 // 3), np.uint8)
        picture.reshape(-1)[: len(top)] = top
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts, frame.time_base = self._number * CLOCK // self.fps, Fraction(1, CLOCK)
        self.drawn[self._number] = time.monotonic()
        self._number += 1
        return frame


def number_at(ticks: int, fps: int) -> int:
    """Which picture it is by its time since the first: the encoder counts in microseconds, and may be a tick off."""
    return round(ticks * fps / CLOCK)


def watch(sender: RTCRtpSender, scenes: Scenes, notes: TextIO) -> None:
    """Note when the last packet of each picture leaves, and each keyframe that is asked for."""
    send, send_keyframe = sender.transport._send_rtp, sender._send_keyframe
    origin: int | None = None

    async def sent(data: bytes) -> None:
        nonlocal origin
        await send(data)
        if not is_media(data):
            return
        timestamp = int.from_bytes(data[4:8], "big")
        origin = timestamp if origin is None else origin  # the first picture's pts is 0
        number = number_at((timestamp - origin) % 2**32, scenes.fps)
        if data[1] & 0x80 and (drawn := scenes.drawn.pop(number, None)) is not None:
            notes.write(json.dumps({"number": number, "drawn": drawn, "sent": time.monotonic()}) + "\n")

    def asked() -> None:
        notes.write(json.dumps({"keyframe": time.monotonic()}) + "\n")
        send_keyframe()

    sender.transport._send_rtp = sent  # type: ignore[method-assign]
    sender._send_keyframe = asked  # type: ignore[method-assign]


def main() -> None:
    """Read the command line and send."""
    url, *sizes = sys.argv[1:5]
    ports = [int(each) for each in sys.argv[7:]]
    routes = {"there": partial(through, port=ports[1]), "back": partial(through, port=ports[0])} if ports else {}
    with Path(sys.argv[6]).open("w", buffering=1) as notes:
        scenes = Scenes(sys.argv[5], *map(int, sizes))
        asyncio.run(publish(url, scenes, watch=lambda sender: watch(sender, scenes, notes), **routes))


if __name__ == "__main__":
    main()

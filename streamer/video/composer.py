"""The picture that is drawn and encoded once for all who watch a session."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from streamer.frame import Frame, Picture
from streamer.result import Result
from streamer.timeline import Timeline
from streamer.video import overlay
from streamer.video.encoder import Codec, Coded, Encoder
from streamer.video.overlay import Overlay

JPEG_QUALITY = 80  # of Motion JPEG: 60 to 90 kB at 720p


class Composer:
    """A thread on which pictures are composed and encoded, and what that needs. Ended with :meth:`close`."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="playback")
        self._timeline = Timeline()
        self._encoders: dict[Codec, Encoder] = {}  # of those that were wanted last
        self._overlay: Overlay | None = None
        self._drawn: tuple[Frame | None, Result | None, Picture | None] = (None, None, None)

    async def make(self, frame: Frame, result: Result | None, wanted: Mapping[Codec, bool]) -> dict[Codec, Coded]:
        """Draw the newest result on a frame, and encode it in each codec wanted, as a keyframe where that is true."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._make, frame, result, wanted)

    async def jpeg(self, frame: Frame, result: Result | None, width: int | None) -> bytes:
        """Draw the newest result on a frame, and make it a JPEG of at most ``width`` pixels across."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._jpeg, frame, result, width)

    def close(self) -> None:
        """Let what runs on the thread run to its end."""
        self._thread.shutdown(wait=False)

    def _make(self, frame: Frame, result: Result | None, wanted: Mapping[Codec, bool]) -> dict[Codec, Coded]:
        picture, tick = self._draw(frame, result), self._timeline.tick(frame)
        self._encoders = {codec: self._encoders.get(codec) or Encoder(codec) for codec in wanted}
        return {
            codec: encoder.encode(picture, tick, keyframe=wanted[codec]) for codec, encoder in self._encoders.items()
        }

    def _draw(self, frame: Frame, result: Result | None) -> Picture:
        """The picture that is encoded, drawn once for all ways to encode it."""
        drawn_frame, drawn_result, picture = self._drawn
        if picture is not None and drawn_frame is frame and drawn_result is result:
            return picture
        rgb = frame.rgb()
        if result is None or not fits(result, frame, rgb.shape[0], rgb.shape[1]):
            picture = rgb.copy()
            overlay.note(picture, "no masks yet")
        else:
            if self._overlay is None or self._overlay.result is not result or self._overlay.size != rgb.shape[:2]:
                self._overlay = Overlay(result, *rgb.shape[:2])
            picture = self._overlay.on(rgb)
            overlay.note(picture, label(frame, result))
        self._drawn = frame, result, picture
        return picture

    def _jpeg(self, frame: Frame, result: Result | None, width: int | None) -> bytes:
        picture = self._draw(frame, result)
        if width is not None and picture.shape[1] > width:
            height = max(1, round(picture.shape[0] * width / picture.shape[1]))
            picture = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()


def fits(result: Result, frame: Frame, height: int, width: int) -> bool:
    """Whether masks can be drawn on a frame: of one clock with it, and of its size."""
    info = result.frame
    return info.epoch == frame.epoch and (info.height, info.width) == (height, width)


def label(frame: Frame, result: Result) -> str:
    """How much older than their picture the look behind the masks is, and how they were made."""
    if result.presented and result.looked_at is None:
        return "no masks yet"
    late, stage = max(0.0, frame.arrived - result.frame.arrived), "failed"
    if result.looked_at is not None:
        late, stage = max(0.0, result.looked_at.age - result.age), str(result.looked_at.stage)
    elif result.step is not None:
        stage = str(result.step.stage)
    return f"looked at {late * 1000:.0f} ms before ({stage})"

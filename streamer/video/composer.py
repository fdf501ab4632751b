"""The picture that is drawn and encoded once for all who watch a session."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from streamer.frame import Frame
from streamer.result import Result
from streamer.timeline import Timeline
from streamer.video import overlay
from streamer.video.overlay import Overlay
from streamer.video.vp8 import Coded, Encoder


class Composer:
    """A thread on which pictures are composed and encoded, and what that needs. Ended with :meth:`close`."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="playback")
        self._encoder, self._timeline = Encoder(), Timeline()
        self._overlay: Overlay | None = None

    async def make(self, frame: Frame, result: Result | None, *, keyframe: bool) -> Coded:
        """Draw the newest result on a frame, and encode it."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._make, frame, result, keyframe)

    def close(self) -> None:
        """Let what runs on the thread run to its end."""
        self._thread.shutdown(wait=False)

    def _make(self, frame: Frame, result: Result | None, keyframe: bool) -> Coded:
        rgb = frame.rgb()
        if result is None or not fits(result, frame, rgb.shape[0], rgb.shape[1]):
            picture = rgb.copy()
            overlay.note(picture, "no masks yet")
        else:
            if self._overlay is None or self._overlay.result is not result or self._overlay.size != rgb.shape[:2]:
                self._overlay = Overlay(result, *rgb.shape[:2])
            picture = self._overlay.on(rgb)
            overlay.note(picture, label(frame, result))
        return self._encoder.encode(picture, self._timeline.tick(frame), keyframe=keyframe)


def fits(result: Result, frame: Frame, height: int, width: int) -> bool:
    """Whether masks can be drawn on a frame: of one clock with it, and of its size."""
    info = result.frame
    return info.epoch == frame.epoch and (info.height, info.width) == (height, width)


def label(frame: Frame, result: Result) -> str:
    """How much older than their picture the masks are, and how they were made."""
    late = max(0.0, frame.arrived - result.frame.arrived)
    stage = "failed" if result.step is None else str(result.step.stage)
    return f"masks {late * 1000:.0f} ms older ({stage})"

"""What ``streamer run`` leaves behind: a line of JSON and an annotated picture for every frame looked at."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import TextIO

from streamer.frame import Frame
from streamer.result import Result
from streamer.video import overlay
from streamer.video.file import Video
from streamer.wire import results


class Recorder:
    """
    Write results as they come: to ``lines``, one JSON message a line, and to ``video``, the path of an annotated video.

    Leaving it completes the files, also when it is left in the middle of a frame: all of the video's work is done on
    one thread, in order. ``failure`` is why nothing more can be written: a full disk, a closed pipe, a picture the
    encoder refuses; ``trouble`` says it in words. What comes after it is passed over. ``whole`` is how many bytes of
    whole lines were written.
    """

    def __init__(self, lines: TextIO | None, video: Path | None) -> None:
        self.results = 0
        self.whole = 0
        self.failure: Exception | None = None
        self.trouble = ""
        self._path = video
        self._lines = lines
        self._video = None if video is None else Video(video)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="recorder")

    async def write(self, frame: Frame, result: Result) -> None:
        """Write one result, and wait until it is written."""
        if self.failure is not None:
            return
        what = "The results"
        try:
            if self._lines is not None:
                line = results.result_json(result) + "\n"
                self._lines.write(line)
                self._lines.flush()  # whole lines, also for those who read along
                self.whole += len(line.encode())
            if self._video is not None:
                what = str(self._path)
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._thread, self._draw, self._video, frame, result)
            self.results += 1
        except Exception as error:
            self._fail(what, error)

    async def __aenter__(self) -> Recorder:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._video is not None:
            try:
                await asyncio.get_running_loop().run_in_executor(self._thread, self._video.close)
            except Exception as problem:
                self._fail(str(self._path), problem)
        self._thread.shutdown()

    def _fail(self, what: str, error: Exception) -> None:
        """Remember the first trouble; what is said when a file is completed is the same again."""
        if self.failure is None:
            self.failure = error
            self.trouble = f"{what} cannot be written: {getattr(error, 'strerror', None) or error}."

    @staticmethod
    def _draw(video: Video, frame: Frame, result: Result) -> None:
        video.write(overlay.draw(frame.rgb(), result), _seconds(frame))


def _seconds(frame: Frame) -> float:
    return float(frame.pts * frame.time_base) if frame.pts is not None else frame.arrived

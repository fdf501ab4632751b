"""A video file of annotated pictures."""

from __future__ import annotations

import contextlib
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import OutputContainer
from av.video.stream import VideoStream

from streamer.errors import BadRequest
from streamer.frame import Picture

CLOCK = Fraction(1, 60_000)  # seconds; MPEG-4 allows no finer one, and 24, 25, 29.97, 30 and 60 fps are whole in it
LONGEST_GAP = 10.0  # seconds; a longer one, or a step back, is a stream that started again
# Those that can keep the time of every picture, and how FFmpeg writes them: half a second at a time, so that what lies
# on the disk plays whenever writing ends. Completing an MP4 makes an ordinary one of it.
_BY_FRAGMENTS = {"movflags": "hybrid_fragmented+frag_keyframe+negative_cts_offsets", "frag_duration": "500000"}
FORMATS = {".mp4": _BY_FRAGMENTS, ".mkv": {"cluster_time_limit": "500"}, ".mov": _BY_FRAGMENTS}


class Video:
    """
    A video file of pictures with times: H.264, or MPEG-4 where PyAV has no libx264.

    It has the size of the first picture (made even, as both codecs need it); later ones are scaled to it. Where writing
    fails (a full disk), what was written until then plays, without the last pictures, some 40.
    Not thread-safe. Raises BadRequest for a file name that says no format we write.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix.lower() not in FORMATS:
            raise BadRequest(f"{path}: a video's name must end in one of {', '.join(FORMATS)}.")
        self.codec = video_codec()
        self._path = path
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._ticks = 0  # of the last picture
        self._offset: float | None = None  # seconds from the stream's time to the file's

    def write(self, rgb: Picture, seconds: float) -> None:
        """Add a (height, width, 3) RGB picture; ``seconds`` is the time of it in its stream."""
        first = self._stream is None
        stream = self._stream or self._open(rgb.shape[1], rgb.shape[0])
        frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
        frame = frame.reformat(stream.width, stream.height, "yuv420p")
        frame.pts, frame.time_base = self._when(seconds, first=first), CLOCK
        self._mux(stream.encode(frame))

    def close(self) -> None:
        """Complete the file. Without a picture there is none. Raises what writing raises, and OSError."""
        if self._container is None or self._stream is None:
            return
        container, stream, self._container = self._container, self._stream, None
        try:
            container.mux(stream.encode(None))
            container.close()
        except Exception:
            with contextlib.suppress(Exception):  # it says the same again
                container.close()
            cut(self._path)
            raise

    def _open(self, width: int, height: int) -> VideoStream:
        container = av.open(str(self._path), "w", options=FORMATS[self._path.suffix.lower()])
        stream = container.add_stream(self.codec, rate=30)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = max(2, width // 2 * 2), max(2, height // 2 * 2), "yuv420p"
        stream.codec_context.time_base = CLOCK
        stream.codec_context.thread_count = 1
        if self.codec == "libx264":
            stream.options = {"preset": "veryfast", "crf": "21"}
        else:
            stream.codec_context.bit_rate = 4_000_000
        self._container, self._stream = container, stream
        return stream

    def _when(self, seconds: float, *, first: bool) -> int:
        """The tick of a picture in the file: from 0 on, always rising, without the leaps of a stream that restarts."""
        if first:
            self._offset = -seconds
            return 0
        ticks = round((seconds + (self._offset or 0.0)) / CLOCK)
        if not self._ticks < ticks <= self._ticks + LONGEST_GAP / CLOCK:
            ticks = self._ticks + int(1 / (30 * CLOCK))
            self._offset = float(ticks * CLOCK) - seconds
        self._ticks = ticks
        return ticks

    def _mux(self, packets: list[av.Packet[Any]]) -> None:
        if self._container is not None:
            self._container.mux(packets)


def cut(path: Path) -> None:
    """
    Take the fragment off that was not written whole, from the end of an MP4 or MOV that has whole ones before it.

    Those are boxes in a row, each with its length (big-endian, 4 bytes, or 8 behind the name) and its name: ``moof``
    and ``mdat`` for each fragment. Other files are left as they are.
    """
    if FORMATS.get(path.suffix.lower()) is not _BY_FRAGMENTS:
        return
    with contextlib.suppress(OSError), path.open("r+b") as file:
        size, whole, place = path.stat().st_size, 0, 0
        while (head := file.read(16)) and len(head) >= 8:
            length, name = int.from_bytes(head[:4], "big"), head[4:8]
            length = int.from_bytes(head[8:], "big") if length == 1 else length
            place += length
            if length < 8 or place > size:
                break
            whole = place if name == b"mdat" else whole
            file.seek(place)
        if whole:
            os.truncate(file.fileno(), whole)


def video_codec() -> str:
    """The best encoder there is for files everybody can play."""
    return "libx264" if "libx264" in av.codecs_available else "mpeg4"

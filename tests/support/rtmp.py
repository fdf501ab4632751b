"""A real RTMP server for tests: FFmpeg's own, which sends a film to the one player that comes."""

from __future__ import annotations

import ctypes
import ctypes.util
import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from benchmarks.support.rtsp import free_port
from tests.support import needs

WRITE = 2  # AVIO_FLAG_WRITE
AUDIO, VIDEO = 8, 9  # types of tags of FLV
RATE = 44_100  # of silence, a second


def _library(name: str) -> Any:
    """The very library that PyAV uses: the one in its wheel, else the system's."""
    bundled = sorted((Path(av.__file__).parent.parent / "av.libs").glob(f"lib{name}-*.so*"))
    path = str(bundled[0]) if bundled else ctypes.util.find_library(name)
    if path is None:
        needs.missing(f"lib{name}")
    return ctypes.CDLL(path)


class Outgoing:
    """A connection that waits for its player when it is opened; it is written to like a file. PyAV cannot listen."""

    def __init__(self, url: str) -> None:
        self._format = _library("avformat")
        self._context, options = ctypes.c_void_p(), ctypes.c_void_p()
        _library("avutil").av_dict_set(ctypes.byref(options), b"listen", b"1", 0)
        code = self._format.avio_open2(ctypes.byref(self._context), url.encode(), WRITE, None, ctypes.byref(options))
        if code < 0:
            raise OSError(-code, "no player came")

    def write(self, data: bytes) -> int:
        self._format.avio_write(self._context, bytes(data), len(data))
        self._format.avio_flush(self._context)
        return len(data)

    def close(self) -> None:
        self._format.avio_closep(ctypes.byref(self._context))


@contextmanager
def rtmp_server(film: Path, sound_first: float = 0.0) -> Iterator[str]:
    """
    Send a film, a picture each thirtieth of a second, to one player; the address.

    ``sound_first``: seconds of sound alone, and no word of a picture, before that.
    """
    url = f"rtmp://127.0.0.1:{free_port()}/live/camera"
    stop = threading.Event()
    thread = threading.Thread(
        target=_serve_after_sound if sound_first else _serve, args=(url, film, stop, sound_first), daemon=True
    )  # no player, no end
    thread.start()
    try:
        yield url
    finally:
        stop.set()


def _serve(url: str, film: Path, stop: threading.Event, _: float) -> None:
    out = Outgoing(url)
    with (
        av.open(str(film)) as source,
        av.open(out, "w", format="flv", buffer_size=4096) as target,
    ):
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.dts is not None and not stop.wait(1 / 30):
                packet.stream = copy
                target.mux(packet)
    out.close()


def _serve_after_sound(url: str, film: Path, stop: threading.Event, seconds: float) -> None:
    """Sound alone, then the film beside it: FFmpeg's muxer would announce the picture first, so its tags are sorted."""
    tags = sorted(_tags(film, seconds), key=lambda tag: tag[0])
    out, began = Outgoing(url), time.monotonic()
    out.write(b"FLV\x01\x05" + bytes((0, 0, 0, 9)) + bytes(4))
    for milliseconds, tag in tags:
        if stop.wait(max(0.0, began + milliseconds / 1000 - time.monotonic())):
            break
        out.write(tag)
    out.close()


def _tags(film: Path, later: float) -> Iterator[tuple[int, bytes]]:
    """The tags of a film with silence beside it, without the one that says what is in it; its pictures come later."""
    data = _with_silence(film, later)
    place = 13  # behind the header
    while place < len(data):
        size = int.from_bytes(data[place + 1 : place + 4], "big")
        tag, place = bytearray(data[place : place + size + 15]), place + size + 15
        milliseconds = int.from_bytes(bytes((tag[7], *tag[4:7])), "big")
        if tag[0] == VIDEO:
            milliseconds += round(later * 1000)
            stamp = milliseconds.to_bytes(4, "big")
            tag[4:8] = bytes((*stamp[1:], stamp[0]))
        if tag[0] in (VIDEO, AUDIO):
            yield milliseconds, bytes(tag)


def _with_silence(film: Path, later: float) -> bytes:
    held = io.BytesIO()
    held.close = lambda: None  # type: ignore[method-assign]
    with av.open(str(film)) as source, av.open(held, "w", format="flv") as target:
        stream = source.streams.video[0]
        copy, sound = target.add_stream_from_template(stream), target.add_stream("aac", rate=RATE)
        pictures = [packet for packet in source.demux(stream) if packet.dts is not None]
        length = float(max((packet.pts or 0) * packet.time_base for packet in pictures)) + later
        for start in range(0, int(length * RATE), 1024):
            quiet = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            quiet.rate, quiet.pts, quiet.time_base = RATE, start, Fraction(1, RATE)
            target.mux(sound.encode(quiet))
        for packet in pictures:
            packet.stream = copy
            target.mux(packet)
    return held.getvalue()

"""A real RTMP server for tests: FFmpeg's own, which sends a film to the one player that comes."""

from __future__ import annotations

import ctypes
import ctypes.util
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av

from benchmarks.support.rtsp import free_port
from tests.support import needs

WRITE = 2  # AVIO_FLAG_WRITE


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
def rtmp_server(film: Path) -> Iterator[str]:
    """Send a film, a picture each thirtieth of a second, to one player; the address."""
    url = f"rtmp://127.0.0.1:{free_port()}/live/camera"
    stop = threading.Event()
    thread = threading.Thread(target=_serve, args=(url, film, stop), daemon=True)  # no player, no end
    thread.start()
    try:
        yield url
    finally:
        stop.set()


def _serve(url: str, film: Path, stop: threading.Event) -> None:
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

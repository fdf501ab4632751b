"""RTMP servers, in the clear or through TLS: a stream is asked for by its application and its name."""

from __future__ import annotations

from urllib.parse import SplitResult

from streamer.errors import BadSource
from streamer.sources.address import Address, network

SCHEMES = frozenset({"rtmp", "rtmps"})


def read(parts: SplitResult) -> Address:
    """``rtmp://host/application/name``. Raises BadSource when there is no application in it."""
    if not parts.path.strip("/"):
        raise BadSource(
            "The address names no stream.", detail=f"Write {parts.scheme}://host/application/name, as in …/live/camera."
        )
    options = {
        "rtmp_live": "live",
        "analyzeduration": "1000000",  # microseconds; FFmpeg else waits five seconds for sound that may never come
        "fpsprobesize": "0",  # pictures, to learn a frame rate that nobody asks for
    }
    return network(parts, live=True, options=options)

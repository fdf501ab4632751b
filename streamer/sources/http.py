"""What is fetched over HTTP: recordings, HLS, and the endless multipart JPEGs (MJPEG) of web cameras."""

from __future__ import annotations

from streamer.redaction import Parts
from streamer.sources.address import Address, network

SCHEMES = frozenset({"http", "https"})

# By the name of FFmpeg's demuxer, which is known once a stream is open.
IN_BURSTS = frozenset({"hls", "hls,applehttp"})  # whole segments come at once
WITHOUT_CLOCK = frozenset({"mpjpeg"})  # a part says nothing of when it was taken: FFmpeg counts 25 to the second

# Segments are played a little faster than their clock says, so that a stall does not leave us behind for good.
CATCHING_UP = 1.05


def read(parts: Parts) -> Address:
    """``http(s)://…``: a recording when it has a length, which opening it tells; the query is the server's."""
    options = {
        "live_start_index": "-1",  # of a live playlist: its newest segment; FFmpeg else begins three back
        "fpsprobesize": "0",  # pictures, to learn a frame rate that nobody asks for
    }
    return network(parts, live=None, options=options)

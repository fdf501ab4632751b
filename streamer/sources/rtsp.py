"""RTSP cameras, in the clear or through TLS."""

from __future__ import annotations

from dataclasses import replace

from streamer.errors import BadSource
from streamer.redaction import Parts
from streamer.sources.address import Address, network

SCHEMES = frozenset({"rtsp", "rtsps"})
LOGIN = 128  # characters, the @ among them


def read(parts: Parts) -> Address:
    """
    ``rtsp://…?transport=udp`` or ``rtsps://…``: the option is ours, the rest of the query the camera's, to the letter.

    Raises BadSource.
    """
    words = parts.query.split("&") if parts.query else []
    ours = [word for word in words if word.startswith("transport=")]
    transport = ours[-1].partition("=")[2].lower() if ours else "tcp"
    if transport not in ("tcp", "udp"):
        raise BadSource(f"transport is {transport!r:.20}; it must be tcp or udp.")
    if transport == "udp" and parts.scheme == "rtsps":
        raise BadSource("transport is udp; over TLS (rtsps://) it must be tcp.")
    options = {
        "rtsp_transport": transport,
        "allowed_media_types": "video",
        "fpsprobesize": "0",  # pictures, to learn a frame rate that nobody asks for: two seconds of waiting
        "max_delay": "500000",  # microseconds to wait for packets that come out of order
    }
    if len(parts.login) > LOGIN:
        raise BadSource(
            "The user name and password are too long.",
            detail=f"FFmpeg has room for {LOGIN - 1} characters, percent-encoded and with the colon between them.",
        )
    query = "&".join(word for word in words if word not in ours)
    return network(replace(parts, query=query), live=True, options=options)

"""RTMP servers, in the clear or through TLS: a stream is asked for by its application and its name."""

from __future__ import annotations

from streamer.errors import BadSource
from streamer.redaction import Parts
from streamer.sources.address import Address, network, with_login

SCHEMES = frozenset({"rtmp", "rtmps"})
LOGIN = 49  # bytes of a user name, and of a password, that FFmpeg has room for


def read(parts: Parts) -> Address:
    """``rtmp://host/application/name``. Raises BadSource when there is no application in it."""
    if not parts.path.strip("/"):
        raise BadSource(
            "The address names no stream.", detail=f"Write {parts.scheme}://host/application/name, as in …/live/camera."
        )
    options = {
        "rtmp_live": "live",
        # Picture or sound may come seconds after the other, or never: it is waited for that long, in microseconds, or
        # until so many bytes have come. Sound alone takes four seconds to be as much, a picture half a second.
        "analyzeduration": "8000000",
        "probesize": str(64 * 1024),
        "fpsprobesize": "0",  # pictures, to learn a frame rate that nobody asks for
    }
    for part in (parts.user or "", parts.password or ""):
        if len(part.encode()) > LOGIN or set(part) & set("/?#"):
            raise BadSource(
                "RTMP takes no such user name or password.",
                detail=f"FFmpeg sends it as it is: at most {LOGIN} bytes, without a slash, question mark or hash sign.",
            )
    login = "" if parts.user is None else f"{parts.user}:{parts.password or ''}@"
    return with_login(network(parts, live=True, options=options), login)

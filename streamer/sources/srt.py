"""SRT, where PyAV's FFmpeg was built with it: its own wheels are not."""

from __future__ import annotations

import av

from streamer.errors import BadSource
from streamer.redaction import Parts
from streamer.sources.address import Address, network

SCHEMES = frozenset({"srt"})


def read(parts: Parts) -> Address:
    """``srt://host:port?streamid=…&passphrase=…``, the query as FFmpeg has it. Raises BadSource where it has none."""
    if not spoken():
        raise BadSource(
            "The FFmpeg of this server does not speak SRT: PyAV's wheels come without libsrt.",
            detail="Build PyAV against an FFmpeg that has it (pip install --no-binary av av), or let a relay offer the "
            "stream as rtsp://.",
        )
    if parts.port is None:
        raise BadSource("The address has no port.", detail="Write srt://host:port.")
    return network(parts, live=True, options={"fpsprobesize": "0"})


def spoken() -> bool:
    """Whether this FFmpeg knows the protocol. Nothing is sent: the address that is tried has no host."""
    try:
        av.open("srt://", timeout=1.0).close()
    except av.error.ProtocolNotFoundError:
        return False
    except (av.FFmpegError, OSError, ValueError):
        return True
    return True

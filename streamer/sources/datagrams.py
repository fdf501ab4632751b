"""Streams that come as they are in UDP datagrams: MPEG-TS and RTP, with nothing of ours to say about them."""

from __future__ import annotations

from urllib.parse import parse_qsl

from streamer.errors import BadSource
from streamer.redaction import Parts
from streamer.sources.address import Address, network

SCHEMES = frozenset({"udp", "rtp"})

# FFmpeg's own options, as its documentation of udp and rtp has them. The others name files or send something.
OPTIONS = frozenset(
    (
        *("block", "buffer_size", "connect", "fifo_size", "localaddr", "localport", "localrtcpport", "localrtpport"),
        *("overrun_nonfatal", "pkt_size", "reuse", "rtcpport", "sources", "timeout", "ttl"),
    )
)
MAX_FIFO = 100_000  # packets of 188 bytes that wait to be read: 19 MB


def read(parts: Parts) -> Address:
    """``udp://host:port?option=…``: the host is an address of this machine, or a group's. Raises BadSource."""
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name not in OPTIONS:
            raise BadSource(
                f"{parts.scheme}:// has no option {name!r:.40}.", detail=f"It has {', '.join(sorted(OPTIONS))}."
            )
        if name == "fifo_size" and not (value.isdecimal() and int(value) <= MAX_FIFO):
            raise BadSource(f"fifo_size must be a whole number up to {MAX_FIFO}.")
    if parts.port is None:
        raise BadSource("The address has no port.", detail=f"Write {parts.scheme}://host:port.")
    return network(parts, live=True, options={})

"""The address of a stream, a file or a camera: which protocol reads it."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import SplitResult, urlsplit

from streamer.errors import BadSource
from streamer.sources import file, http, rtmp, rtsp, srt, usb
from streamer.sources.address import Address, network

READERS: dict[str, Callable[[SplitResult], Address]] = {
    scheme: module.read for module in (rtsp, rtmp, http, srt) for scheme in module.SCHEMES
}
PLAIN = frozenset({"udp", "rtp"})  # live, with nothing of ours to say about them
SCHEMES = frozenset(READERS) | PLAIN | {"file", "demo"}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")

__all__ = ["Address", "read_address"]


def read_address(text: str) -> Address:
    """Read an address. Raises BadSource when it can be seen to be wrong without opening it."""
    if not text:
        raise BadSource("The address is empty.", detail="Write rtsp://…, http://…, a path, or demo:.")
    found = _SCHEME.match(text)
    if found is None:
        return usb.read(text) if usb.matches(text) else file.read(text)
    scheme = found[1].lower()
    if scheme == "file":
        return file.read_url(text)
    if scheme not in SCHEMES:
        known = ", ".join(sorted(SCHEMES))
        raise BadSource(
            f"{scheme}: is not a scheme that this server reads.", detail=f"It reads {known}, and plain paths."
        )
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port  # reading the port checks it
    except ValueError as error:
        raise BadSource(f"The address cannot be read: {error}.") from None
    if not host:
        raise BadSource("The address has no host.", detail=f"Write {scheme}://host/path.")
    if scheme in READERS:
        return READERS[scheme](parts)
    return network(parts, live=True, options={})

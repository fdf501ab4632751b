"""The address of a stream or file: what it means, what FFmpeg is told, and what people may see of it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from streamer.errors import BadSource

LIVE_SCHEMES = frozenset({"rtsp", "rtsps", "rtmp", "rtmps", "srt", "udp", "rtp"})
SCHEMES = LIVE_SCHEMES | {"http", "https", "file", "demo"}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_SECRET = re.compile(r"pass|pwd|token|secret|key|auth|sig", re.IGNORECASE)
_HIDDEN = "***"


@dataclass(frozen=True, slots=True)
class Address:
    """
    ``url`` is what FFmpeg opens and may hold a password; ``shown`` is the same without secrets.

    ``live`` is None when only opening it tells: an HTTP address is a recording when it has a length.
    """

    url: str = field(repr=False)
    shown: str
    scheme: str
    live: bool | None
    host: str | None = None
    format: str | None = None
    options: dict[str, str] = field(default_factory=dict)


def read_address(text: str) -> Address:
    """Read an address. Raises BadSource when it can be seen to be wrong without opening it."""
    if not text:
        raise BadSource("The address is empty.", detail="Write rtsp://…, http://…, a path, or demo:.")
    found = _SCHEME.match(text)
    if found is None:
        return _file(text)
    scheme = found[1].lower()
    if scheme == "file":
        return _file_url(text)
    if scheme not in SCHEMES:
        known = ", ".join(sorted(SCHEMES))
        raise BadSource(f"{scheme}: is no scheme this server reads.", detail=f"It reads {known}, and plain paths.")
    return _network(text, scheme)


def _network(text: str, scheme: str) -> Address:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port  # reading the port checks it
    except ValueError as error:
        raise BadSource(f"The address cannot be read: {error}.") from None
    if not host:
        raise BadSource("The address has no host.", detail=f"Write {scheme}://host/path.")
    options: dict[str, str] = {}
    if scheme in ("rtsp", "rtsps"):
        parts, options = _rtsp(parts)
    live = True if scheme in LIVE_SCHEMES else None
    return Address(urlunsplit(parts), _redacted(parts), scheme, live, host, None, options)


def _rtsp(parts: SplitResult) -> tuple[SplitResult, dict[str, str]]:
    """``?transport=udp`` is ours; the rest of the query is the camera's, to the letter."""
    words = parts.query.split("&") if parts.query else []
    ours = [word for word in words if word.startswith("transport=")]
    transport = ours[-1].partition("=")[2].lower() if ours else "tcp"
    if transport not in ("tcp", "udp"):
        raise BadSource(f"transport is {transport!r:.20}; it must be tcp or udp.")
    query = "&".join(word for word in words if word not in ours)
    options = {
        "rtsp_transport": transport,
        "allowed_media_types": "video",
        "fpsprobesize": "0",  # pictures, to learn a frame rate that nobody asks for: two seconds of waiting
        "max_delay": "500000",  # microseconds to wait for packets that come out of order
    }
    return parts._replace(query=query), options


def _redacted(parts: SplitResult) -> str:
    user, at, place = parts.netloc.rpartition("@")
    if at:
        user = user.partition(":")[0] + (f":{_HIDDEN}" if ":" in user else "")
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = parts.query
    if any(_SECRET.search(key) for key, _ in pairs):
        query = urlencode([(key, _HIDDEN if _SECRET.search(key) else value) for key, value in pairs], safe="*/:")
    return urlunsplit(parts._replace(netloc=f"{user}{at}{place}", query=query))


def _file_url(text: str) -> Address:
    parts = urlsplit(text)
    if parts.netloc not in ("", "localhost"):
        raise BadSource("A file: address has no host.", detail="Write file:///the/path.")
    return _file(unquote(parts.path))


def _file(text: str) -> Address:
    path = Path(text)
    try:
        if re.fullmatch(r"/dev/video\d+", text) and path.exists():
            return Address(text, text, "v4l2", True, None, "v4l2")
        if path.is_dir():
            raise BadSource(f"{text} is a folder, not a video.")
        if not path.is_file():
            raise BadSource(f"There is no file {text}.", detail="A path is looked up on the server's machine.")
        if not os.access(path, os.R_OK):
            raise BadSource(f"The file {text} may not be read.")
    except OSError as error:  # a name too long, a folder above it that may not be entered
        raise BadSource(f"The file {text:.80} cannot be opened: {error.strerror}.") from None
    return Address(f"file:{path}", text, "file", False)

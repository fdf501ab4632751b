"""What is changed in a playlist of HLS (RFC 8216) before FFmpeg reads it: one size of several, whole addresses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urljoin

# Pixels of the shorter side of a picture: the least usual size (1280×720) that has, across, the 1008 pixels that the
# largest model looks at. A larger picture costs its decoding, and shows the model nothing more.
WANTED = 720
USUAL = 2_500_000  # bits a second of that size, where a playlist says nothing but these
LARGEST = 256 * 1024  # bytes of a master playlist; with a hundred variants it has 30,000
LONGEST = 8 * 1024 * 1024  # bytes of a playlist whose addresses are made whole: 24 hours of 2-second segments have 3 MB
FIRST = 10  # bytes that say that something is a playlist, the mark of UTF-8 in front of them included

_INF = b"#EXT-X-STREAM-INF:"
_ATTRIBUTE = re.compile(rb'([A-Z0-9-]+)=("[^"]*"|[^,]*)')
_URI = re.compile(rb'(?<=[:,]URI=")([^"]*)(?=")')
_SIZE = re.compile(rb"(\d{1,5})x(\d{1,5})")
_DECODED = (b"avc1", b"avc3", b"hvc1", b"hev1", b"av01", b"vp09", b"vp08")  # codecs of video, as CODECS names them
_MARK = b"\xef\xbb\xbf"  # of UTF-8


@dataclass(frozen=True, slots=True)
class Variant:
    """``line`` and ``uri`` as they stand there. ``side``: pixels of the shorter side, 0 where that is not said."""

    line: bytes
    uri: bytes
    side: int
    bandwidth: int
    decoded: bool  # as far as it says so
    plain: bool  # no picture of more than 8 bits, whose colours would come out pale


def is_playlist(head: bytes) -> bool:
    """Whether something that begins with these bytes is a playlist."""
    return head.removeprefix(_MARK).startswith(b"#EXTM3U")


def with_one(playlist: bytes) -> bytes:
    """
    The same playlist with one variant in it, its own picture alone; FFmpeg would fetch all of them and show the first.

    The smallest whose picture is at least ``WANTED``, else the largest; of equals the one with the most bits, and the
    first. Sound and subtitles of their own are left out. A playlist without variants comes back as it is.
    """
    found = variants(playlist)
    if not found:
        return playlist
    one = min(found, key=_order)
    return b"\n".join((b"#EXTM3U", one.line, one.uri, b""))


def whole(playlist: bytes, base: str) -> bytes:
    """The same playlist with whole addresses in it, by the address that it came from."""

    def join(uri: bytes) -> bytes:
        return urljoin(base, uri.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    lines = []
    for line in map(bytes.strip, playlist.splitlines()):
        if line.startswith(b"#"):
            lines.append(_URI.sub(lambda found: join(found[1]), line))
        else:
            lines.append(join(line) if line else line)
    return b"\n".join((*lines, b""))


def variants(playlist: bytes) -> list[Variant]:
    """What a master playlist offers, in its order."""
    found, line = [], b""
    for each in map(bytes.strip, playlist.splitlines()):
        if each.startswith(_INF):
            line = each
        elif line and each and not each.startswith(b"#"):
            found.append(_read(line, each))
            line = b""
    return found


def _order(variant: Variant) -> tuple[bool, bool, bool, bool, int, int]:
    size, wanted = (variant.side, WANTED) if variant.side else (variant.bandwidth, USUAL)
    enough = size >= wanted
    nearest = size if enough else -size
    return not variant.decoded, not variant.plain, not variant.side, not enough, nearest, -variant.bandwidth


def _read(line: bytes, uri: bytes) -> Variant:
    given = {name: value.strip(b'" ') for name, value in _ATTRIBUTE.findall(line.removeprefix(_INF))}
    size = _SIZE.fullmatch(given.get(b"RESOLUTION", b""))
    bandwidth = given.get(b"BANDWIDTH", b"")
    codecs = given.get(b"CODECS", b"").split(b",")
    return Variant(
        line,
        uri,
        min(int(size[1]), int(size[2])) if size else 0,
        int(bandwidth) if bandwidth.isdigit() else 0,
        codecs == [b""] or any(codec.strip().startswith(_DECODED) for codec in codecs),
        given.get(b"VIDEO-RANGE", b"SDR") == b"SDR",
    )

"""How large a picture is, by the headers of its stream, so that one over the limit is not decoded."""

from __future__ import annotations

import re

import av

from streamer import limits

_VP8 = re.compile(rb".{3}\x9d\x01\x2a(..)(..)", re.DOTALL)  # a keyframe: RFC 6386, section 9.1
START_CODES = (b"\x00\x00\x01", b"\x00\x00\x00\x01")  # of H.264, one of which a frame begins with: annex B
SPS = re.compile(rb"\x00\x00\x01[\x07\x27\x47\x67]")  # a sequence parameter set: H.264, table 7-1
_HIGH = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244})  # H.264, section 7.3.2.1.1
VP8_HEADER = 10  # bytes of a VP8 keyframe that say how large it is
LONGEST = 256  # bytes of a parameter set that are read; they have a dozen or two


class PictureTooLarge(Exception):
    """A picture that is over the limit; the message says so in words."""


def check(width: int, height: int, form: av.VideoFormat | None = None) -> None:
    """Raise PictureTooLarge for a picture that is over the limits: in pixels and, where its form is known, in bytes."""
    for value, limit, unit in (
        (width * height, limits.MAX_FRAME_PIXELS, "pixels"),
        (max(width, height), limits.MAX_FRAME_SIDE, "pixels a side"),
    ):
        if value > limit:
            raise PictureTooLarge(f"Its picture of {width}×{height} pixels is over the limit of {limit} {unit}.")
    size = 0 if form is None else width * height * form.padded_bits_per_pixel // 8
    if form is not None and size > limits.MAX_FRAME_BYTES:
        words = f"Its picture of {width}×{height} pixels has {size} bytes as {form.name}"
        raise PictureTooLarge(f"{words}, over the limit of {limits.MAX_FRAME_BYTES}.")


def size_of(data: bytes) -> tuple[int, int] | None:
    """
    Width and height that an encoded frame, VP8 or H.264 (Annex B), says it begins anew with; None where it does not.

    Of several parameter sets in one frame, the largest. The first bytes of a keyframe of VP8 can be made to look like a
    start code of H.264: such a frame is read as both.
    """
    found = [] if (size := of_vp8(data)) is None else [size]
    if data.startswith(START_CODES):
        found += [size for place in SPS.finditer(data) if (size := _of_h264(data[place.end() :][:LONGEST]))]
    return max(found, key=lambda size: size[0] * size[1], default=None)


def of_vp8(data: bytes) -> tuple[int, int] | None:
    """Width and height that a frame of VP8 has by its first ``VP8_HEADER`` bytes; None where it is no keyframe."""
    key = _VP8.match(data)
    if key is None or data[0] & 1:
        return None
    width, height = (int.from_bytes(side, "little") & 0x3FFF for side in key.groups())
    return width, height


def _of_h264(data: bytes) -> tuple[int, int] | None:
    """Of a sequence parameter set behind its first byte; None for one that cannot be read."""
    bits = _Bits(data.replace(b"\x00\x00\x03", b"\x00\x00"))
    try:
        profile = bits.take(8)
        bits.take(16)  # constraints, level
        bits.unsigned()  # its number
        chroma = _chroma(bits) if profile in _HIGH else 1
        bits.unsigned()  # of frame numbers
        order = bits.unsigned()
        if order == 0:
            bits.unsigned()
        elif order == 1:
            bits.take(1)
            for _ in range(2):
                bits.unsigned()
            for _ in range(min(bits.unsigned(), 255)):
                bits.unsigned()
        bits.unsigned()  # reference pictures
        bits.take(1)
        across, down = bits.unsigned() + 1, bits.unsigned() + 1  # in macroblocks; down: of a field, where there are
        frames = bits.take(1)
    except IndexError:
        return None
    return (across * 16, down * 16 * (2 - frames)) if chroma <= 3 else None


def _chroma(bits: _Bits) -> int:
    """Read what high profiles have in between; the form of the colours."""
    chroma = bits.unsigned()
    if chroma == 3:
        bits.take(1)
    bits.unsigned()
    bits.unsigned()
    bits.take(1)
    if bits.take(1):  # scaling lists
        for index in range(8 if chroma != 3 else 12):
            if bits.take(1):
                _skip_scaling(bits, 16 if index < 6 else 64)
    return chroma


def _skip_scaling(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            code = bits.unsigned()
            following = (last + ((code + 1) // 2 if code % 2 else -(code // 2)) + 256) % 256
        last = following or last


class _Bits:
    """Bits one after the other. Raises IndexError at the end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = value << 1 | self._data[self._at >> 3] >> (7 - (self._at & 7)) & 1
            self._at += 1
        return value

    def unsigned(self) -> int:
        """A number in Exp-Golomb code: H.264, section 9.1."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 31:
                raise IndexError
        return (1 << zeros) - 1 + self.take(zeros)

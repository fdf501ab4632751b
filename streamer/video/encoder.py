"""Pictures made into VP8 or H.264 for people who watch: one encoder a session and codec, whoever watches."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from streamer.frame import Picture
from streamer.timeline import CLOCK

KEYFRAME = 2 * CLOCK  # ticks from keyframe to keyframe
SOONEST = CLOCK // 4  # ticks from a keyframe to one that is asked for: they are large, and many may ask
SIDES = {"vp8": (1920, 1920), "h264": (1280, 720)}  # pixels; larger is scaled down: H.264 is sent as level 3.1 allows
BITS = 0.12  # a pixel, at 30 frames a second: 1.1 Mb/s at 640x480, 3.3 at 1280x720
SLOWEST, FASTEST = 500_000, 6_000_000  # bits a second


Codec = Literal["vp8", "h264"]


@dataclass(frozen=True, slots=True)
class Coded:
    """An encoded picture, and whether decoding can begin with it."""

    packet: av.Packet[Any]
    keyframe: bool


class Encoder:
    """
    Encode RGB pictures with times, each into one packet; a new size makes a new stream, which begins with a keyframe.

    Keyframes come every ``KEYFRAME`` ticks, and when asked for, but not sooner than ``SOONEST`` after the last. H.264
    is constrained baseline (Annex B, parameters before each keyframe). Not thread-safe.
    """

    def __init__(self, codec: Codec = "vp8") -> None:
        self._kind: Codec = codec
        self._codec: VideoCodecContext | None = None
        self._keyed = 0  # tick of the last keyframe

    def encode(self, rgb: Picture, tick: int, *, keyframe: bool = False) -> Coded:
        """Encode a (height, width, 3) picture; ticks must rise."""
        width, height = fitting(rgb.shape[1], rgb.shape[0], self._kind)
        if self._codec is None or (self._codec.width, self._codec.height) != (width, height):
            self._codec = _codec(width, height, self._kind)
            keyframe, since = True, KEYFRAME
        else:
            since = tick - self._keyed
        frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(width, height, "yuv420p")
        frame.pts, frame.time_base = tick, Fraction(1, CLOCK)
        if since >= KEYFRAME or (keyframe and since >= SOONEST):
            frame.pict_type = PictureType.I
        (packet,) = self._codec.encode(frame)
        if packet.is_keyframe:
            self._keyed = tick
        return Coded(packet, packet.is_keyframe)


def fitting(width: int, height: int, codec: Codec = "vp8") -> tuple[int, int]:
    """The size in which a picture is sent; even in H.264, whose encoder takes no other."""
    longer, shorter = SIDES[codec]
    shrink = min(1.0, longer / max(width, height), shorter / min(width, height))
    if codec == "h264":
        return max(2, round(width * shrink / 2) * 2), max(2, round(height * shrink / 2) * 2)
    return max(1, round(width * shrink)), max(1, round(height * shrink))


def bitrate(width: int, height: int) -> int:
    """Bits a second for pictures of a size."""
    return round(min(max(width * height * 30 * BITS, SLOWEST), FASTEST))


def _codec(width: int, height: int, kind: Codec) -> VideoCodecContext:
    codec = av.CodecContext.create({"vp8": "libvpx", "h264": "libx264"}[kind], "w")
    assert isinstance(codec, VideoCodecContext)
    rate = bitrate(width, height)
    codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
    codec.time_base, codec.framerate = Fraction(1, CLOCK), Fraction(30)
    codec.bit_rate = rate
    codec.gop_size = 10_000  # keyframes are ours to choose, by time
    codec.thread_count = 1  # more of them spin while they wait
    codec.options = _OPTIONS[kind] | {"maxrate": str(rate), "bufsize": str(rate)}
    if kind == "vp8":
        codec.options |= {"minrate": str(rate)}  # with maxrate: a constant rate
    return codec


_OPTIONS = {
    "vp8": {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"},
    "h264": {
        "preset": "superfast",
        "tune": "zerolatency",
        "profile": "baseline",
        "level": "31",
        "forced-idr": "1",  # a keyframe that is asked for is one to begin with
        "sc_threshold": "0",
    },
}

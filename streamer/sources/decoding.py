"""From packets to pictures: what is damaged is left out, what is late is skipped, a keyframe is waited for."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import av
from av.video.stream import VideoStream

from streamer.sources import headers
from streamer.sources.ahead import Arrived, Counts, Packet
from streamer.sources.clock import utc
from streamer.sources.reasons import WAITING, Trouble

MAX_DAMAGE = 100  # packets in a row that cannot be decoded
# Pictures in a row marked as corrupt, ten seconds: then they are taken; some senders miscount packets.
MAX_CORRUPT = 300
# Pictures, two seconds, that are left out because they build on a damaged one, and good ones that allow one more: where
# packets are lost all the time, or keyframes are rare, most are shown as they are.
MAX_SMEARED, GOOD_FOR_ONE = 60, 4
UNSEEN = 1.0  # seconds of packets without a picture until it is said that a keyframe is waited for
BEHIND = 0.2  # seconds that a packet has waited from which on pictures that no other needs are not decoded
KEPT = 64  # packets that are remembered until their pictures come: decoders hold back 16 at most

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture, and when its packet came (``time.monotonic()``); ``good`` is False for one that is damaged."""

    picture: av.VideoFrame
    received: float
    good: bool


class Decoding:
    """
    Decodes one connection's video stream.

    ``lasting``: it is a live stream, which may wait for a keyframe as long as packets come; ``waits`` hears since when
    it does, in words, once each time. ``blind``: the seconds that such a stream may send packets, a keyframe among
    them, without a picture in them. ``careful``: damaged pictures are told as such; ``lossy``: also by the marks of the
    demuxer, which over a way that loses nothing tells of something else (segments put together).
    """

    def __init__(
        self,
        stream: VideoStream,
        counts: Counts,
        name: str,
        waits: Callable[[str], None],
        *,
        lasting: bool,
        blind: float,
        careful: bool,
        lossy: bool = False,
    ) -> None:
        self._stream, self._counts, self._name = stream, counts, name
        self._waits, self._lasting, self._blind = waits, lasting, blind
        self._unseen: float | None = None  # when the first packet since the newest picture was decoded
        self._told = False  # that a keyframe is waited for
        self._keyframe: float | None = None  # when the first one since then was decoded
        self._begun = False  # a picture has come
        self._in_a_row = 0  # damaged packets
        self._damage = _Damage(lossy=lossy) if careful else None
        self._packets: dict[int, _Packet] = {}  # by pts; bound: KEPT
        self._owed = 0  # pictures that packets gave while some were skipped, over one each

    def pictures(self, packets: Iterable[Arrived]) -> Iterator[Decoded]:
        """Decode to the end. Raises Trouble, PictureTooLarge, and FFmpeg's InvalidDataError where all is damaged."""
        context = self._stream.codec_context
        for arrived in packets:
            packet = arrived.packet
            if arrived.anew:
                context.flush_buffers()
            skips = self._lasting and time.monotonic() - arrived.at > BEHIND
            context.skip_frame = "NONREF" if skips else "DEFAULT"
            self._watch(packet)
            pictures = self._decode(packet)
            if skips and self._begun:  # before, the decoder may hold back what is to be shown later
                self._count_skipped(len(pictures))
            its = self._remember(packet, arrived.at)
            for picture in pictures:
                headers.check(picture.width, picture.height, picture.format)
                self._unseen, self._told, self._keyframe = None, False, None
                self._begun = True
                came = its if picture.pts is None else self._packets.get(picture.pts, its)
                bad = self._damage is not None and self._damage.has(picture, came)
                self._counts.corrupt += bad
                yield Decoded(picture, came.at, not bad)

    def _decode(self, packet: Packet) -> list[av.VideoFrame]:
        _check_header(self._stream, packet)
        context = self._stream.codec_context
        try:
            pictures = packet.decode()
        except (av.error.InvalidDataError, av.error.ArgumentError):  # the latter for a size over max_pixels
            headers.check(context.width, context.height)  # why, as often as not
            builds_on_none = self._lasting and self._keyframe is None
            if builds_on_none and not self._begun:  # but on what was sent before we came
                return []
            self._in_a_row += not builds_on_none
            self._counts.damaged += 1
            if self._counts.damaged.bit_count() == 1:  # 1, 2, 4, 8, …
                log.warning("%s: %d damaged packets were left out so far", self._name, self._counts.damaged)
            if self._in_a_row > MAX_DAMAGE:
                raise
            return []
        if pictures:
            self._in_a_row = 0
        return pictures

    def _watch(self, packet: Packet) -> None:
        """Note a packet of a live stream; say when there has been no picture for long. Raises Trouble."""
        if not self._lasting:
            return
        now = time.monotonic()
        if self._keyframe is None and packet.is_keyframe:
            self._keyframe = now
        if self._unseen is None:
            self._unseen = now
        if self._keyframe is not None and now - self._keyframe > self._blind:
            raise Trouble(f"For {self._blind:.0f} s nothing it sends could be decoded.")
        if self._keyframe is None and not self._told and now - self._unseen > UNSEEN:
            self._told = True
            self._waits(f"{WAITING} since {utc(self._unseen)}")

    def _count_skipped(self, pictures: int) -> None:
        """A packet gave so many pictures: none where it was skipped, and where the decoder holds one back."""
        self._owed += 1 - pictures
        self._counts.skipped += max(0, self._owed)
        self._owed = min(0, self._owed)

    def _remember(self, packet: Packet, at: float) -> _Packet:
        its = _Packet(at) if self._damage is None else self._damage.sent(packet, at)
        if packet.pts is not None:
            self._packets[packet.pts] = its
            if len(self._packets) > KEPT:
                del self._packets[next(iter(self._packets))]
        return its


@dataclass(frozen=True, slots=True)
class _Packet:
    """A packet that came ``at`` a moment, behind so many ``keyframes``; ``smeared``: it builds on a damaged picture."""

    at: float
    keyframes: int = 0
    smeared: bool = False


class _Damage:
    """
    Which pictures are damaged: those that the decoder marks, and those that build on them, up to the next keyframe.

    Some decoders mark nothing (H.265), but the demuxer of MPEG-TS marks packets: the damaged one or, where packets are
    cut anew into pictures, the one before it. That is believed of a ``lossy`` way.
    """

    def __init__(self, *, lossy: bool) -> None:
        self._lossy = lossy
        self._keyframes = 0  # by now
        self._smeared = False  # what comes up to the next keyframe builds on a damaged picture
        self._in_a_row = 0  # pictures that the decoder marked
        self._spare = float(MAX_SMEARED)  # pictures that may be left out because of what they build on

    def sent(self, packet: Packet, at: float) -> _Packet:
        """Note a packet, in the order of decoding."""
        if packet.is_keyframe:
            self._keyframes, self._smeared = self._keyframes + 1, False
        self._smeared |= self._lossy and packet.is_corrupt
        return _Packet(at, self._keyframes, self._smeared)

    def has(self, picture: av.VideoFrame, came: _Packet) -> bool:
        """Whether a picture is to be taken for damaged."""
        self._in_a_row = self._in_a_row + 1 if picture.is_corrupt else 0
        self._smeared |= picture.is_corrupt and came.keyframes == self._keyframes
        if 0 < self._in_a_row <= MAX_CORRUPT:
            return True
        if came.smeared and self._spare >= 1:
            self._spare -= 1
            return True
        self._spare = min(MAX_SMEARED, self._spare + 1 / GOOD_FOR_ONE)
        return False


def _check_header(stream: VideoStream, packet: Packet) -> None:
    """Raise PictureTooLarge for VP8, whose decoder forgets a size that it refuses."""
    if stream.codec_context.name == "vp8" and packet.size >= headers.VP8_HEADER:
        size = headers.of_vp8(bytes(memoryview(packet)[: headers.VP8_HEADER]))
        headers.check(*size or (0, 0))

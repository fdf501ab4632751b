"""
What aiortc keeps to itself about a received video track.

Things are needed that aiortc 1.16 has no call for: the RTP timestamp that the packets of a frame carried (it subtracts
the first one of the connection), a keyframe request, a way out of a jitter buffer that waits for a packet that will
never come, a second request for one that was lost twice, frames that are given on when they are complete instead of
when the next one begins, none of those that a lost one leaves broken, and a bound on the line in front of the decoder.
The private names that this takes, and what is known of each upstream, stand in patches.py;
tests/unit/streamer/webrtc/test_receiver.py holds all of it against real packets.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import av
from aiortc import RTCRtpReceiver
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtpPacket
from aiortc.utils import uint16_add

from streamer.sources import headers
from streamer.sources.headers import PictureTooLarge
from streamer.webrtc import patches

log = logging.getLogger(__name__)

MAX_BACKLOG = 60  # encoded frames in front of the decoder, two seconds at 30 fps; then it starts again at a keyframe
JITTER_PACKETS = 512  # aiortc's own size for video; a power of two
LATE = 1024  # packets; further behind than this the sender has begun to count anew
ASK_AGAIN = 0.5  # seconds until a keyframe that has not come is asked for again
WITHOUT = 3.0  # seconds until pictures are taken without one: some encoders send none, their pictures heal bit by bit
ARRIVALS = 512  # frames whose arrival is remembered until they are decoded: more than the line and the buffer hold
_H264_ANEW = re.compile(rb"\x00\x00\x01[\x05\x25\x45\x65\x07\x27\x47\x67]")  # IDR or parameters (H.264, table 7-1)
_VP8_ANEW = re.compile(rb".{3}\x9d\x01\x2a", re.DOTALL)  # a start code: RFC 6386, section 9.1


class VideoReceiver:
    """One received video track, with what aiortc does not tell about it. Made before media flows."""

    def __init__(self, receiver: RTCRtpReceiver) -> None:
        self._receiver = receiver
        self._line = DecoderLine(patches.DECODER_ERROR.of(receiver))
        self._buffer = FrameBuffer(self._line)
        self._arrivals: dict[int, float] = {}  # of each frame's first packet, by RTP timestamp; bound: ARRIVALS
        self.payloads = 0  # packets that have come with a part of a picture in them
        self._handle_packet = patches.take_over(receiver, self._line, self._buffer, self._handle_rtp_packet)

    @property
    def too_large(self) -> tuple[int, int] | None:
        """Width and height of a picture that was over the limit, and not decoded; None: none was."""
        return self._line.too_large

    @property
    def late(self) -> int:
        """How many frames were not decoded, because decoding was behind."""
        return self._line.late

    def received(self, rtp_timestamp: int | None) -> float | None:
        """When the first packet of that frame came (``time.monotonic()``); None where that is not known any more."""
        return None if rtp_timestamp is None else self._arrivals.get(rtp_timestamp)

    def rtp_timestamp(self, frame: av.VideoFrame) -> int | None:
        """
        Return the timestamp that the frame's packets carried, a uint32 in 1/90000 s, or None when it has no pts.

        aiortc's ``pts`` is that timestamp less the connection's first one, unwrapped; its origin moves in whole
        wraps only, so adding it modulo 2**32 gives the packet's own number back (RFC 3550, section 5.1).
        """
        origin = patches.TIMESTAMP_ORIGIN.of(patches.TIMESTAMP_MAPPER.of(self._receiver))
        if frame.pts is None or origin is None:
            return None
        return int(frame.pts + origin) & 0xFFFFFFFF

    @property
    def packets(self) -> int:
        """How many RTP packets have come in."""
        streams = patches.REMOTE_STREAMS.of(self._receiver)
        return sum(stream.packets_received for stream in streams.values())

    async def request_keyframe(self) -> None:
        """Send a picture loss indication (RFC 4585, section 6.3.1) for each video stream seen; nothing before that."""
        for ssrc in self._streams():
            await patches.SEND_PLI.of(self._receiver)(ssrc)

    async def request_packets(self) -> None:
        """Ask again for the packets that are missing (RFC 4585, section 6.2.1); aiortc asks when it sees a new gap."""
        missing = sorted(patches.NACK_GENERATOR.of(self._receiver).missing)
        for ssrc in self._streams() if missing else ():
            await patches.SEND_NACK.of(self._receiver)(ssrc, missing)

    def forget_packets(self) -> None:
        """Empty the jitter buffer, so that it waits no longer for lost packets. The next picture is a keyframe."""
        asked = patches.NACK_GENERATOR.of(self._receiver)
        asked.missing.clear()
        self._buffer = FrameBuffer(self._line, None if asked.max_seq is None else uint16_add(asked.max_seq, 1))
        patches.JITTER_BUFFER.replace(self._receiver, self._buffer)
        self._line.start_anew()

    @property
    def gap(self) -> int | None:
        """Where the jitter buffer waits for a packet, though later ones have come: a number for each place, or None."""
        return self._buffer.gap

    async def _handle_rtp_packet(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        """
        Let aiortc handle a packet, then give on what else has become complete.

        aiortc gives on one frame a packet. After a repaired loss several are complete at once; where a frame is one
        packet, those left in the buffer would stay there as delay for ever.
        """
        if packet.payload:
            self.payloads += 1
            self._arrivals.setdefault(packet.timestamp, time.monotonic())
            if len(self._arrivals) > ARRIVALS:
                del self._arrivals[next(iter(self._arrivals))]
        await self._handle_packet(packet, arrival_time_ms)
        mapper = patches.TIMESTAMP_MAPPER.of(self._receiver)
        while self._line.codec is not None and (frame := self._buffer.next_frame()) is not None:
            frame.timestamp = mapper.map(frame.timestamp)
            self._line.put((self._line.codec, frame))

    def _streams(self) -> list[int]:
        """The streams of pictures that were seen; repairs come in streams of their own."""
        repairs = patches.RTX_SSRC.of(self._receiver)
        return [ssrc for ssrc in patches.REMOTE_STREAMS.of(self._receiver) if ssrc not in repairs]


class FrameBuffer(JitterBuffer):
    """aiortc's jitter buffer for video, which gives a frame on when its last packet (marker bit, RFC 3550) is there."""

    def __init__(self, line: DecoderLine, origin: int | None = None) -> None:
        """``origin`` is the sequence number of the first packet it takes; None: of whichever comes first."""
        super().__init__(capacity=JITTER_PACKETS, is_video=True)
        self._line = line
        self._origin = origin

    @property
    def gap(self) -> int | None:
        """The sequence number of the first packet that is missing in front of one that came; None: none is."""
        first = None
        for sequence_number in self._places():
            there = self._packets[sequence_number % self.capacity] is not None
            if first is None and not there:
                first = sequence_number
            elif first is not None and there:
                return first
        return None

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """Take a packet. At a repair that comes late aiortc would begin anew, and wait for all that followed it."""
        if self._origin is not None and 0 < uint16_add(self._origin, -packet.sequence_number) < LATE:
            return False, None
        return super().add(packet)

    def remove(self, count: int) -> None:
        """Take packets out; aiortc takes all of them when the sequence numbers begin anew."""
        if count == self.capacity:
            self._line.start_anew()
        super().remove(count)

    def smart_remove(self, count: int) -> bool:
        """Make room: aiortc throws the oldest frames away when more packets came than it holds."""
        self._line.start_anew()
        return super().smart_remove(count)

    def next_frame(self) -> JitterFrame | None:
        """Remove and return the oldest frame if all of it is there."""
        packets: list[RtpPacket] = []
        if self._line.wants_keyframe:
            self._skip_to_keyframe()
        self._skip_padding()
        if self._origin is None:
            return None
        for count in range(self.capacity):
            packet = self._packets[(self._origin + count) % self.capacity]
            if packet is None:
                return None
            if packets and packet.timestamp != packets[0].timestamp:  # ended without a marker
                return self._give(packets)
            packets.append(packet)
            if packet.marker:
                return self._give(packets)
        return None

    def _remove_frame(self, sequence_number: int) -> JitterFrame | None:
        return self.next_frame()

    def _places(self) -> Iterator[int]:
        """The sequence numbers there is room for, in order."""
        if self._origin is not None:
            yield from (uint16_add(self._origin, count) for count in range(self.capacity))

    def _skip_padding(self) -> None:
        """Drop packets without payload from the front: senders probe the bandwidth with them, between frames."""
        while self._origin is not None:
            packet = self._packets[self._origin % self.capacity]
            if packet is None or packet.payload:
                return
            self.remove(1)

    def _skip_to_keyframe(self) -> None:
        """Drop what is in front of the first packet of a keyframe, and the wait for what was lost of it."""
        for count, sequence_number in enumerate(self._places()):
            packet = self._packets[sequence_number % self.capacity]
            if packet is not None and begins_anew(packet._data, whole=False):  # type: ignore[attr-defined]
                self.remove(count)
                return

    def _give(self, packets: list[RtpPacket]) -> JitterFrame:
        self.remove(len(packets))
        data = b"".join(packet._data for packet in packets)  # type: ignore[attr-defined]
        return JitterFrame(data=data, timestamp=packets[0].timestamp)


class DecoderLine:
    """
    The line between the event loop and aiortc's decoder thread, in place of its unbounded one.

    Past ``MAX_BACKLOG`` it is emptied and a keyframe asked for: late pictures are worth less than none. Nor does it
    take a frame that builds on one that was lost: decoded it would look like a picture and be none.
    """

    def __init__(self, picture_lost: threading.Event) -> None:
        self.codec: RTCRtpCodecParameters | None = None  # of the newest frame
        self.too_large: tuple[int, int] | None = None  # a picture over the limit, which was left out
        self._picture_lost = picture_lost  # aiortc answers it with a picture loss indication
        self._items: deque[Any] = deque(maxlen=MAX_BACKLOG + 1)  # one more for the None that ends it
        self._news = threading.Condition()
        self.late = 0  # frames that were not decoded, because decoding was behind
        self._behind = False  # that is why a keyframe is waited for
        self._lost_since: float | None = None  # a frame was lost then, and no keyframe has come
        self._asked = 0.0

    def put(self, item: Any) -> None:
        """Add (codec, encoded frame), or None for the end. Never waits."""
        with self._news:
            if item is not None:
                if self._is_too_large(item[1].data):
                    return
                if self.codec is None and not begins_anew(item[1].data):  # the connection's first frame was lost
                    self._picture_lost.set()
                    self.start_anew()
                self.codec = item[0]
                if len(self._items) >= MAX_BACKLOG:
                    self._empty()
                if not self._stands_alone(item[1]):
                    return
            self._items.append(item)
            self._news.notify()

    def get(self) -> Any:
        """Wait for an item; on the decoder thread."""
        with self._news:
            self._news.wait_for(lambda: self._items)
            return self._items.popleft()

    def start_anew(self) -> None:
        """Take nothing before the next keyframe: a frame was lost. Asking for one the first time is the caller's."""
        self._lost_since = self._asked = time.monotonic()

    @property
    def wants_keyframe(self) -> bool:
        """Whether only a keyframe would be taken."""
        return self._lost_since is not None

    def _is_too_large(self, data: bytes) -> bool:
        """Whether a frame says that it, or what follows it, is over the limit of pixels; it is not decoded then."""
        size = headers.size_of(data)
        try:
            headers.check(*size or (0, 0))
        except PictureTooLarge:
            self.too_large = size
        return self.too_large is not None

    def _stands_alone(self, frame: JitterFrame) -> bool:
        """Whether nothing is missing that this frame needs; else a keyframe is asked for now and then."""
        if self._lost_since is None:
            return True
        now = time.monotonic()
        if begins_anew(frame.data) or now - self._lost_since > WITHOUT:
            self._lost_since, self._behind = None, False
            return True
        self.late += self._behind
        if now - self._asked > ASK_AGAIN:
            self._asked = now
            self._picture_lost.set()
        return False

    def _empty(self) -> None:
        log.warning("The video decoder is too slow: %d encoded frames are thrown away.", len(self._items))
        self.late += len(self._items)
        self._items.clear()
        self._picture_lost.set()
        self.start_anew()
        self._behind = True


def begins_anew(data: bytes, *, whole: bool = True) -> bool:
    """
    Whether an encoded frame, VP8 or H.264 (Annex B), is one that a decoder can begin with.

    With ``whole`` False it may be the frame's first packet; a slice of H.264 alone may be of any, so that it says no.
    """
    if data.startswith(headers.START_CODES):
        return (_H264_ANEW if whole else headers.SPS).search(data) is not None
    return _VP8_ANEW.match(data) is not None and not data[0] & 1

"""streamer.webrtc.receiver against aiortc's real receiver: these fail when aiortc changes its insides."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterable
from fractions import Fraction

import av
import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpReceiver
from aiortc.codecs import depayload
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpDecodingParameters, RTCRtpReceiveParameters
from aiortc.rtcrtpreceiver import RemoteStreamTrack
from aiortc.rtp import RtcpPsfbPacket, RtcpRtpfbPacket, RtpPacket

from streamer.webrtc import patches, receiver
from streamer.webrtc.receiver import DecoderLine, VideoReceiver
from tests.support.camera import number_of, numbered

SSRC = 4711
STEP = 3000
VP8 = RTCRtpCodecParameters(mimeType="video/VP8", clockRate=90000, payloadType=97)


class Wire:
    """A real receiver, fed packet by packet, and what it sends back."""

    def __init__(self) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.receiver: RTCRtpReceiver = self.connection.addTransceiver("video", direction="recvonly").receiver
        self.track = RemoteStreamTrack(kind="video")
        self.receiver._track = self.track
        self.video = VideoReceiver(self.receiver)
        self.keyframe_requests = 0
        self.missing: list[list[int]] = []  # what was asked for each time
        self.sequence = 65530
        self._encoder = Vp8Encoder()

    async def open(self) -> None:
        encodings = [RTCRtpDecodingParameters(ssrc=SSRC, payloadType=97)]
        await self.receiver.receive(RTCRtpReceiveParameters(codecs=[VP8], encodings=encodings))

        async def send(packet: object) -> None:
            self.keyframe_requests += isinstance(packet, RtcpPsfbPacket) and packet.fmt == 1
            if isinstance(packet, RtcpRtpfbPacket) and packet.fmt == 1:
                self.missing.append(packet.lost)

        self.receiver._send_rtcp = send  # type: ignore[method-assign]

    def packets(self, number: int, timestamp: int, *, keyframe: bool = False, marker: bool = True) -> list[RtpPacket]:
        """The packets of one numbered picture."""
        frame = av.VideoFrame.from_ndarray(numbered(number), format="rgb24")
        frame.pts, frame.time_base = number, Fraction(1, 30)
        payloads, _ = self._encoder.encode(frame, force_keyframe=keyframe)
        return [self.packet(each, timestamp, marker=marker and each is payloads[-1]) for each in payloads]

    def packet(self, payload: bytes, timestamp: int, *, marker: bool) -> RtpPacket:
        packet = RtpPacket(
            payload_type=97,
            marker=int(marker),
            sequence_number=self.sequence,
            timestamp=timestamp & 0xFFFFFFFF,
            ssrc=SSRC,
            payload=payload,
        )
        self.sequence = (self.sequence + 1) & 0xFFFF
        return packet

    async def send(self, packets: Iterable[RtpPacket]) -> None:
        for packet in packets:
            await self.receiver._handle_rtp_packet(packet, arrival_time_ms=0)

    async def picture(self) -> tuple[int, int | None]:
        """Number and RTP timestamp of the next decoded picture."""
        async with asyncio.timeout(10):
            frame = await self.track.recv()
        assert isinstance(frame, av.VideoFrame)
        return number_of(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)), self.video.rtp_timestamp(frame)


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    wire = Wire()
    await wire.open()
    yield wire
    await wire.connection.close()


async def test_a_picture_has_the_timestamp_its_packets_carried(wire: Wire) -> None:
    for number in range(3):
        await wire.send(wire.packets(number, 123_456_789 + STEP * number))
        assert await wire.picture() == (number, 123_456_789 + STEP * number)


async def test_a_picture_has_the_time_when_its_first_packet_came(wire: Wire) -> None:
    """However long its last packet, and its decoding, may take."""
    first, *others = (*wire.packets(0, 5000)[:1], *wire.packets(1, 8000, keyframe=True))
    before = time.monotonic()
    await wire.send([first])
    between = time.monotonic()
    await wire.send(others)
    assert before <= (wire.video.received(5000) or 0.0) <= between <= (wire.video.received(8000) or 0.0)
    assert wire.video.received(1) is wire.video.received(None) is None
    assert wire.video.payloads == 1 + len(others)


async def test_the_timestamp_is_right_after_it_wrapped_around(wire: Wire) -> None:
    start = 2**32 - 2 * STEP
    for number in range(5):
        await wire.send(wire.packets(number, start + STEP * number))
        assert await wire.picture() == (number, (start + STEP * number) % 2**32)


async def test_a_frame_without_pts_has_no_timestamp(wire: Wire) -> None:
    await wire.send(wire.packets(0, 7))
    await wire.picture()
    assert wire.video.rtp_timestamp(av.VideoFrame(16, 16)) is None


async def test_a_picture_comes_with_its_last_packet_not_with_the_next_picture(wire: Wire) -> None:
    """aiortc alone would give it when picture 1 begins, a frame interval later."""
    await wire.send(wire.packets(0, 0))
    assert await wire.picture() == (0, 0)


async def test_a_picture_without_marker_comes_with_the_next_one(wire: Wire) -> None:
    await wire.send(wire.packets(0, 0, marker=False))
    await wire.send(wire.packets(1, STEP))
    assert [await wire.picture(), await wire.picture()] == [(0, 0), (1, STEP)]


async def test_a_repaired_loss_leaves_no_delay_behind(wire: Wire) -> None:
    """Four pictures wait for one packet; when it comes all four are given, not one with each packet from then on."""
    await wire.send(wire.packets(0, 0))
    assert await wire.picture() == (0, 0)
    lost = wire.packets(1, STEP)
    later = [packet for number in range(2, 5) for packet in wire.packets(number, STEP * number)]
    await wire.send(later)
    assert wire.video.gap == lost[0].sequence_number
    await wire.send(lost)
    assert [(await wire.picture())[0] for _ in range(4)] == [1, 2, 3, 4]
    assert wire.video.gap is None


async def test_padding_between_pictures_is_skipped(wire: Wire) -> None:
    """An empty packet given to the decoder would mean the end of the stream to it."""
    for number in range(3):
        await wire.send(wire.packets(number, STEP * number))
        await wire.send([wire.packet(b"", STEP * number, marker=False)])
        assert (await wire.picture())[0] == number
    assert wire.video.gap is None


async def test_a_picture_that_still_comes_in_waits_for_nothing_lost(wire: Wire) -> None:
    """A large one on a slow path; forgetting its packets would only make it begin anew."""
    await wire.send([wire.packet(b"\x10" + bytes(20), 0, marker=False) for _ in range(3)])
    assert wire.video.gap is None


async def test_forgetting_packets_ends_the_wait_for_a_lost_one(wire: Wire) -> None:
    await wire.send(wire.packets(0, 0))
    assert (await wire.picture())[0] == 0
    wire.packets(1, STEP)  # never sent
    await wire.send(wire.packets(2, 2 * STEP))
    assert isinstance(wire.video.gap, int)
    wire.video.forget_packets()
    await wire.send(wire.packets(3, 3 * STEP, keyframe=True))
    assert await wire.picture() == (3, 3 * STEP)


async def test_what_builds_on_a_lost_picture_is_not_shown(wire: Wire) -> None:
    """The decoder would make something of it: a picture with old parts in it."""
    await wire.send(wire.packets(0, 0))
    assert (await wire.picture())[0] == 0
    wire.packets(1, STEP)  # never sent
    await wire.send(wire.packets(2, 2 * STEP))
    wire.video.forget_packets()
    for number in (3, 4):
        await wire.send(wire.packets(number, number * STEP))
    await wire.send(wire.packets(5, 5 * STEP, keyframe=True))
    assert await wire.picture() == (5, 5 * STEP)


async def test_a_repair_that_comes_too_late_is_left_and_the_pictures_go_on(wire: Wire) -> None:
    """At a packet a hundred behind aiortc would begin anew, there, and wait for all that had followed it."""
    await wire.send(wire.packets(0, 0))
    assert (await wire.picture())[0] == 0
    lost = wire.packets(1, STEP)
    await wire.send(wire.packets(2, 2 * STEP))
    wire.video.forget_packets()
    await wire.send(wire.packets(3, 3 * STEP, keyframe=True))
    await wire.send(wire.packet(b"", 3 * STEP, marker=False) for _ in range(150))
    requests = wire.keyframe_requests
    await wire.send(lost)
    await wire.send(wire.packets(4, 4 * STEP))
    assert [(await wire.picture())[0] for _ in range(2)] == [3, 4]
    assert (wire.keyframe_requests, wire.video.gap) == (requests, None)


async def test_what_was_lost_before_a_keyframe_that_was_asked_for_is_not_waited_for(wire: Wire) -> None:
    await wire.send(wire.packets(0, 0))
    assert (await wire.picture())[0] == 0
    wire.packets(1, STEP)  # never sent
    await wire.send(wire.packets(2, 2 * STEP))
    wire.video.forget_packets()
    wire.packets(3, 3 * STEP)  # never sent
    await wire.send(wire.packets(4, 4 * STEP))
    await wire.send(wire.packets(5, 5 * STEP, keyframe=True))
    assert await wire.picture() == (5, 5 * STEP)
    assert wire.video.gap is None


async def test_pictures_thrown_away_by_a_full_buffer_are_built_on_by_none_that_is_shown(wire: Wire) -> None:
    await wire.send(wire.packets(0, 0))
    assert (await wire.picture())[0] == 0
    wire.packets(1, STEP)  # never sent
    await wire.send(wire.packet(b"\x10" + bytes(20), 2 * STEP, marker=True) for _ in range(receiver.JITTER_PACKETS))
    assert wire.keyframe_requests >= 1
    await wire.send(wire.packets(3, 3 * STEP, keyframe=True))
    assert await wire.picture() == (3, 3 * STEP)


async def test_a_stream_that_begins_in_the_middle_is_shown_from_its_next_keyframe(wire: Wire) -> None:
    wire.packets(0, 0)  # never sent
    await wire.send(wire.packets(1, STEP))
    await wire.send(wire.packets(2, 2 * STEP))
    assert wire.keyframe_requests == 1
    await wire.send(wire.packets(3, 3 * STEP, keyframe=True))
    assert (await wire.picture())[0] == 3


async def test_a_packet_that_was_lost_twice_is_asked_for_again(wire: Wire) -> None:
    """aiortc asks once, when it sees the gap; nobody would ask again until there is another."""
    await wire.send(wire.packets(0, 0))
    lost = wire.packets(1, STEP)
    await wire.send(wire.packets(2, 2 * STEP))
    missing = [packet.sequence_number for packet in lost]
    assert wire.missing == [missing]
    await wire.video.request_packets()
    assert wire.missing == [missing, missing]
    await wire.send(lost)
    await wire.video.request_packets()
    assert wire.missing == [missing, missing]


async def test_a_keyframe_is_asked_for_once_there_is_somebody_to_ask(wire: Wire) -> None:
    await wire.video.request_keyframe()
    assert (wire.video.packets, wire.keyframe_requests) == (0, 0)
    await wire.send(wire.packets(0, 0))
    await wire.video.request_keyframe()
    assert wire.keyframe_requests == 1
    assert wire.video.packets > 0


KEY, DELTA = b"\x10\x00\x00\x9d\x01\x2a", b"\x11\x00\x00\x00\x00\x00"  # how VP8 frames begin


async def test_the_decoders_line_starts_again_at_a_keyframe_when_it_is_full() -> None:
    lost = threading.Event()
    line = DecoderLine(lost)
    for _ in range(receiver.MAX_BACKLOG):
        line.put((VP8, JitterFrame(KEY, 0)))
    assert not lost.is_set()
    line.put((VP8, JitterFrame(DELTA, 1)))
    line.put((VP8, JitterFrame(KEY, 2)))
    line.put(None)
    assert lost.is_set()
    assert line.late == receiver.MAX_BACKLOG + 1
    assert line.get()[1].timestamp == 2
    assert line.get() is None


async def test_a_keyframe_that_does_not_come_is_asked_for_again_and_at_last_done_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Encoders that renew the picture bit by bit never send one."""
    lost = threading.Event()
    line = DecoderLine(lost)
    line.put((VP8, JitterFrame(KEY, 0)))
    line.start_anew()
    line.put((VP8, JitterFrame(DELTA, 1)))
    assert not lost.is_set()
    monkeypatch.setattr(receiver, "ASK_AGAIN", -1.0)
    line.put((VP8, JitterFrame(DELTA, 2)))
    assert lost.is_set()
    monkeypatch.setattr(receiver, "WITHOUT", -1.0)
    line.put((VP8, JitterFrame(DELTA, 3)))
    assert [line.get()[1].timestamp, line.get()[1].timestamp] == [0, 3]


@pytest.mark.parametrize(("encoder", "codec"), [(Vp8Encoder, "VP8"), (H264Encoder, "H264")])
def test_a_real_encoders_keyframes_are_known(encoder: type[Vp8Encoder | H264Encoder], codec: str) -> None:
    made, parameters = encoder(), RTCRtpCodecParameters(mimeType=f"video/{codec}", clockRate=90000, payloadType=97)
    told, first = [], []
    for number in range(6):
        frame = av.VideoFrame.from_ndarray(numbered(number), format="rgb24")
        frame.pts, frame.time_base = number, Fraction(1, 30)
        payloads, _ = made.encode(frame, force_keyframe=number == 3)
        packets = [depayload(parameters, payload) for payload in payloads]
        told.append(receiver.begins_anew(b"".join(packets)))
        first.append(
            [receiver.begins_anew(packet, whole=False) for packet in packets].index(True) if told[-1] else None
        )
    assert told == [True, False, False, True, False, False]
    assert first == [0, None, None, 0, None, None]


async def test_the_decoders_line_is_the_one_the_decoder_reads(wire: Wire) -> None:
    """With the decoder held up, the receiver's packets fill our line and a keyframe is asked for."""
    line = patches.DECODER_QUEUE.of(wire.receiver)
    assert isinstance(line, DecoderLine)
    with line._news:  # the decoder waits for this lock
        line._items.extend([(VP8, JitterFrame(KEY, 0))] * receiver.MAX_BACKLOG)
        line._empty()
    await wire.send(wire.packets(0, 0, keyframe=True))
    assert wire.keyframe_requests == 1
    assert (await wire.picture())[0] == 0

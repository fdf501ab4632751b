"""streamer.rtp_send against aiortc's real sender: these fail when aiortc changes its insides."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from typing import Any

import av
import pytest
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection
from aiortc.rtcrtpparameters import (
    RTCRtcpParameters,
    RTCRtpCodecParameters,
    RTCRtpHeaderExtensionParameters,
    RTCRtpSendParameters,
)
from aiortc.rtp import RTCP_PSFB_FIR, RTCP_PSFB_PLI, RtcpPsfbPacket, RtpPacket

from streamer.video.vp8 import Coded, Encoder
from streamer.webrtc.sender import hear_keyframe_requests
from tests.support.camera import numbered

VP8 = RTCRtpCodecParameters(mimeType="video/VP8", clockRate=90000, payloadType=97)
WAIT = 60


class Coder(MediaStreamTrack):
    """Gives pictures that are encoded already."""

    kind = "video"

    def __init__(self, coded: list[Coded]) -> None:
        super().__init__()
        self._coded = coded

    async def recv(self) -> av.Packet[Any]:
        if not self._coded:
            await asyncio.Event().wait()
        return self._coded.pop(0).packet


@pytest.mark.parametrize("fmt", [RTCP_PSFB_PLI, RTCP_PSFB_FIR])
async def test_a_lost_picture_is_told(fmt: int) -> None:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    sender = connection.addTransceiver("video", direction="sendonly").sender
    asked = asyncio.Event()
    hear_keyframe_requests(sender, asked.set)
    await sender._handle_rtcp_packet(RtcpPsfbPacket(fmt=fmt, ssrc=1, media_ssrc=sender._ssrc))
    assert asked.is_set()
    await connection.close()


async def test_encoded_pictures_leave_as_they_are_with_their_times_and_at_their_rate() -> None:
    """aiortc must neither encode them again nor hold them to the bitrates of its own encoders."""
    encoder = Encoder()
    coded = [encoder.encode(numbered(n, 1280, 720), n * 3000) for n in range(4)]
    sizes = [each.packet.size for each in coded]
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    sender = connection.addTransceiver(Coder(coded), direction="sendonly").sender
    sent: list[RtpPacket] = []
    done = asyncio.Event()

    async def send(data: bytes) -> None:
        if not 200 <= data[1] <= 206:
            sent.append(RtpPacket.parse(data))
            if sum(packet.marker for packet in sent) == len(sizes):
                done.set()

    sender.transport._send_rtp = send  # type: ignore[method-assign]
    headers = [RTCRtpHeaderExtensionParameters(id=1, uri="urn:ietf:params:rtp-hdrext:sdes:mid")]
    await sender.send(RTCRtpSendParameters(codecs=[VP8], headerExtensions=headers, muxId="0", rtcp=RTCRtcpParameters()))
    async with asyncio.timeout(WAIT):
        await done.wait()
    times = sorted({packet.timestamp for packet in sent})
    assert [Fraction(each - times[0], 3000) for each in times] == [0, 1, 2, 3]
    descriptor = 4  # bytes before a VP8 payload: RFC 7741, with a 15-bit picture id
    payload = [sum(len(p.payload) - descriptor for p in sent if p.timestamp == each) for each in times]
    assert payload == sizes
    await sender.stop()
    await connection.close()

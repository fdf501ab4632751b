"""
streamer.webrtc.patches: what is patched works, and aiortc alone still needs it.

A test named "alone" fails on the day aiortc or aioice does it otherwise: then its patch can go, or must follow.
"""

from __future__ import annotations

import asyncio
import inspect
import queue
import runpy
import threading
from collections.abc import AsyncIterator
from fractions import Fraction
from typing import Any

import aioice
import av
import pytest
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpTransceiver,
    RTCSctpTransport,
    rtcrtpreceiver,
)
from aiortc.codecs import get_decoder
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtcrtpparameters import (
    RTCRtcpParameters,
    RTCRtpCodecParameters,
    RTCRtpHeaderExtensionParameters,
    RTCRtpSendParameters,
)
from aiortc.rtp import RTCP_PSFB_FIR, RTCP_PSFB_PLI, RtcpPsfbPacket, RtpPacket

from streamer.video.encoder import Coded, Encoder
from streamer.webrtc import patches
from streamer.webrtc.patches import Private
from tests.support.camera import numbered
from tests.support.leftovers import as_before

VP8 = RTCRtpCodecParameters(mimeType="video/VP8", clockRate=90000, payloadType=97)
H264 = RTCRtpCodecParameters(mimeType="video/H264", clockRate=90000, payloadType=99)
STEP = 3000  # of RTP timestamps, from one picture to the next
WAIT = 60


@pytest.fixture
async def connection() -> AsyncIterator[RTCPeerConnection]:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    yield connection
    await connection.close()


@pytest.fixture
def video(connection: RTCPeerConnection) -> RTCRtpTransceiver:
    return connection.addTransceiver("video", direction="sendrecv")


# Private names


def names() -> list[Private]:
    return [each for each in vars(patches).values() if isinstance(each, Private)]


@pytest.mark.parametrize("private", names(), ids=lambda private: f"{private.owner.__name__}.{private.name}")
async def test_every_private_name_is_there(
    private: Private, connection: RTCPeerConnection, video: RTCRtpTransceiver
) -> None:
    path = video.receiver.transport.transport
    things: list[object] = [
        connection,
        video.receiver,
        video.sender,
        path,
        path.iceGatherer,
        path.iceGatherer._connection,
    ]
    things += [rtcrtpreceiver.TimestampMapper(), JitterBuffer(capacity=16), RTCSctpTransport(video.receiver.transport)]
    (thing,) = [each for each in things if type(each) is private.owner]
    private.of(thing)


def test_a_private_name_that_is_gone_is_named() -> None:
    gone = Private(JitterBuffer, "__ring")
    with pytest.raises(AttributeError, match="_JitterBuffer__ring"):
        gone.replace(JitterBuffer(capacity=16), [])


# The decoder's threads


def test_importing_patches_nothing_and_one_call_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtcrtpreceiver, "get_decoder", get_decoder)
    runpy.run_path(patches.__file__)
    assert vars(rtcrtpreceiver)["get_decoder"] is get_decoder
    for _ in range(2):
        patches.install()
        assert vars(rtcrtpreceiver)["get_decoder"] is patches.bounded_decoder


@pytest.mark.parametrize("codec", [VP8, H264], ids=lambda codec: codec.name)
def test_decoders_have_one_thread(codec: RTCRtpCodecParameters) -> None:
    patches.install()
    assert rtcrtpreceiver.decoder_worker.__globals__["get_decoder"] is patches.bounded_decoder
    context = getattr(patches.bounded_decoder(codec), "codec")  # noqa: B009
    assert context.thread_count == patches.DECODER_THREADS == 1


async def test_closing_does_not_wait_for_a_decoder_that_hangs(video: RTCRtpTransceiver) -> None:
    patches.install()
    go_on = threading.Event()
    thread = vars(rtcrtpreceiver)["threading"].Thread(target=go_on.wait, name="video-decoder")
    private = Private(RTCRtpReceiver, "__decoder_thread")
    private.replace(video.receiver, thread)
    with as_before():
        thread.start()
        Private(RTCRtpReceiver, "__stop_decoder").of(video.receiver)()
        assert thread.is_alive()
        assert thread.daemon  # nor does the process
        assert private.of(video.receiver) is None
        go_on.set()


def test_alone_the_end_of_the_decoder_is_waited_for_without_a_limit() -> None:
    stop = inspect.getsource(Private(RTCRtpReceiver, "__stop_decoder").of(RTCRtpReceiver))
    assert "__decoder_thread.join()" in stop


@pytest.mark.parametrize("codec", [VP8, H264], ids=lambda codec: codec.name)
def test_alone_a_decoder_has_a_thread_for_each_cpu(codec: RTCRtpCodecParameters) -> None:
    context = getattr(get_decoder(codec), "codec")  # noqa: B009
    assert context.thread_count == 0  # FFmpeg's word for that


# The receiver; what ours does instead is in test_receiver.py


def packet(number: int, timestamp: int, *, marker: bool = True) -> RtpPacket:
    made = RtpPacket(sequence_number=number, timestamp=timestamp, marker=int(marker), payload=b"x")
    made._data = b"x"  # type: ignore[attr-defined]
    return made


def buffer() -> JitterBuffer:
    return JitterBuffer(capacity=512, is_video=True)


async def test_alone_the_line_in_front_of_the_decoder_has_no_bound(video: RTCRtpTransceiver) -> None:
    line = patches.DECODER_QUEUE.of(video.receiver)
    assert isinstance(line, queue.Queue)
    assert line.maxsize == 0


def test_alone_a_picture_is_given_on_only_when_the_next_one_begins() -> None:
    jitter = buffer()
    assert jitter.add(packet(0, 0)) == (False, None)
    assert jitter.add(packet(1, STEP))[1] is not None


def test_alone_a_packet_that_never_comes_stops_the_picture_until_the_buffer_is_full() -> None:
    jitter = buffer()
    given = [jitter.add(packet(number, STEP * number)) for number in (0, *range(2, 512))]
    assert [frame for _, frame in given if frame is not None] == []


def test_alone_a_repair_brings_one_picture_and_leaves_the_others_as_delay() -> None:
    jitter = buffer()
    for number in (0, 2, 3, 4):
        jitter.add(packet(number, STEP * number))
    frames = [jitter.add(packet(number, STEP * number))[1] for number in (1, 5)]
    assert [frame.timestamp for frame in frames if frame is not None] == [0, STEP]


def test_alone_a_repair_that_comes_late_empties_the_buffer() -> None:
    jitter = buffer()
    for number in range(200):
        jitter.add(packet(number, STEP * number))
    assert jitter.add(packet(50, STEP * 50)) == (True, None)
    assert patches.BUFFER_ORIGIN.of(jitter) == 50


def test_alone_a_lost_packet_is_asked_for_once() -> None:
    asked = rtcrtpreceiver.NackGenerator()
    assert [asked.add(packet(number, 0)) for number in (0, 2, 3, 4)] == [False, True, False, False]
    assert asked.missing == {1}


def test_alone_the_first_rtp_timestamp_is_subtracted() -> None:
    mapper = rtcrtpreceiver.TimestampMapper()
    assert [mapper.map(timestamp) for timestamp in (123_456_789, 123_459_789)] == [0, STEP]


# The sender


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
    patches.hear_keyframe_requests(sender, asked.set)
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


async def test_alone_a_request_for_a_keyframe_is_kept_for_aiortcs_own_encoder(video: RTCRtpTransceiver) -> None:
    forced = Private(type(video.sender), "__force_keyframe")
    assert forced.of(video.sender) is False
    await video.sender._handle_rtcp_packet(RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=1, media_ssrc=video.sender._ssrc))
    assert forced.of(video.sender) is True


# Gathering, ports, and the end; what ours do instead is in test_connection.py and test_ports.py


def test_alone_five_seconds_are_waited_for_stun_servers_and_there_is_no_setting_for_it() -> None:
    asked = inspect.signature(aioice.Connection.get_component_candidates).parameters
    assert asked["timeout"].default == 5
    assert "timeout" not in inspect.signature(aioice.Connection.gather_candidates).parameters


def test_alone_there_is_no_setting_for_the_range_of_udp_ports() -> None:
    assert not [name for name in inspect.signature(aioice.Connection.__init__).parameters if "port" in name.split("_")]


async def test_alone_a_connection_that_is_closed_while_it_connects_asks_for_consent_for_ever() -> None:
    left = None
    for _ in range(20):  # closed between the last check and its being noticed, which is 20 ms at most
        near, far = aioice.Connection(ice_controlling=True), aioice.Connection(ice_controlling=False)
        left = await _closed_while_connecting(near, far)
        if left is not None:
            break
    assert left is not None
    assert not left.done()
    left.cancel()


async def _closed_while_connecting(near: aioice.Connection, far: aioice.Connection) -> asyncio.Task[None] | None:
    """What still runs for ``near`` after its end."""
    for one, other in ((near, far), (far, near)):
        await one.gather_candidates()
        other.remote_username, other.remote_password = one.local_username, one.local_password
    for one, other in ((near, far), (far, near)):
        for candidate in one.local_candidates:
            await other.add_remote_candidate(candidate)
        await other.add_remote_candidate(None)
    async with asyncio.timeout(WAIT), asyncio.TaskGroup() as tasks:
        connecting = [tasks.create_task(one.connect()) for one in (near, far)]
        while not near._check_list_done:  # noqa: ASYNC110  (there is nothing to wait for)
            await asyncio.sleep(0)
        early = not connecting[0].done()
        await near.close()
    await far.close()
    consent: asyncio.Task[None] | None = patches.QUERY_CONSENT.of(near)
    return consent if early else None

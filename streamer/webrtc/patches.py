"""
What is done otherwise here than in aiortc 1.16 and aioice 0.13, and every private name of theirs that we use.

:func:`install` replaces what belongs to the whole process; the other functions change one connection, receiver or
sender. Each says the issue upstream that it belongs to, as far as one is known. tests/unit/streamer/webrtc/
test_patches.py shows for each that aiortc alone still does it the old way: when one of those tests fails, the patch can
go, or must follow a change.

Not here, for it is a setting of the server: ``ports.kept_within``, which keeps UDP ports within a range.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import aioice
import av
from aiortc import (
    RTCIceGatherer,
    RTCIceTransport,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpSender,
    RTCSctpTransport,
    rtcrtpreceiver,
)
from aiortc.codecs import get_decoder
from aiortc.codecs.base import Decoder
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtpPacket

from streamer.sources import formats

log = logging.getLogger(__name__)

DECODER_THREADS = 1  # a stream; FFmpeg's default is one for each CPU, and one decodes 1080p in 2 to 3 ms
DECODER_SECONDS = 0.2  # for the decoder's thread to end when its connection is closed: the event loop waits for it
CLOSE_SECONDS = 1.0  # for aioice to see that it was closed; it looks every 20 ms

Handle = Callable[[RtpPacket, int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Private:
    """A private name of a class of aiortc or aioice. Where it is gone, using it is an AttributeError that names it."""

    owner: type
    name: str

    @property
    def attribute(self) -> str:
        """The name as Python has it: two underscores hide a name behind that of its class."""
        return f"_{self.owner.__name__}{self.name}" if self.name.startswith("__") else self.name

    def of(self, thing: object) -> Any:
        """What an object has under this name."""
        return getattr(thing, self.attribute)

    def replace(self, thing: object, value: object) -> None:
        """Give an object something else under this name."""
        self.of(thing)
        setattr(thing, self.attribute, value)


DECODER_ERROR = Private(RTCRtpReceiver, "__decoder_error")
DECODER_QUEUE = Private(RTCRtpReceiver, "__decoder_queue")
JITTER_BUFFER = Private(RTCRtpReceiver, "__jitter_buffer")
NACK_GENERATOR = Private(RTCRtpReceiver, "__nack_generator")
REMOTE_STREAMS = Private(RTCRtpReceiver, "__remote_streams")
RTX_SSRC = Private(RTCRtpReceiver, "__rtx_ssrc")
TIMESTAMP_MAPPER = Private(RTCRtpReceiver, "__timestamp_mapper")
TIMESTAMP_ORIGIN = Private(rtcrtpreceiver.TimestampMapper, "_origin")
HANDLE_PACKET = Private(RTCRtpReceiver, "_handle_rtp_packet")
SEND_NACK = Private(RTCRtpReceiver, "_send_rtcp_nack")
SEND_PLI = Private(RTCRtpReceiver, "_send_rtcp_pli")
# receiver.FrameBuffer extends the class and uses these as its own; of packets `_data`, which the receiver sets.
BUFFER_ORIGIN = Private(JitterBuffer, "_origin")
BUFFER_PACKETS = Private(JitterBuffer, "_packets")
BUFFER_REMOVE_FRAME = Private(JitterBuffer, "_remove_frame")
SEND_KEYFRAME = Private(RTCRtpSender, "_send_keyframe")
DTLS_TRANSPORTS = Private(RTCPeerConnection, "__dtlsTransports")
GATHERER_CONNECTION = Private(RTCIceGatherer, "_connection")
ICE_CONNECTION = Private(RTCIceTransport, "_connection")
ICE_START = Private(RTCIceTransport, "__start")
MESSAGE_LIMIT = Private(RTCSctpTransport, "_remote_max_message_size")
QUERY_CONSENT = Private(aioice.Connection, "_query_consent_task")


def install() -> None:
    """Replace what aiortc keeps for the whole process. Called before media flows; a second call changes nothing."""
    # Its decoder thread looks this name up in its own module, and offers no other place to say it.
    rtcrtpreceiver.get_decoder = bounded_decoder  # type: ignore[attr-defined]
    names = SimpleNamespace(Thread=DecoderThread, Event=threading.Event)
    rtcrtpreceiver.threading = names  # type: ignore[attr-defined,assignment]


class DecoderThread(threading.Thread):
    """
    A thread whose end is not waited for any longer than ``DECODER_SECONDS``, and by the process not at all.

    aiortc waits on the event loop, without a limit: a picture that takes long to decode, or never comes out of the
    decoder, would stop the whole server. No upstream issue known.
    """

    def __init__(self, **given: Any) -> None:
        super().__init__(daemon=True, **given)

    def join(self, timeout: float | None = None) -> None:
        """Wait a moment."""
        super().join(DECODER_SECONDS if timeout is None else timeout)


def bounded_decoder(codec: RTCRtpCodecParameters) -> Decoder:
    """
    Make aiortc's decoder for a codec, with DECODER_THREADS threads and a limit of pixels if it is a video decoder.

    aiortc leaves both to FFmpeg, which takes a thread for each CPU, for each stream, and gigabytes for a picture that
    is large enough. No upstream issue known.
    """
    decoder = get_decoder(codec)
    context = getattr(decoder, "codec", None)
    if isinstance(context, av.VideoCodecContext):
        context.thread_count = DECODER_THREADS
        context.options = {**context.options, **formats.decoding()}
    return decoder


def take_over(receiver: RTCRtpReceiver, line: object, buffer: JitterBuffer, handle: Handle) -> Handle:
    """
    Put ``receiver.DecoderLine``, ``receiver.FrameBuffer`` and our handling of packets into a receiver of video.

    Returns aiortc's own handling of packets. Upstream:

    - its queues have no bound: issue 642 (of the queue behind the decoder; the one in front of it is alike)
    - its jitter buffer waits for a packet that never comes, and gives broken frames on: pull request 1418, which names
      1416 and 1417
    - it gives a frame on when the next one begins, and one for each packet only: no upstream issue known
    - a repair that comes late makes it begin anew: no upstream issue known
    """
    DECODER_QUEUE.replace(receiver, line)
    JITTER_BUFFER.replace(receiver, buffer)
    theirs: Handle = HANDLE_PACKET.of(receiver)
    HANDLE_PACKET.replace(receiver, handle)
    return theirs


def hear_keyframe_requests(sender: RTCRtpSender, asked: Callable[[], None]) -> None:
    """
    Call ``asked`` for each picture loss indication and full intra request (RFC 4585, RFC 5104).

    A track that gives encoded packets is sent as it is, so its bitrate bounds are none of ours. But a request for a
    keyframe is then forgotten: aiortc remembers it for its own encoder. No upstream issue known.
    """
    SEND_KEYFRAME.replace(sender, asked)


def bound_gathering(connection: RTCPeerConnection, seconds: float) -> None:
    """
    Wait so long for STUN and TURN servers.

    aioice waits five seconds, which aiortc has no setting for. No upstream issue known.
    """
    for transceiver in connection.getTransceivers():
        ice = GATHERER_CONNECTION.of(transceiver.receiver.transport.transport.iceGatherer)
        ice.get_component_candidates = functools.partial(ice.get_component_candidates, timeout=seconds)


async def hang_up(connection: RTCPeerConnection) -> None:
    """
    Close a peer connection with all that was started for it, whatever state it is in.

    aiortc closes what there is at the moment. What is connecting goes on for a few datagrams, and then starts tasks
    that nobody ends: one that asks a closed connection for consent, others that report on closed media. No upstream
    issue known.
    """
    transports: list[Any] = list(DTLS_TRANSPORTS.of(connection))
    paths: list[Any] = [each.transport for each in transports]
    try:
        await connection.close()
    except Exception:  # it stumbles over sections of a refused offer that it gave no transport
        log.info("A connection was closed piece by piece.", exc_info=True)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_SECONDS):
            for path in paths:
                await path.stop()
                if ICE_START.of(path) is not None:
                    await ICE_START.of(path).wait()
            while any(each.state in ("connecting", "connected") for each in transports):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    for path in paths:
        consent = QUERY_CONSENT.of(ICE_CONNECTION.of(path))
        if consent is not None:
            consent.cancel()
    for transceiver in connection.getTransceivers():
        with contextlib.suppress(TimeoutError, AttributeError):  # the latter for a section without transport
            async with asyncio.timeout(CLOSE_SECONDS):
                await transceiver.receiver.stop()
                await transceiver.sender.stop()

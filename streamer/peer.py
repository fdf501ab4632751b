"""One WebRTC peer connection with a camera at its far end, and the data channel beside the video."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import re
import secrets
from collections import deque
from collections.abc import Sequence
from typing import Any, cast

import av
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.exceptions import InvalidStateError, OperationError
from aiortc.mediastreams import MediaStreamError
from aiortc.sdp import SessionDescription, candidate_from_sdp

from streamer import sdp
from streamer.errors import BadRequest, TooLarge
from streamer.rtp import VideoReceiver

log = logging.getLogger(__name__)

GATHER_SECONDS = 2  # a STUN or TURN server that has not answered by then is left out of the answer
NAME_SECONDS = 3.0  # to look an mDNS name up; aioice gives up after one
CLOSE_SECONDS = 1.0  # for aioice to see that it was closed; it looks every 20 ms
MAX_CANDIDATES = 64  # of one far side; each is paired with each of ours and checked
CHANNEL = "results"  # the label of the data channel that speaks our messages
INBOX = 64  # messages of a data channel that wait to be read; one more and it is closed
_FINGERPRINT = re.compile(r"([0-9A-Fa-f]{2}:)+[0-9A-Fa-f]{2}")  # RFC 8122, section 5
HIGH_WATER = 256 * 1024  # bytes not yet sent on a data channel; above it sending waits, and results are dropped before


class Lost(Exception):
    """The connection gives no pictures any more; the message says why."""


class Peer:
    """
    One peer connection: the far side sends one video track, and may open the data channel ``results``.

    ``etag`` identifies its ICE session (RFC 9725, section 4.3.1). Everything of it ends with :meth:`close`.
    """

    def __init__(self, ice_servers: Sequence[str] = (), announce: Sequence[str] = ()) -> None:
        # An explicit list, be it empty: aiortc would else ask a public STUN server.
        servers = [RTCIceServer(*sdp.split_ice_server(server)) for server in ice_servers]
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        self._announce = announce
        self._track: MediaStreamTrack | None = None
        self._video: VideoReceiver | None = None
        self._named: list[sdp.Candidate] = []  # looked up by resolve(); bound: MAX_CANDIDATES
        self._candidates = 0
        self._ended = False  # the far side has no more candidates
        self._channel: asyncio.Future[Channel] = asyncio.get_running_loop().create_future()
        self._connection.on("datachannel", self._opened)
        self.etag = secrets.token_hex(8)
        self.ufrag: str | None = None

    async def answer(self, offer: str) -> str:
        """
        Take an SDP offer and return the SDP answer, with all our candidates in it.

        Raises BadRequest for what is no offer, has no video to send, or has no codec that we decode; TooLarge.
        """
        bare, ice = sdp.split_offer(offer)
        bare, profiles = sdp.allow_profiles(bare)
        self.ufrag = ice.ufrag
        try:
            _check_encryption(SessionDescription.parse(bare))
            await self._connection.setRemoteDescription(RTCSessionDescription(bare, "offer"))
            self._keep_one_video()
            self._bound_gathering()
            await self._connection.setLocalDescription(await self._connection.createAnswer())
        except BadRequest:
            raise
        except Exception as error:  # aiortc reads offers with asserts, indexes and its own errors; all mean this
            log.info("An offer was refused.", exc_info=True)
            raise BadRequest(
                f"The offer cannot be answered: {_reason(error)}.",
                detail="Send one bundled video track (VP8 or H.264, sendonly) and at most one data channel.",
            ) from error
        await self.add(ice)
        return sdp.dress_answer(self._connection.localDescription.sdp, self._announce, profiles)

    async def add(self, ice: sdp.Fragment) -> None:
        """Add candidates of the far side. Raises TooLarge past MAX_CANDIDATES."""
        if self._candidates + len(ice.candidates) > MAX_CANDIDATES:
            raise TooLarge(f"More than {MAX_CANDIDATES} ICE candidates for one connection.")
        self._candidates += len(ice.candidates)
        for candidate in ice.candidates:
            if candidate.named:
                self._named.append(candidate)
            else:
                await self._add(candidate)
        self._ended = self._ended or ice.end
        await self._end_candidates()

    async def resolve(self) -> None:
        """Look up the mDNS names that came so far (browsers hide local addresses behind them) and add what is found."""
        while self._named:
            candidate = self._named[0]
            try:
                async with asyncio.timeout(NAME_SECONDS):
                    await self._add(candidate)
            except (OSError, TimeoutError) as error:
                log.info("Candidate %s cannot be looked up: %s", candidate.host, _words(error))
            self._named.remove(candidate)
        await self._end_candidates()

    async def recv(self) -> tuple[av.VideoFrame, int | None]:
        """Wait for the next picture; return it with its packets' RTP timestamp. Raises Lost."""
        if self._track is None or self._video is None:
            raise Lost("no video was agreed on")
        try:
            picture = await self._track.recv()
        except MediaStreamError:
            raise Lost("the connection was closed") from None
        if not isinstance(picture, av.VideoFrame):
            raise Lost("something that is no picture arrived")
        return picture, self._video.rtp_timestamp(picture)

    @property
    def gap(self) -> int | None:
        """Where the pictures wait for a lost packet: a number for each such place, None where they do not."""
        return None if self._video is None else self._video.gap

    async def repair(self) -> None:
        """Ask again for the packets that were lost."""
        if self._video is not None:
            await self._video.request_packets()

    async def unstick(self) -> None:
        """Ask for a keyframe, and wait no longer for packets that were lost."""
        if self._video is None:
            return
        if self._video.gap is not None:
            self._video.forget_packets()
        await self._video.request_keyframe()

    def check(self) -> None:
        """Raise Lost when the connection is known to be down."""
        state = self._connection.connectionState
        if state == "failed" and self._connection.iceConnectionState == "failed" and not self._packets:
            raise Lost("no network path to the camera was found (ICE failed)")
        if state == "failed":
            raise Lost("the connection broke off" if self._packets else "the encryption handshake failed (DTLS)")
        if state == "closed":
            raise Lost("the connection was closed")

    @property
    def hint(self) -> str:
        """What stands in the way of the first picture."""
        if self._connection.iceConnectionState != "completed":
            return "no network path to the camera was found yet (ICE)"
        if not self._packets:
            return "connected, but no video packets came"
        return "video packets came, but no picture could be decoded"

    async def channel(self) -> Channel:
        """Wait until the far side opens the data channel ``results``."""
        return await asyncio.shield(self._channel)

    async def close(self) -> None:
        """Close the connection; cancelling this does not leave it half closed. Does nothing the second time."""
        self._channel.cancel()
        await asyncio.shield(hang_up(self._connection))

    @property
    def _packets(self) -> int:
        return self._video.packets if self._video is not None else 0

    def _opened(self, channel: RTCDataChannel) -> None:
        if channel.label == CHANNEL and not self._channel.done():
            self._channel.set_result(Channel(channel))

    def _keep_one_video(self) -> None:
        """Take the first video track that is sent; switch everything else off, for aiortc would queue it unread."""
        for transceiver in self._connection.getTransceivers():
            track = cast("MediaStreamTrack | None", transceiver.receiver.track)
            if transceiver.kind == "video" and track is not None and self._track is None:
                self._track = track
                self._video = VideoReceiver(transceiver.receiver)
            else:
                transceiver.direction = "inactive"
        if self._track is None:
            raise BadRequest("The offer sends no video.", detail="One video section must be sendonly or sendrecv.")

    def _bound_gathering(self) -> None:
        """Wait GATHER_SECONDS for STUN and TURN servers; aioice waits five by default."""
        for transceiver in self._connection.getTransceivers():
            ice: Any = transceiver.receiver.transport.transport.iceGatherer._connection
            ice.get_component_candidates = functools.partial(ice.get_component_candidates, timeout=GATHER_SECONDS)

    async def _add(self, candidate: sdp.Candidate) -> None:
        parsed = candidate_from_sdp(candidate.text)
        parsed.sdpMid, parsed.sdpMLineIndex = candidate.mid, candidate.index
        await self._connection.addIceCandidate(parsed)

    async def _end_candidates(self) -> None:
        if self._ended and not self._named:
            await self._connection.addIceCandidate(None)


async def hang_up(connection: RTCPeerConnection) -> None:
    """
    Close a peer connection with all that was started for it, whatever state it is in.

    aiortc 1.16 closes what there is at the moment. What is connecting goes on for a few datagrams, and then starts
    tasks that nobody ends: one that asks a closed connection for consent, others that report on closed media.
    """
    transports: list[Any] = list(connection._RTCPeerConnection__dtlsTransports)  # type: ignore[attr-defined]
    paths: list[Any] = [each.transport for each in transports]
    try:
        await connection.close()
    except Exception:  # it stumbles over sections of a refused offer that it gave no transport
        log.info("A connection was closed piece by piece.", exc_info=True)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_SECONDS):
            for path in paths:
                await path.stop()
                if path._RTCIceTransport__start is not None:
                    await path._RTCIceTransport__start.wait()
            while any(each.state in ("connecting", "connected") for each in transports):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    for path in paths:
        if path._connection._query_consent_task is not None:
            path._connection._query_consent_task.cancel()
    for transceiver in connection.getTransceivers():
        with contextlib.suppress(TimeoutError, AttributeError):  # the latter for a section without transport
            async with asyncio.timeout(CLOSE_SECONDS):
                await transceiver.receiver.stop()
                await transceiver.sender.stop()


class Channel:
    """A data channel in the shape of a small socket: text messages in and out, both sides bounded."""

    def __init__(self, channel: RTCDataChannel) -> None:
        self._channel = channel
        self._inbox: deque[str] = deque(maxlen=INBOX)
        self._news = asyncio.Event()
        self._drained = asyncio.Event()
        self._closed = False
        channel.bufferedAmountLowThreshold = HIGH_WATER // 2
        channel.on("bufferedamountlow", self._drained.set)
        channel.on("message", self._received)
        channel.on("close", self._ended)

    async def receive(self) -> str | None:
        """Wait for the next text message; None when the channel is closed."""
        while not self._inbox:
            if self._closed:
                return None
            self._news.clear()
            await self._news.wait()
        return self._inbox.popleft()

    async def send(self, message: str | bytes) -> bool:
        """Send a text or binary message, waiting while too much is on its way; False when the channel is closed."""
        while not self._closed and self._channel.bufferedAmount > HIGH_WATER:
            self._drained.clear()
            await self._drained.wait()
        if self._closed or self._channel.readyState != "open":
            return False
        self._channel.send(message)
        return True

    def close(self) -> None:
        """Close the channel; the connection goes on."""
        self._ended()
        self._channel.close()

    def _received(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            message = message.decode(errors="replace")
        if len(self._inbox) == INBOX:
            log.info("A data channel was closed: more than %d messages wait.", INBOX)
            self.close()
            return
        self._inbox.append(message)
        self._news.set()

    def _ended(self) -> None:
        self._closed = True
        self._news.set()
        self._drained.set()


def _check_encryption(offer: SessionDescription) -> None:
    """Every section says whose certificate to expect; aiortc finds out too late, in a task of its own."""
    for media in offer.media:
        if media.dtls is None or not media.dtls.fingerprints:
            raise BadRequest(f"The offer's {media.kind[:20]} section has no DTLS fingerprint.")
        if not all(_FINGERPRINT.fullmatch(each.value) for each in media.dtls.fingerprints):
            raise BadRequest(f"The offer's {media.kind[:20]} section has a malformed DTLS fingerprint.")


def _reason(error: Exception) -> str:
    """What aiortc found wrong with an offer, where it has words for it."""
    if isinstance(error, OperationError):
        return "it has no codec that is decoded here; VP8 and H.264 are"
    if isinstance(error, ValueError | InvalidStateError) and " " in str(error):
        return _words(error)
    return "it is malformed"


def _words(error: BaseException) -> str:
    return str(error).rstrip(".") or type(error).__name__

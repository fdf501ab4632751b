"""One WebRTC peer connection with a camera at its far end, and the data channel beside the video."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import cast

import av
from aiortc import MediaStreamTrack, RTCDataChannel
from aiortc.mediastreams import MediaStreamError

from streamer import sdp
from streamer.connection import Connection
from streamer.errors import BadRequest
from streamer.rtp import VideoReceiver

log = logging.getLogger(__name__)

CHANNEL = "results"  # the label of the data channel that speaks our messages
INBOX = 64  # messages of a data channel that wait to be read; one more and it is closed
HIGH_WATER = 256 * 1024  # bytes not yet sent on a data channel; above it sending waits, and results are dropped before


class Lost(Exception):
    """The connection gives no pictures any more; the message says why."""


class Peer(Connection):
    """One peer connection: the far side sends one video track, and may open the data channel ``results``."""

    wanted = "Send one bundled video track (VP8 or H.264, sendonly) and at most one data channel."
    no_codec = "it has no codec that is decoded here; VP8 and H.264 are"

    def __init__(self, ice_servers: Sequence[str] = (), announce: Sequence[str] = ()) -> None:
        super().__init__(ice_servers, announce)
        self._track: MediaStreamTrack | None = None
        self._video: VideoReceiver | None = None
        self._profiles = sdp.NO_PROFILES
        self._channel: asyncio.Future[Channel] = asyncio.get_running_loop().create_future()
        self._connection.on("datachannel", self._opened)

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
        """Close the connection and stop waiting for the data channel."""
        self._channel.cancel()
        await super().close()

    @property
    def _packets(self) -> int:
        return self._video.packets if self._video is not None else 0

    def _opened(self, channel: RTCDataChannel) -> None:
        if channel.label == CHANNEL and not self._channel.done():
            self._channel.set_result(Channel(channel))

    def _read(self, offer: str) -> str:
        read, self._profiles = sdp.allow_profiles(offer)
        return read

    def _dress(self, answer: str) -> str:
        return sdp.dress_answer(answer, self._announce, self._profiles)

    def _agree(self) -> None:
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

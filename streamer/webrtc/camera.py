"""One WebRTC peer connection with a camera at its far end, and the data channel beside the video."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from typing import cast

import av
from aiortc import MediaStreamTrack, RTCDataChannel
from aiortc.mediastreams import MediaStreamError
from aiortc.sdp import SessionDescription

from streamer.errors import BadRequest
from streamer.limits import MIN_MESSAGE
from streamer.sources import headers
from streamer.sources.headers import PictureTooLarge
from streamer.webrtc import sdp, simulcast
from streamer.webrtc.channel import Channel
from streamer.webrtc.connection import Connection
from streamer.webrtc.receiver import VideoReceiver

log = logging.getLogger(__name__)

CHANNEL = "results"  # the label of the data channel that speaks our messages


class Lost(Exception):
    """The connection gives no pictures any more; the message says why."""


class CameraConnection(Connection):
    """One peer connection: the far side sends one video track, and may open the data channel ``results``."""

    wanted = "Send one bundled video track (VP8 or H.264, sendonly, no simulcast) and at most one data channel."
    no_codec = "it has no codec that is decoded here; VP8 and H.264 are"

    def __init__(self, ice_servers: Sequence[str] = (), announce: Sequence[str] = ()) -> None:
        super().__init__(ice_servers, announce)
        self._track: MediaStreamTrack | None = None
        self._video: VideoReceiver | None = None
        self._offer = ""
        self._profiles = sdp.NO_PROFILES
        self._channel: asyncio.Future[Channel] = asyncio.get_running_loop().create_future()
        self._connection.on("datachannel", self._opened)

    async def recv(self) -> tuple[av.VideoFrame, int | None]:
        """Wait for the next picture; return it with its packets' RTP timestamp. Raises Lost."""
        if self._track is None or self._video is None:
            raise Lost("no video was agreed on")
        self._check_size()
        try:
            picture = await self._track.recv()
        except MediaStreamError:
            raise Lost("the connection was closed") from None
        if not isinstance(picture, av.VideoFrame):
            raise Lost("something that is not a picture arrived")
        self._check_size((picture.width, picture.height), picture.format)
        return picture, self._video.rtp_timestamp(picture)

    def received(self, rtp_timestamp: int | None) -> float | None:
        """When the first packet of a picture came (``time.monotonic()``); None where that is not known."""
        return None if self._video is None else self._video.received(rtp_timestamp)

    @property
    def late(self) -> int:
        """How many pictures were not decoded, because decoding was behind."""
        return 0 if self._video is None else self._video.late

    @property
    def payloads(self) -> int:
        """How many packets have come with a part of a picture in them."""
        return 0 if self._video is None else self._video.payloads

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
        """Raise Lost when the connection is known to be down, or to send what is not decoded here."""
        self._check_size()
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

    def _check_size(self, size: tuple[int, int] | None = None, form: av.VideoFormat | None = None) -> None:
        """Raise Lost for a picture of that size and form, and for one that was left out, over the limit."""
        size = self._video.too_large or size if self._video is not None else size
        try:
            headers.check(*size or (0, 0), form)
        except PictureTooLarge as error:
            raise Lost(f"it is not decoded here: {error}".removesuffix(".")) from None

    @property
    def _packets(self) -> int:
        return self._video.packets if self._video is not None else 0

    def _opened(self, channel: RTCDataChannel) -> None:
        if channel.label == CHANNEL and not self._channel.done():
            self._channel.set_result(Channel(channel))

    def _accept(self, offer: str, description: SessionDescription) -> str:
        if re.search(r"(?m)^a=ssrc-group:SIM ", offer):
            raise BadRequest("The offer sends several pictures in one video (a=ssrc-group:SIM).", detail=self.wanted)
        for media in description.media:
            if media.sctpCapabilities is not None and 0 < media.sctpCapabilities.maxMessageSize < MIN_MESSAGE:
                words = f"The offer's data channel takes {media.sctpCapabilities.maxMessageSize} bytes at once"
                raise BadRequest(f"{words}; at least {MIN_MESSAGE} are needed (a=max-message-size).")
        self._offer = offer
        read, self._profiles = sdp.allow_profiles(offer)
        return read

    def _dress(self, answer: str) -> str:
        answer = simulcast.answered(self._offer, answer)
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

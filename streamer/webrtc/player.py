"""One WebRTC peer connection with somebody who watches at its far end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import av
from aiortc import MediaStreamTrack, RTCRtpSender
from aiortc.mediastreams import MediaStreamError
from aiortc.sdp import SessionDescription

from streamer.errors import BadRequest
from streamer.latest import Closed
from streamer.video.viewers import Line
from streamer.webrtc import sdp
from streamer.webrtc.connection import Connection
from streamer.webrtc.patches import hear_keyframe_requests

log = logging.getLogger(__name__)

CONNECT = 30.0  # seconds from the answer to a connection


class Player(Connection):
    """
    One peer connection: we send one video track.

    It is VP8, which every browser decodes at every size and all of them share, and H.264 for who takes no VP8.
    """

    wanted = "Ask for one bundled video track (VP8 or H.264, recvonly)."
    no_codec = "its video has neither VP8 nor H.264 in packetization-mode 1, which are what is sent here"

    def __init__(self, line: Line, ice_servers: Sequence[str] = (), announce: Sequence[str] = ()) -> None:
        super().__init__(ice_servers, announce)
        self._connected, self._gone = asyncio.Event(), asyncio.Event()
        self._connection.on("connectionstatechange", self._changed)
        video = self._connection.addTransceiver(_Track(line), direction="sendonly")
        hear_keyframe_requests(video.sender, line.ask_for_keyframe)
        self._line, self._video = line, video
        self._profiles = sdp.NO_PROFILES

    async def live(self) -> None:
        """Until the far side is gone, or has not connected in time."""
        async with asyncio.TaskGroup() as tasks:
            names = tasks.create_task(self.resolve_all())
            try:
                async with asyncio.timeout(CONNECT):
                    await self._connected.wait()
                await self._gone.wait()
            except TimeoutError:
                log.info("Nobody came within %.0f s to watch what was asked for.", CONNECT)
            finally:
                names.cancel()

    def _changed(self) -> None:
        state = self._connection.connectionState
        if state in ("connected", "failed", "closed"):
            self._connected.set()
        if state in ("failed", "closed"):
            self._gone.set()

    def _accept(self, offer: str, description: SessionDescription) -> str:
        video = next(media for media in description.media if media.kind == "video")
        if video.direction not in ("recvonly", "sendrecv"):
            raise BadRequest(
                f"The offer's video is {video.direction}; to watch, it must be recvonly.", detail=self.wanted
            )
        if not any(codec.mimeType.lower() == "video/vp8" for codec in video.rtp.codecs):
            self._line.codec = "h264"
        sent = {"vp8": "video/VP8", "h264": "video/H264"}[self._line.codec]
        known = RTCRtpSender.getCapabilities("video").codecs
        self._video.setCodecPreferences([each for each in known if each.mimeType in (sent, "video/rtx")])
        read, self._profiles = sdp.allow_profiles(offer)
        return read

    def _agree(self) -> None:
        """Switch all but the video off."""
        for transceiver in self._connection.getTransceivers():
            if transceiver is not self._video:
                transceiver.direction = "inactive"

    def _dress(self, answer: str) -> str:
        return sdp.announced(sdp.with_profiles(answer, self._profiles), self._announce)


class _Track(MediaStreamTrack):
    """A line of encoded pictures as aiortc takes them."""

    kind = "video"

    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line

    async def recv(self) -> av.Packet[Any]:
        """The next encoded picture."""
        try:
            return await self._line.next()
        except Closed:
            raise MediaStreamError from None

"""A WHEP player for tests: a real aiortc peer that receives, and knows what it was shown."""

from __future__ import annotations

import asyncio
from typing import Any

import av
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCIceServer,
    RTCIceTransportPolicy,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)

from streamer.webrtc import patches


class Viewer:
    """Makes an offer, takes the answer, receives. ``codec`` is the only one it decodes."""

    def __init__(self, codec: str | None = None, *, audio: bool = False, relay: str | None = None) -> None:
        servers = [] if relay is None else [RTCIceServer(relay, "joe", "secret")]
        policy = RTCIceTransportPolicy.ALL if relay is None else RTCIceTransportPolicy.RELAY
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=servers, iceTransportPolicy=policy))
        if audio:
            self.connection.addTransceiver("audio", direction="recvonly")
        transceiver = self.connection.addTransceiver("video", direction="recvonly")
        if codec is not None:
            known = RTCRtpSender.getCapabilities("video").codecs
            transceiver.setCodecPreferences([each for each in known if each.mimeType == f"video/{codec}"])
        self.receiver = transceiver.receiver
        self.hung_up = asyncio.Event()
        self.connection.on("connectionstatechange", self._state_changed)

    async def offer(self) -> str:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def accept(self, answer: str) -> None:
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    @property
    def track(self) -> MediaStreamTrack:
        return self.receiver.track

    async def picture(self) -> av.VideoFrame:
        """The next picture."""
        frame = await self.track.recv()
        assert isinstance(frame, av.VideoFrame)
        return frame

    async def lose_picture(self) -> None:
        """Say that a picture could not be decoded."""
        streams: dict[int, Any] = patches.REMOTE_STREAMS.of(self.receiver)
        for ssrc in list(streams):
            await patches.SEND_PLI.of(self.receiver)(ssrc)

    async def close(self) -> None:
        await patches.hang_up(self.connection)

    def _state_changed(self) -> None:
        if self.connection.connectionState == "closed":
            self.hung_up.set()

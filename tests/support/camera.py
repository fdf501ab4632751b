"""A camera for tests: a real aiortc peer that sends pictures with their number in them, and knows what it sent."""

from __future__ import annotations

import asyncio
import itertools
import time
from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
    VideoStreamTrack,
)
from aiortc.mediastreams import MediaStreamError

from streamer.webrtc.patches import hang_up

BITS = 12
TICKS = 90000


def numbered(number: int, width: int = 320, height: int = 240) -> npt.NDArray[np.uint8]:
    """A grey picture whose upper third shows ``number`` as twelve black or white bars, most significant first."""
    picture = np.full((height, width, 3), 128, np.uint8)
    edges = np.linspace(0, width, BITS + 1).astype(int)
    for bit, (left, right) in enumerate(itertools.pairwise(edges)):
        picture[: height // 3, left:right] = 255 if number >> (BITS - 1 - bit) & 1 else 0
    return picture


def number_of(picture: npt.NDArray[np.uint8]) -> int:
    """Read the number back, whatever compression did to the picture."""
    height, width = picture.shape[:2]
    edges = np.linspace(0, width, BITS + 1).astype(int)
    bars = [picture[: height // 3, left:right].mean() > 127 for left, right in itertools.pairwise(edges)]
    return int("".join(str(int(bar)) for bar in bars), 2)


class NumberedTrack(MediaStreamTrack):
    """Numbered pictures at a steady rate."""

    kind = "video"

    def __init__(self, fps: float = 30, width: int = 320, height: int = 240, first: int = 0) -> None:
        super().__init__()
        self.size = (width, height)
        self.number = first
        self.running = asyncio.Event()  # cleared: no picture leaves, the track lives on
        self.running.set()
        self.stepping: float = TICKS / fps
        self._due = 0.0

    async def recv(self) -> av.VideoFrame:
        if self.readyState != "live":
            raise MediaStreamError
        now = time.monotonic()
        self._due = max(self._due + self.stepping / TICKS, now - 0.1)
        await asyncio.sleep(max(0.0, self._due - now))
        await self.running.wait()
        frame = av.VideoFrame.from_ndarray(numbered(self.number, *self.size), format="rgb24")
        frame.pts = int(self.number * self.stepping)
        frame.time_base = Fraction(1, TICKS)
        self.number += 1
        return frame


class Camera:
    """A WHIP client's media side: makes an offer, takes the answer, sends."""

    def __init__(
        self,
        codec: str | None = None,
        *,
        audio: bool = False,
        channel: bool = False,
        track: NumberedTrack | None = None,
    ) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.track = track or NumberedTrack()
        self.timestamps: list[int] = []  # of the RTP packets that left, each once, in order
        self.lose = False  # while set, no RTP packet leaves
        self.channel = self.connection.createDataChannel("results") if channel else None
        self.messages: asyncio.Queue[str] = asyncio.Queue()
        self.opened, self.closed = asyncio.Event(), asyncio.Event()  # the channel
        if self.channel is not None:
            self.channel.on("message", self.messages.put_nowait)
            self.channel.on("open", self.opened.set)
            self.channel.on("close", self.closed.set)
        self.hung_up = asyncio.Event()  # the connection is closed, by whomever
        self.connection.on("connectionstatechange", self._state_changed)
        transceiver = self.connection.addTransceiver(self.track, direction="sendonly")
        if codec is not None:
            known = RTCRtpSender.getCapabilities("video").codecs
            transceiver.setCodecPreferences([each for each in known if each.mimeType == f"video/{codec}"])
        if audio:
            self.connection.addTransceiver("audio", direction="sendrecv")
        self.sender = transceiver.sender

    async def offer(self) -> str:
        """Gather and return the offer."""
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def accept(self, answer: str) -> None:
        """Take the answer and start sending."""
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        send = self.sender.transport._send_rtp

        async def watched(data: bytes) -> None:
            rtcp = 200 <= data[1] <= 206
            if not rtcp:
                if self.lose:
                    return
                timestamp = int.from_bytes(data[4:8], "big")
                if not self.timestamps or 0 < (timestamp - self.timestamps[-1]) % 2**32 < 2**31:  # no repair
                    self.timestamps.append(timestamp)
            await send(data)

        self.sender.transport._send_rtp = watched  # type: ignore[method-assign]

    def _state_changed(self) -> None:
        if self.connection.connectionState == "closed":
            self.hung_up.set()

    async def vanish(self) -> None:
        """Stop sending without a word, as when the network is gone: nothing reaches the server any more."""
        ice = self.sender.transport.transport

        async def nothing(data: bytes) -> None:
            return

        ice._send = nothing
        for protocol in ice._connection._protocols:
            protocol.transport.close()

    async def close(self) -> None:
        self.track.stop()
        await hang_up(self.connection)


def silent_camera() -> RTCPeerConnection:
    """A peer whose offer only receives."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connection.addTransceiver("video", direction="recvonly")
    return connection


__all__ = ["Camera", "NumberedTrack", "VideoStreamTrack", "number_of", "numbered", "silent_camera"]

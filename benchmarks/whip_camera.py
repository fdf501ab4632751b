"""
A WHIP camera in a process of its own: ``python -m benchmarks.whip_camera URL FILE``.

Plays a file at its own speed over WebRTC (aiortc, VP8), prints the Location it was given, and goes on until its
standard input is closed.
"""

from __future__ import annotations

import asyncio
import sys
import time
from fractions import Fraction
from urllib.parse import urlsplit

import av
import httpx
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

CLOCK = 90_000  # RTP ticks a second


class FileTrack(MediaStreamTrack):
    """The pictures of a file, decoded when they are due."""

    kind = "video"

    def __init__(self, path: str) -> None:
        super().__init__()
        self._container = av.open(path)
        self._container.streams.video[0].codec_context.thread_count = 1
        self._frames = self._container.decode(video=0)
        self._began: float | None = None

    async def recv(self) -> av.VideoFrame:
        """Wait until the next picture is due and give it."""
        frame = next(self._frames, None)
        if frame is None:
            raise MediaStreamError
        if self._began is None:
            self._began = time.monotonic()
        await asyncio.sleep(max(0.0, self._began + (frame.time or 0.0) - time.monotonic()))
        frame.pts, frame.time_base = round((frame.time or 0.0) * CLOCK), Fraction(1, CLOCK)
        return frame


async def publish(url: str, path: str) -> None:
    """Offer, take the answer, send until standard input closes."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connection.addTransceiver(FileTrack(path), direction="sendonly")
    await connection.setLocalDescription(await connection.createOffer())
    async with httpx.AsyncClient(timeout=30) as http:
        offer = connection.localDescription.sdp
        answer = await http.post(url, content=offer, headers={"content-type": "application/sdp"})
        answer.raise_for_status()
        await connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        print(answer.headers["location"], flush=True)
        await asyncio.to_thread(sys.stdin.read)
        parts = urlsplit(url)
        await http.delete(f"{parts.scheme}://{parts.netloc}{urlsplit(answer.headers['location']).path}")
    await connection.close()


if __name__ == "__main__":
    asyncio.run(publish(*sys.argv[1:3]))

"""
A WHIP camera in a process of its own: ``python -m benchmarks.whip_camera URL FILE``.

Plays a file at its own speed over WebRTC (aiortc, VP8), prints the Location it was given, and goes on until its
standard input is closed.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from urllib.parse import urlsplit

import av
import httpx
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
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


def unchanged(text: str) -> str:
    """A description as it is: nothing stands between the camera and the server."""
    return text


async def publish(
    url: str,
    track: MediaStreamTrack,
    *,
    there: Callable[[str], str] = unchanged,
    back: Callable[[str], str] = unchanged,
    watch: Callable[[RTCRtpSender], None] | None = None,
) -> None:
    """
    Offer, take the answer, send until standard input closes.

    ``there`` and ``back`` rewrite the offer and the answer on their way; ``watch`` is given the sender before it sends.
    """
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    sender = connection.addTransceiver(track, direction="sendonly").sender
    await connection.setLocalDescription(await connection.createOffer())
    async with httpx.AsyncClient(timeout=30) as http:
        offer = there(connection.localDescription.sdp)
        answer = await http.post(url, content=offer, headers={"content-type": "application/sdp"})
        answer.raise_for_status()
        await connection.setRemoteDescription(RTCSessionDescription(back(answer.text), "answer"))
        if watch is not None:
            watch(sender)
        print(answer.headers["location"], flush=True)
        await asyncio.to_thread(sys.stdin.read)
        parts = urlsplit(url)
        await http.delete(f"{parts.scheme}://{parts.netloc}{urlsplit(answer.headers['location']).path}")
    await connection.close()


if __name__ == "__main__":
    asyncio.run(publish(sys.argv[1], FileTrack(sys.argv[2])))

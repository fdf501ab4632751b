"""
What sixteen sessions of the largest picture that the server takes cost in memory.

``python -m benchmarks.large_pictures`` makes a video of 7680×4320, starts the real server, and lets sixteen sessions
play it: half of them as a recording, of which every frame is looked at, half as a camera, of which every frame is
presented. Each has a reader that is sent its pictures. It prints the most that the server held, as the system counts
it, and how many pictures a session that is. docs/operations.md says what to expect.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import httpx
import numpy as np
import psutil
import websockets
from av.video.stream import VideoStream

from benchmarks.first_light import machine, table
from benchmarks.watching import Server

FPS = 10
DRAWN = 6  # different pictures; the film repeats them
FRAMES = 600  # of a film: a minute
HEAD = (
    *("sessions", "before MB", "most MB", "MB a session", "pictures a session", "presenting MB", "afterwards MB"),
    "results of one",
)


@dataclass(frozen=True, slots=True)
class Film:
    """How it is encoded: FFmpeg's names of an encoder and of a form of pixels, and what a decoder must keep."""

    encoder: str = "libx264"
    pixels: str = "yuv420p"
    references: int = 3  # what x264 takes by itself
    width: int = 7680
    height: int = 4320

    @property
    def megabytes(self) -> float:
        """Of one picture, as the decoder gives it."""
        planes = av.VideoFrame(self.width, self.height, self.pixels).planes
        return sum(plane.buffer_size for plane in planes) / 1e6


def drawn(film: Film) -> Iterator[av.VideoFrame]:
    """A bright square that crosses a dark picture."""
    side = film.height // 4
    for index in range(DRAWN):
        picture = np.full((film.height, film.width, 3), 40, np.uint8)
        left = index * (film.width - side) // DRAWN
        picture[side : 2 * side, left : left + side] = (220, 40, 40)
        yield av.VideoFrame.from_ndarray(picture, format="rgb24")


def record(path: Path, film: Film, frames: int = FRAMES) -> None:
    """Encode some pictures, and write them over and over until there are ``frames``."""
    with av.open(path, "w") as container:
        stream = cast(VideoStream, container.add_stream(film.encoder, rate=FPS))
        stream.width, stream.height, stream.pix_fmt = film.width, film.height, film.pixels
        if film.encoder == "libx264":
            stream.options = {"preset": "ultrafast", "x264-params": f"ref={film.references}:bframes=0:threads=1"}
        stream.codec_context.gop_size = DRAWN
        stream.codec_context.thread_count = 1
        encoded: list[av.Packet[VideoStream]] = []
        for index, picture in enumerate(drawn(film)):
            picture.pts, picture.time_base = index, Fraction(1, FPS)
            encoded += stream.encode(picture)
        encoded += stream.encode(None)
        for index in range(frames):
            one = encoded[index % len(encoded)]
            packet = av.Packet(bytes(one))
            packet.is_keyframe = one.is_keyframe
            packet.stream, packet.time_base = stream, Fraction(1, FPS)
            packet.pts = packet.dts = index
            container.mux(packet)


def resident(pid: int, what: str = "VmRSS") -> float:
    """Megabytes; with ``VmHWM`` the most there ever were. Linux."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(what):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


async def read(address: str, session: str) -> int:
    """Read results with their pictures until the session has ended; how many."""
    results = 0
    async with websockets.connect(f"ws://{address}/sessions/{session}/results?pictures=1", max_size=None) as reader:
        async for message in reader:
            results += isinstance(message, bytes)  # a picture, which goes before its result
    return results


async def measure(server: Server, path: Path, sessions: int, seconds: float, film: Film) -> list[str]:
    """Play it so often at once, for so long; a line of the table."""
    pid = server.process.pid
    before, presenting = resident(pid), 0.0
    sources = [f"{path}?pace={'realtime' if index % 2 else 'every'}" for index in range(sessions)]
    ids = [await server.pull(source) for source in sources]
    readers = [asyncio.create_task(read(server.address, each)) for each in ids]
    until = time.monotonic() + seconds
    while time.monotonic() < until and not all(reader.done() for reader in readers):
        with suppress(psutil.Error):
            presenting = max(presenting, sum(resident(each.pid) for each in server.process.children()))
        await asyncio.sleep(0.25)
    async with httpx.AsyncClient(base_url=f"http://{server.address}", timeout=60) as http:
        for each in ids:
            await http.delete(f"/sessions/{each}")
    results = await asyncio.gather(*readers, return_exceptions=True)
    await asyncio.sleep(3)
    most = resident(pid, "VmHWM")
    each_one = (most - before) / sessions
    told = [result for result in results if isinstance(result, int)]
    figures = (before, most, each_one)
    return [
        str(sessions),
        *(f"{figure:.0f}" for figure in figures),
        f"{each_one / film.megabytes:.1f}",
        f"{presenting:.0f}",
        f"{resident(pid):.0f}",
        f"{min(told, default=0)} to {max(told, default=0)}",
    ]


async def main() -> None:
    """Make the film, play it, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=90.0)
    parser.add_argument("--encoder", default="libx264", help="FFmpeg's name of it, such as mjpeg")
    parser.add_argument("--pixels", default="yuv420p", help="FFmpeg's name of a form of pixels, such as yuv444p10le")
    parser.add_argument("--references", type=int, default=3, help="pictures that a decoder of H.264 must keep")
    given = parser.parse_args()
    film = Film(given.encoder, given.pixels, given.references)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.mkv"
        record(path, film)
        settings = {"STREAMER_MAX_SESSIONS": str(given.sessions)}
        async with Server.running(settings=settings) as server:
            row = await measure(server, path, given.sessions, given.seconds, film)
    print(f"{machine()}; {film}; a picture has {film.megabytes:.0f} MB")
    print(table(HEAD, [row]))


if __name__ == "__main__":
    asyncio.run(main())

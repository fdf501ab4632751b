"""
Glass to mask: how long from the moment a camera has a picture until a reader has its masks, and where that time goes.

``python -m benchmarks.latency`` starts the real server in a process of its own for each row and shows it a recorded
world (30 fps, three objects, one prompt) through WebRTC, RTSP and from a file. Each picture has its number drawn into
it; the camera notes when it hands that picture to its encoder, the server (``benchmarks.latency_server``) reads the
number out of the frame whose result it tells, and this process, which reads the results over a WebSocket, notes when
they come. All of them use the one monotonic clock of this machine, and share its cores. A file has no camera: its
pictures begin when its own clock makes them due (``?pace=realtime``), counted from the one that came soonest after
that.

Every frame is presented: it has the masks of the newest look, moved along with the picture. ``--present looked`` takes
the other way, on which only what the model looked at has a result. The first table is the whole way, and how old the
look was that a result is told with (from the arrival of the frame that was looked at); the second says what share of
the mean each stage has, from left to right:

| stage | is |
|---|---|
| encode | from the camera's picture to the last packet that leaves its encoder |
| network | on its way, and in the jitter buffer until all packets are there; for RTSP and a file decoding is in it |
| decode | until the picture is there |
| wait | in the slot: until the frame before has been presented; or until the model takes it, half a step on average |
| present | the motion from the frame before, the masks moved along, and their run lengths |
| convert, embed, detect, refine, masks | of ``--present looked``: the step; ``masks`` is run lengths out of logits |
| other | the rest of the step: comparing, settling, remembering, keeping, and the way to the model's thread and back |
| publish | until the message is written; with *present* the way back from its thread is in it |
| delivery | until the reader has it |

The third table is one camera over WebRTC through a bad network: a relay that loses datagrams at random, and adds the
delay, both each way, so that a delay of 40 ms is a round trip of 80. The WebSocket does not go through it. *Decoded* is
the share of the sent pictures that the server could decode, *with a result* that which has one (what there is no time
for is dropped), *broken* those whose number nobody can read any more, *stalls* the gaps of more than a second between
two results, with the longest gap; a model that takes that long has them too where only looked-at frames have results,
so compare with the line of 0 % loss.

The network is not Linux's own (``tc netem``), since many kernels come without it.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from fractions import Fraction
from pathlib import Path
from typing import get_args

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

import av
import cv2
import numpy as np
import numpy.typing as npt
import websockets

from benchmarks.first_light import OBJECTS, SEED, judged, machine
from benchmarks.latency_figures import FPS, MARGIN, Case, Trace, bars, figures, report
from benchmarks.numbered import LAST, strip
from benchmarks.support import debian
from benchmarks.support.relay import Relay
from benchmarks.support.rtsp import free_port
from benchmarks.watching import PROMPT, Server, saying
from streamer.choices import Present
from tracker.worlds import worlds

SIZES = {"480p": (640, 480), "720p": (1280, 720), "1080p": (1920, 1080)}
SOURCES = ("webrtc", "rtsp", "file")
SCENES = 60  # pictures, shown forth and back
WARM_UP = 4.0  # seconds left out at the start: first keyframes, caches, the encoder's first guess of the bandwidth
MOST = LAST / FPS - 20.0  # seconds: numbers end


class Stage:
    """What the cameras show: a world at each size, in files that they read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def scenes(self, size: str) -> Path:
        """I420 pictures one behind the other; made when first asked for."""
        path = self.folder / f"{size}.yuv"
        if not path.exists():
            width, height = SIZES[size]
            half = (width // 2, height // 2) if width > 640 else (width, height)  # drawing takes long
            world = worlds.Video(SEED, *half, fps=FPS, objects=(OBJECTS, OBJECTS))
            forth = [_i420(drawn.image, width, height) for drawn in itertools.islice(world, SCENES // 2 + 1)]
            path.write_bytes(b"".join(picture.tobytes() for picture in [*forth, *forth[-2:0:-1]]))
        return path

    def film(self, size: str, seconds: float) -> Path:
        """The same as a recording."""
        (width, height), path = SIZES[size], self.folder / f"{size}.mp4"
        pictures = np.memmap(self.scenes(size), np.uint8, "r").reshape(-1, height * 3 // 2, width)
        with av.open(path, "w") as container:
            options = {"preset": "ultrafast", "tune": "zerolatency", "crf": "23"}
            stream = container.add_stream("libx264", rate=FPS, options=options)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.codec_context.thread_count = 1
            for number in range(min(LAST, round(seconds * FPS))):
                picture = np.array(pictures[number % len(pictures)])
                top = np.frombuffer(strip(number, width, height), np.uint8)
                picture.reshape(-1)[: len(top)] = top
                frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
                frame.pts, frame.time_base = number, Fraction(1, FPS)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path


def _i420(rgb: npt.NDArray[np.uint8], width: int, height: int) -> npt.NDArray[np.uint8]:
    large = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.cvtColor(large, cv2.COLOR_RGB2YUV_I420), np.uint8)


async def measure(
    case: Case, stage: Stage, seconds: float, warm_up: float = WARM_UP, *, present: Present = "frames"
) -> Trace:
    """Show the server one camera for so long, and gather what everybody noted."""
    program, settings = "benchmarks.latency_server", {"STREAMER_PRESENT": present}
    trace = Trace()
    with tempfile.TemporaryDirectory() as folder:
        camera, server = Path(folder) / "camera", Path(folder) / "server"
        camera.touch()
        async with AsyncExitStack() as stack:
            running = await stack.enter_async_context(Server.running(program, str(server), settings=settings))
            session = await stack.enter_async_context(showing(case, stage, running, camera, seconds + warm_up))
            address = f"ws://{running.address}/sessions/{session}/results"
            reader = await stack.enter_async_context(websockets.connect(address, max_size=None))
            await _read(reader, trace, seconds, warm_up)
        trace.read_camera(camera.read_text().splitlines(keepends=True))
        trace.read_server(server.read_text().splitlines(keepends=True))
    if case.source == "file" and trace.frames:
        trace.play()
    return trace


async def _read(reader: websockets.ClientConnection, trace: Trace, seconds: float, warm_up: float) -> None:
    """Note when each result comes. The window begins with the first after warming up, and ends by the clock."""
    async with asyncio.timeout(60):
        while json.loads(await reader.recv())["type"] != "result":
            pass
    begin = time.monotonic() + warm_up
    trace.window = (begin, begin + seconds)
    try:
        async with asyncio.timeout(warm_up + seconds):
            async for text in reader:
                now = time.monotonic()
                message = json.loads(text)
                if message["type"] == "result" and (index := message["frame"]["index"]) not in trace.received:
                    trace.received[index] = now
                    if (look := message["looked_at"]) is not None:
                        trace.looks[index] = look["age_ms"]
    except TimeoutError:
        return
    raise RuntimeError("the session ended before its time")


@asynccontextmanager
async def showing(case: Case, stage: Stage, server: Server, trace: Path, seconds: float) -> AsyncIterator[str]:
    """A camera in a process of its own; gives the session's id."""
    pictures = [*map(str, SIZES[case.size]), str(FPS), str(stage.scenes(case.size)), str(trace)]
    if case.source == "file":
        # The film is longer than it is watched: the server may take a while to look at its first picture.
        yield await server.pull(f"{stage.film(case.size, seconds + 15)}?pace=realtime")
    elif case.source == "rtsp":
        port = free_port()
        async with saying(debian.gstreamer(), "-m", "benchmarks.latency_rtsp", str(port), *pictures):
            yield await server.pull(f"rtsp://127.0.0.1:{port}/cam")
    else:
        async with AsyncExitStack() as stack:
            ports: tuple[int, ...] = ()
            if case.relayed:
                dice, loss = random.Random(SEED), case.loss / 100  # noqa: S311 (no secret)
                bad = Relay.running(lambda data: dice.random() < loss, case.delay / 1000)
                ports = (await stack.enter_async_context(bad)).ports
            command = [sys.executable, "-m", "benchmarks.latency_camera"]
            address = f"http://{server.address}/whip?prompt={PROMPT}"
            location = await stack.enter_async_context(saying(*command, address, *pictures, *map(str, ports)))
            yield location.rpartition("/")[2]


def cases(sources: Sequence[str], sizes: Sequence[str], losses: Sequence[float], delays: Sequence[float]) -> list[Case]:
    """All rows, the bad networks last, at the smallest size asked for."""
    quiet = [Case(source, size) for source in sources for size in sizes]
    bad = [Case("webrtc", sizes[0], loss, delay, relayed=True) for delay in delays for loss in losses]
    return quiet + bad


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", nargs="*", choices=SOURCES, default=SOURCES)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument(
        "--loss", nargs="*", type=float, default=[0, 1, 5], metavar="PERCENT", help="of the bad networks"
    )
    parser.add_argument("--delay", nargs="*", type=float, default=[40, 150], metavar="MS", help="none: no bad networks")
    parser.add_argument(
        "--seconds", type=float, default=10.0, help=f"for each row, after warming up; at most {MOST:.0f}"
    )
    parser.add_argument("--cores", type=int, default=2, help="the first so many cores are used, by all that takes part")
    parser.add_argument(
        "--present", choices=get_args(Present), default="frames", help="which frames have results, as of the server"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    given = parser.parse_args()
    if not 2 * MARGIN <= given.seconds <= MOST:
        parser.error(f"--seconds is {given.seconds:g}; it must be from {2 * MARGIN:g} to {MOST:.0f}")
    if any(not 0 <= loss < 100 for loss in given.loss) or any(not 0 <= delay <= 1000 for delay in given.delay):
        parser.error("--loss must be from 0 to under 100 percent, --delay from 0 to 1000 ms")
    return given


async def main() -> None:
    """Measure and print."""
    given = options()
    os.sched_setaffinity(0, list(itertools.islice(sorted(os.sched_getaffinity(0)), given.cores)))
    where = f"{machine()}; load before: {os.getloadavg()[0]:.1f}"
    print(where, file=sys.stderr if given.json else sys.stdout, flush=True)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder))
        for case in cases(given.sources, given.sizes, given.loss, given.delay):
            found.append(figures(case, await measure(case, stage, given.seconds, present=given.present)))
            print(report(found[-1:]), file=sys.stderr, flush=True)
    if given.json:
        print(json.dumps({"machine": where, "rows": [each.data() for each in found]}, indent=1))
    else:
        print(f"\n{report(found)}")
        if given.present == "frames" and (aims := bars(found)):
            print(f"\n{judged(aims)}")


if __name__ == "__main__":
    asyncio.run(main())

"""Recorded worlds to play to the server, in benchmarks and in tests."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import cast

import av
from av.video.stream import VideoStream

from tracker.worlds import worlds
from tracker.worlds.bodies import Body

# As cameras send H.264: without B-frames, each picture complete when its packet is.
_CAMERA = {"libx264": {"preset": "veryfast", "tune": "zerolatency", "crf": "20"}}


def record(
    path: Path,
    frames: int,
    *,
    seed: int = 1,
    objects: int = 2,
    fps: int = 15,
    size: tuple[int, int] = (320, 240),
    codec: str = "libx264",
    script: Callable[[worlds.Video], list[Body]] | None = None,
) -> Path:
    """
    Draw a world with so many objects, or those of a script, into a file; its name's ending is the container.

    There is a keyframe each second.
    """
    world = worlds.Video(seed, *size, fps=fps, objects=(objects, objects), script=script)
    options = {"movflags": "+faststart"} if path.suffix == ".mp4" else {}  # not every web server lets clients seek
    with av.open(path, "w", options=options) as container:
        stream = cast(VideoStream, container.add_stream(codec, rate=fps, options=_CAMERA.get(codec, {})))
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = fps
        stream.codec_context.max_b_frames = 0
        stream.codec_context.thread_count = 1
        for drawn in islice(world, frames):
            frame = av.VideoFrame.from_ndarray(drawn.image, format="rgb24")
            frame.pts, frame.time_base = drawn.index, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path

"""A recorded world to play to the server: the same pictures for every door."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice
from pathlib import Path

import av

from tracker.nano import worlds

FPS = 30


def record(path: Path, seconds: float, *, seed: int, objects: int, width: int = 640, height: int = 480) -> Path:
    """Write a world with so many objects as H.264 without B-frames, a keyframe each second, as cameras send it."""
    world = worlds.Video(seed, width, height, fps=FPS, objects=(objects, objects))
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "veryfast", "tune": "zerolatency", "bf": "0", "g": str(FPS), "crf": "20"}
        stream.codec_context.thread_count = 1
        for drawn in islice(world, round(seconds * FPS)):
            frame = av.VideoFrame.from_ndarray(drawn.image, format="rgb24")
            frame.pts, frame.time_base = drawn.index, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path

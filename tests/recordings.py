"""Recordings of synthetic worlds, made when a test asks for them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import cast

import av
from av.video.stream import VideoStream

from tracker.nano import worlds


def record(
    path: Path, frames: int, *, fps: int = 15, size: tuple[int, int] = (320, 240), codec: str = "libx264", seed: int = 1
) -> Path:
    """Draw a world into a file; a keyframe every second."""
    world = worlds.Video(seed, *size, fps=fps, objects=(2, 2))
    with av.open(str(path), "w") as container:
        stream = cast(VideoStream, container.add_stream(codec, rate=fps))
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, fps)
        stream.codec_context.gop_size = fps
        stream.codec_context.max_b_frames = 0
        stream.codec_context.thread_count = 1
        for index in range(frames):
            picture = av.VideoFrame.from_ndarray(world.next().image, format="rgb24")
            picture.pts, picture.time_base = index, Fraction(1, fps)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path

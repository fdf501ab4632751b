"""
Blur a concept, for privacy: writes a video in which every object of it is blurred inside its mask.

    python examples/blur_concept.py rtsp://user:password@192.0.2.10/stream1 --concept person --out blurred.mp4
    python examples/blur_concept.py demo: --concept circle --seconds 10

Each picture comes with the masks of that very picture. A frame that could not be looked at is left out, and so are
those of a scene that was not looked at yet. Between two looks masks are moved along, so an object that comes in is
blurred from the look on that finds it: a server started with `--present looked` gives looked-at frames alone. What the
model does not find is not blurred: look at the video before you publish it.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from fractions import Fraction

import av
import cv2
import numpy as np
import numpy.typing as npt

from streamer.client import Client, ClientError, Result

GROW = 4  # pixels that a mask is grown by at each side, so that no edge shows
MILLISECOND = Fraction(1, 1000)
STRENGTH = 0.04  # standard deviation of the blur, as a share of the picture's width


def main() -> None:
    """Write the video until the camera ends, or time is up."""
    parser = argparse.ArgumentParser(description="Write a video in which a concept is blurred.")
    parser.add_argument("source", nargs="?", default="demo:", help="the camera's address")
    parser.add_argument("--concept", default="person")
    parser.add_argument("--out", default="blurred.mp4", help="the video to write")
    parser.add_argument("--server", default="http://localhost:8000")
    parser.add_argument("--key", help="API key, if the server has keys")
    parser.add_argument("--seconds", type=float, help="stop after so many seconds")
    args = parser.parse_args()
    began = time.monotonic()
    with (
        contextlib.suppress(KeyboardInterrupt),  # Ctrl+C ends the session and finishes the video
        Client(args.server, api_key=args.key) as client,
        client.start(args.source, args.concept, pictures=True) as session,
        av.open(args.out, "w") as file,
    ):
        video = file.add_stream("libx264", rate=30, options={"crf": "18", "tune": "zerolatency"})
        video.codec_context.time_base = MILLISECOND
        for result in session.results(seconds=args.seconds):
            if result.picture is not None and result.looked_at is not None:
                picture = blurred(result.picture.rgb(), result)
                if not video.codec_context.is_open:
                    video.height, video.width = (side // 2 * 2 for side in picture.shape[:2])  # H.264 wants even ones
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = int((time.monotonic() - began) * 1000), MILLISECOND
                file.mux(video.encode(frame))
        print(f"The session is {session.state}. {session.reason}", file=sys.stderr)
    print(f"The video is {args.out}.")


def blurred(picture: npt.NDArray[np.uint8], result: Result) -> npt.NDArray[np.uint8]:
    """The picture (height, width, 3) with everything blurred that the result's masks cover."""
    covered = np.zeros(picture.shape[:2], np.uint8)
    for thing in result.objects:
        covered |= thing.mask.dense().view(np.uint8)
    covered = cv2.dilate(covered, np.ones((2 * GROW + 1, 2 * GROW + 1), np.uint8)).astype(np.uint8)
    soft = cv2.GaussianBlur(picture, (0, 0), STRENGTH * picture.shape[1])
    return np.where(covered[..., None] > 0, soft, picture).astype(np.uint8)


if __name__ == "__main__":
    try:
        main()
    except ClientError as error:
        sys.exit(str(error))

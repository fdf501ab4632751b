"""
Publish a file or a camera to the server by WHIP, with the FFmpeg that PyAV brings.

    python examples/publish_with_ffmpeg.py street.mp4 --prompt "red circle"
    python examples/publish_with_ffmpeg.py /dev/video0 --format v4l2 --prompt star

docs/protocols.md has the line for the program ffmpeg (from version 8 on), and for GStreamer. In OBS:
Settings, Stream: Service "WHIP", Server "http://localhost:8000/whip?prompt=red+circle", Bearer Token the API key.
Settings, Output, Output Mode "Advanced": an H.264 encoder, Keyframe Interval 1 s, Profile baseline, Tune zerolatency
(x264) or no B-frames (others). Then Start Streaming.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from urllib.parse import urlencode

import av

ENCODER = {"profile": "baseline", "preset": "veryfast", "tune": "zerolatency", "g": "30"}  # for live video: no B-frames
CLOCK = Fraction(1, 90_000)  # seconds, RTP's for video


def main() -> None:
    """Encode and send until the source ends, or time is up; a file is played by its own clock."""
    parser = argparse.ArgumentParser(description="Publish a file or a camera by WHIP.")
    parser.add_argument("source", help="a file's path or address, or a camera's device")
    parser.add_argument("--format", help="FFmpeg's input format: v4l2 for a camera on Linux, avfoundation on a Mac")
    parser.add_argument("--prompt", action="append", help="what to look for; may be given several times")
    parser.add_argument("--server", default="http://localhost:8000")
    parser.add_argument("--key", help="API key, if the server has keys")
    parser.add_argument("--seconds", type=float, help="stop after so many seconds")
    args = parser.parse_args()
    address = f"{args.server}/whip?{urlencode({'prompt': args.prompt or ['person']}, doseq=True)}"
    with tempfile.TemporaryDirectory() as folder, av.open(args.source, format=args.format) as source:
        options = certificate(Path(folder)) | ({"authorization": args.key} if args.key else {})
        with av.open(address, "w", format="whip", options=options) as target:
            print(f"Publishing to {address}. Ctrl+C stops it.", flush=True)
            send(source, target, args.seconds)


def send(source: av.container.InputContainer, target: av.container.OutputContainer, limit: float | None) -> None:
    """Encode and send each frame at its time; ``limit`` in seconds."""
    camera = source.streams.video[0]
    video = target.add_stream("libx264", rate=30, options=ENCODER)
    video.width, video.height = camera.width // 2 * 2, camera.height // 2 * 2  # H.264 wants even ones
    began, first = time.monotonic(), None
    for frame in source.decode(camera):
        first = frame.time or 0.0 if first is None else first
        seconds = (frame.time or 0.0) - first
        if limit is not None and seconds > limit:
            break
        time.sleep(max(0.0, began + seconds - time.monotonic()))
        frame = frame.reformat(video.width, video.height, "yuv420p")
        frame.pts, frame.time_base = int(seconds / CLOCK), CLOCK
        target.mux(video.encode(frame))


def certificate(folder: Path) -> dict[str, str]:
    """A certificate with a P-256 key: the one that FFmpeg before March 2026 makes itself is refused by OpenSSL."""
    key, cert = str(folder / "key.pem"), str(folder / "cert.pem")
    kind = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=camera -days 365"
    subprocess.run(
        ["openssl", "req", "-x509", *kind.split(), "-keyout", key, "-out", cert], check=True, capture_output=True
    )
    return {"cert_file": cert, "key_file": key}


if __name__ == "__main__":
    try:
        main()
    except (av.FFmpegError, OSError) as error:
        sys.exit(f"Publishing failed: {error}")
    except KeyboardInterrupt:
        pass  # Ctrl+C ends it, and the session with it

"""
Publish a recording over and over by FFmpeg's WHIP muxer, in real time, until standard input is closed.

``python -m tests.whip_publisher URL RECORDING CERT KEY``. A process of its own: PyAV holds the interpreter's lock while
the muxer connects, and a server in the same process could not answer it.
"""

from __future__ import annotations

import sys
import threading
import time
from fractions import Fraction

import av


def publish(url: str, recording: str, options: dict[str, str], stop: threading.Event) -> None:
    """Send the packets as they are, each at its time."""
    with av.open(recording) as source, av.open(url, "w", format="whip", options=options) as target:
        video = source.streams.video[0]
        stream = target.add_stream_from_template(video)
        time_base = video.time_base or Fraction(1, 90_000)
        length = video.duration or 0
        began, lap = time.monotonic(), 0
        while not stop.is_set():
            source.seek(0)
            for packet in source.demux(video):
                if packet.dts is None or packet.pts is None or stop.is_set():
                    continue
                packet.pts, packet.dts = packet.pts + lap * length, packet.dts + lap * length
                stop.wait(max(0.0, began + float(packet.pts * time_base) - time.monotonic()))
                packet.stream = stream
                target.mux(packet)
            lap += 1


def wait(told: threading.Event) -> None:
    """Until standard input is closed."""
    sys.stdin.read()
    told.set()


if __name__ == "__main__":
    told = threading.Event()
    threading.Thread(target=wait, args=(told,), daemon=True).start()
    publish(sys.argv[1], sys.argv[2], {"cert_file": sys.argv[3], "key_file": sys.argv[4]}, told)

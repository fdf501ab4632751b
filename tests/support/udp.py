"""A sender of MPEG-TS over UDP: FFmpeg's own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av


@contextmanager
def sending(film: Path, port: int, *, first: int = 0, fps: float = 30.0) -> Iterator[None]:
    """Send a film again and again from its ``first`` packet on, so many a second, until the block ends."""
    stop = threading.Event()
    thread = threading.Thread(target=_send, args=(film, port, first, 1 / fps, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _send(film: Path, port: int, first: int, pause: float, stop: threading.Event) -> None:
    url = f"udp://127.0.0.1:{port}?pkt_size=1316"
    with av.open(str(film)) as source, av.open(url, "w", format="mpegts") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        packets = [packet for packet in source.demux(stream) if packet.dts is not None]
        times = [packet.dts or 0 for packet in packets]
        length, ahead = len(packets) * (times[1] - times[0]), 0
        while not stop.is_set():
            for packet in packets[first:]:
                again = av.Packet(bytes(packet))
                again.pts, again.dts = (packet.pts or 0) + ahead, (packet.dts or 0) + ahead
                again.time_base, again.is_keyframe, again.stream = packet.time_base, packet.is_keyframe, copy
                target.mux(again)
                if stop.wait(pause):
                    return
            first, ahead = 0, ahead + length

"""
The real server with a note taken at each hop: ``python -m benchmarks.latency_server TRACE serve --port 8000``.

What follows TRACE is the command line of ``streamer``. For each frame that a reader is told of, looked at or presented,
a line of JSON goes to the file TRACE: its index, the number in its picture, its moments (``time.monotonic()``) and what
its step took. Nothing else of the server is changed; a note costs about 0.1 ms.
"""

from __future__ import annotations

import json
import sys
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any, TextIO

import av
import numpy as np

from benchmarks.numbered import number_of
from streamer import cli
from streamer.frame import Frame
from streamer.live.presenting import Moved, Presenting
from streamer.live.reader_options import Options
from streamer.live.session import Session
from streamer.live.subscription import Subscription
from streamer.result import Result
from streamer.webrtc import receiver

KEPT = 256  # frames between two hops that are remembered


class Notes:
    """What was seen of a frame, until its result is sent. A frame that is told again is noted the first time only."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._complete: OrderedDict[int, float] = OrderedDict()  # by RTP timestamp: its last packet is there
        self._presented: OrderedDict[int, tuple[float, float]] = OrderedDict()  # by frame index: begun, done
        self._results: OrderedDict[int, dict[str, Any]] = OrderedDict()  # by frame index
        self._newest = -1  # index of the last frame with a result

    def complete(self, timestamp: int) -> None:
        """Every packet of a frame has come."""
        _keep(self._complete, timestamp, time.monotonic())

    def presented(self, index: int, began: float) -> None:
        """Masks were moved onto a frame. Called on the thread that did it."""
        _keep(self._presented, index, (began, time.monotonic()))

    def result(self, frame: Frame, result: Result) -> None:
        """A frame has a result."""
        if frame.index <= self._newest:
            return
        self._newest = frame.index
        looked = frame.arrived + result.age
        began, made = self._presented[frame.index] if result.presented else (looked - result.seconds, looked)
        note = {
            "index": frame.index,
            "number": number_of(_luma(frame)),
            "complete": self._complete.get(-1 if frame.rtp_timestamp is None else frame.rtp_timestamp),
            "arrived": frame.arrived,
            "began": began,
            "made": made,
            "timings": {} if result.step is None else result.step.timings,
        }
        _keep(self._results, frame.index, note)

    def written(self, index: int) -> None:
        """Its message is written."""
        note = self._results.pop(index, None)
        if note is not None:
            self._file.write(json.dumps({**note, "written": time.monotonic()}) + "\n")


def _keep(notes: OrderedDict[int, Any], key: int, value: Any) -> None:
    notes[key] = value
    while len(notes) > KEPT:
        notes.popitem(last=False)


def _luma(frame: Frame) -> Any:
    assert isinstance(frame.picture, av.VideoFrame)
    plane = frame.picture.planes[0]
    return np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]


def probe(notes: Notes) -> None:
    """Have each hop noted. The names are our own, so mypy and the smoke test see when one of them goes."""
    give, publish, render = receiver.FrameBuffer._give, Session._publish, Subscription._render
    present = Presenting._present

    def given(self: receiver.FrameBuffer, packets: list[Any]) -> Any:
        notes.complete(packets[0].timestamp)
        return give(self, packets)

    def presented(self: Presenting, frame: Frame, *rest: Any) -> Moved:
        began = time.monotonic()
        moved = present(self, frame, *rest)
        notes.presented(frame.index, began)
        return moved

    def published(self: Session, frame: Frame, result: Result) -> None:
        notes.result(frame, result)
        publish(self, frame, result)

    async def rendered(self: Subscription, result: Result, chosen: Options) -> str | bytes:
        text = await render(self, result, chosen)
        notes.written(result.frame.index)
        return text

    receiver.FrameBuffer._give = given  # type: ignore[method-assign]
    Presenting._present = presented  # type: ignore[method-assign,assignment]
    Session._publish = published  # type: ignore[method-assign]
    Subscription._render = rendered  # type: ignore[method-assign]


if __name__ == "__main__":
    with Path(sys.argv[1]).open("w", buffering=1) as file:
        probe(Notes(file))
        status = cli.main(sys.argv[2:])
    sys.exit(status)

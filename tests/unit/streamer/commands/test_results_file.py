"""streamer.commands.results_file: lines and videos that are complete however they end."""

from __future__ import annotations

import contextlib
import io
import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from streamer.commands.results_file import Recorder
from streamer.frame import Frame
from tests.support.leftovers import as_before
from tests.support.results import result
from tests.support.room import room


def times_of(path: Path) -> list[float]:
    """When each picture of a video is shown, in seconds."""
    with av.open(str(path)) as container:
        return [float(each.time or 0) for each in container.decode(video=0)]


def frame(index: int, *, pts: int | None = None, arrived: float = 0.0) -> Frame:
    return Frame(index, 0, pts, Fraction(1, 15360), None, arrived, np.full((48, 64, 3), 90, np.uint8))


async def test_lines_and_pictures_are_written_as_they_come(tmp_path: Path) -> None:
    lines = io.StringIO()
    async with Recorder(lines, tmp_path / "out.mp4") as written:
        for index in range(3):
            await written.write(frame(index, pts=index * 512), result(index))
    assert [json.loads(line)["frame"]["index"] for line in lines.getvalue().splitlines()] == [0, 1, 2]
    assert len(times_of(tmp_path / "out.mp4")) == 3
    assert (written.results, written.failure) == (3, None)


async def test_frames_without_pts_are_timed_by_their_arrival(tmp_path: Path) -> None:
    async with Recorder(None, tmp_path / "out.mp4") as written:
        for index in range(3):
            await written.write(frame(index, arrived=100 + index / 2), result(index))
    assert times_of(tmp_path / "out.mp4") == pytest.approx([0, 0.5, 1.0], abs=0.02)


async def test_what_cannot_be_written_is_remembered_and_the_rest_passed_over(tmp_path: Path) -> None:
    """/dev/full is a disk without room."""
    with contextlib.suppress(OSError), Path("/dev/full").open("w") as full:  # noqa: ASYNC230
        async with Recorder(full, tmp_path / "out.mp4") as written:
            for index in range(3):
                await written.write(frame(index), result(index))
        assert isinstance(written.failure, OSError)
        assert written.results == 0
        assert not (tmp_path / "out.mp4").exists()


async def test_a_video_that_cannot_be_written_to_its_end_is_trouble_and_no_traceback(tmp_path: Path) -> None:
    lines = io.StringIO()
    with room(1000):
        async with as_before(), Recorder(lines, tmp_path / "out.mp4") as written:
            for index in range(3):
                await written.write(frame(index, pts=index * 512), result(index))
    assert written.trouble == f"{tmp_path / 'out.mp4'} cannot be written: File too large."
    assert written.whole == len(lines.getvalue())


async def test_whole_lines_are_counted_in_bytes(tmp_path: Path) -> None:
    """So that a file can be cut behind the last of them."""
    path = tmp_path / "out.jsonl"
    with contextlib.suppress(OSError), path.open("w") as lines, room(1000):
        async with Recorder(lines, None) as written:
            for index in range(10):
                await written.write(frame(index), result(index))
    assert 0 < written.results < 10
    assert path.read_bytes()[: written.whole].count(b"\n") == written.results
    assert path.read_bytes()[written.whole - 1 : written.whole] == b"\n"
    assert written.trouble == "The results cannot be written: File too large."

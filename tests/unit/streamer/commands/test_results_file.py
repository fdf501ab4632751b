"""streamer.recorder: lines and videos that are complete however they end."""

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
from streamer.errors import BadRequest
from streamer.frame import Frame
from streamer.video import file
from streamer.video.file import Video
from tests.support.results import result


def frames_of(path: Path) -> list[tuple[float, tuple[int, int]]]:
    """Time and size of every picture of a video."""
    with av.open(str(path)) as container:
        return [(float(each.time or 0), (each.width, each.height)) for each in container.decode(video=0)]


def picture(width: int = 64, height: int = 48, value: int = 90) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((height, width, 3), value, np.uint8)


def frame(index: int, *, pts: int | None = None, arrived: float = 0.0) -> Frame:
    return Frame(index, 0, pts, Fraction(1, 15360), None, arrived, picture())


@pytest.mark.parametrize("suffix", file.FORMATS)
def test_a_video_has_every_picture_at_its_own_time(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    video = Video(path)
    for seconds in (7.0, 7.04, 7.2, 8.0):
        video.write(picture(), seconds)
    video.close()
    times = [time for time, _ in frames_of(path)]
    assert [time - times[0] for time in times] == pytest.approx([0, 0.04, 0.2, 1.0], abs=0.02)


def test_without_libx264_it_is_mpeg4(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(av, "codecs_available", av.codecs_available - {"libx264"})
    video = Video(tmp_path / "out.mp4")
    assert video.codec == "mpeg4"
    for number in range(5):
        video.write(picture(), number / 30)
    video.close()
    assert len(frames_of(tmp_path / "out.mp4")) == 5


def test_a_stream_that_starts_again_leaves_no_gap_and_no_step_back(tmp_path: Path) -> None:
    video = Video(tmp_path / "out.mp4")
    for seconds in (5.0, 5.1, 0.0, 0.1, 9000.0, 9000.1):
        video.write(picture(), seconds)
    video.close()
    times = [time for time, _ in frames_of(tmp_path / "out.mp4")]
    assert times == sorted(times)
    assert times[-1] - times[0] < 1


def test_pictures_of_other_and_odd_sizes_fit_in(tmp_path: Path) -> None:
    video = Video(tmp_path / "out.mp4")
    for number, (width, height) in enumerate([(65, 49), (128, 96), (33, 17)]):
        video.write(picture(width, height), number / 10)
    video.close()
    assert [size for _, size in frames_of(tmp_path / "out.mp4")] == [(64, 48)] * 3


def test_a_video_without_a_picture_is_no_file(tmp_path: Path) -> None:
    Video(tmp_path / "out.mp4").close()
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("name", ["out", "out.jsonl", "out.avi"])
def test_a_name_that_says_no_format_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadRequest, match=r"\.mp4"):
        Video(tmp_path / name)


async def test_lines_and_pictures_are_written_as_they_come(tmp_path: Path) -> None:
    lines = io.StringIO()
    async with Recorder(lines, tmp_path / "out.mp4") as written:
        for index in range(3):
            await written.write(frame(index, pts=index * 512), result(index))
    assert [json.loads(line)["frame"]["index"] for line in lines.getvalue().splitlines()] == [0, 1, 2]
    assert len(frames_of(tmp_path / "out.mp4")) == 3
    assert (written.results, written.failure) == (3, None)


async def test_frames_without_pts_are_timed_by_their_arrival(tmp_path: Path) -> None:
    async with Recorder(None, tmp_path / "out.mp4") as written:
        for index in range(3):
            await written.write(frame(index, arrived=100 + index / 2), result(index))
    times = [time for time, _ in frames_of(tmp_path / "out.mp4")]
    assert times == pytest.approx([0, 0.5, 1.0], abs=0.02)


async def test_what_cannot_be_written_is_remembered_and_the_rest_passed_over(tmp_path: Path) -> None:
    """/dev/full is a disk without room."""
    with contextlib.suppress(OSError), Path("/dev/full").open("w") as full:  # noqa: ASYNC230
        async with Recorder(full, tmp_path / "out.mp4") as written:
            for index in range(3):
                await written.write(frame(index), result(index))
        assert isinstance(written.failure, OSError)
        assert written.results == 0
        assert not (tmp_path / "out.mp4").exists()

"""streamer.video.file: annotated videos that are complete, each picture at its own time."""

from __future__ import annotations

import contextlib
from pathlib import Path

import av
import numpy as np
import pytest

from streamer.errors import BadRequest
from streamer.video import file
from streamer.video.file import Video, cut
from tests.support.leftovers import as_before
from tests.support.room import room


def frames_of(path: Path) -> list[tuple[float, tuple[int, int]]]:
    """Time and size of every picture of a video."""
    with av.open(str(path)) as container:
        return [(float(each.time or 0), (each.width, each.height)) for each in container.decode(video=0)]


def picture(width: int = 64, height: int = 48, value: int = 90) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((height, width, 3), value, np.uint8)


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


# A disk that gets full

SECOND = 30  # pictures


def noise(index: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """A picture that does not compress: some 7 kB."""
    return np.random.default_rng(index).integers(0, 255, (120, 160, 3), np.uint8)


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_what_was_written_before_the_disk_was_full_plays(tmp_path: Path, name: str) -> None:
    path, video, written = tmp_path / name, Video(tmp_path / name), 0
    with as_before(), room(400_000):
        with contextlib.suppress(OSError):
            while written < 4 * SECOND:
                video.write(noise(written), written / SECOND)
                written += 1
        with pytest.raises(OSError, match="File too large"):
            video.close()
        video.close()  # and then it is closed
    with av.open(str(path)) as container:
        pictures = sum(1 for _ in container.decode(video=0))
    assert written - 2 * SECOND < pictures < written
    assert pictures >= SECOND // 2


def test_a_video_that_is_complete_is_no_row_of_fragments(tmp_path: Path) -> None:
    """Other programs know its length and its number of pictures."""
    video = Video(tmp_path / "out.mp4")
    for index in range(2 * SECOND):
        video.write(noise(index), index / SECOND)
    video.close()
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].frames == 2 * SECOND
        assert container.duration == pytest.approx(2 * av.time_base, rel=0.05)


@pytest.mark.parametrize("data", [b"", b"\0" * 7, b"\0\0\0\1moov", b"\0\0\0\0" * 5, b"no video at all" * 9])
def test_what_is_no_row_of_boxes_is_left_as_it_is(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "out.mp4"
    path.write_bytes(data)
    cut(path)
    assert path.read_bytes() == data
    cut(tmp_path / "missing.mp4")

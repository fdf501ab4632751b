"""Cameras by their device. There is none here: what is tested is what people are told of one that cannot be used."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest

from streamer.errors import BadSource
from streamer.sources import usb
from streamer.sources.schemes import read_address
from streamer.sources.url import UrlSource
from tests.support.sources import reason_after


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Devices that are there and are no cameras."""
    (tmp_path / "video0").symlink_to("/dev/null")
    (tmp_path / "video1").touch()
    monkeypatch.setattr(usb, "FOLDER", tmp_path)
    return tmp_path


def test_a_camera_is_live_and_its_options_are_what_ffmpeg_calls_them(folder: Path) -> None:
    address = read_address("/dev/video0?size=1280x720&fps=30&format=mjpeg")
    assert (address.live, address.format, address.url) == (True, "v4l2", str(folder / "video0"))
    assert address.options == {"video_size": "1280x720", "framerate": "30", "input_format": "mjpeg"}
    assert read_address("/dev/video0").options == {}


def test_one_that_is_not_there_is_refused_with_those_that_are(folder: Path) -> None:
    with pytest.raises(BadSource, match=r"There is no camera /dev/video7\.") as refused:
        read_address("/dev/video7")
    assert "/dev/video0, /dev/video1" in refused.value.detail
    assert "--device /dev/video7" in refused.value.detail


STABLE = [
    "/dev/v4l/by-id/usb-046d_HD_Pro_Webcam_C920_1A2B3C4F-video-index0",
    "/dev/v4l/by-path/pci-0000:00:14.0-usb-0:1:1.0-video-index0",
    "/dev/front-camera",
]


@pytest.mark.parametrize("name", STABLE)
def test_a_name_that_stays_is_a_camera_and_is_opened_by_that_name(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plugged in anew it leads to another number. No test can make a device; links to /dev/null stand for it."""
    link = folder / Path(name).relative_to("/dev")
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(folder / "video0")
    monkeypatch.setattr(usb, "_NUMBERED", re.compile("video0|null"))
    address = read_address(f"{name}?fps=30")
    assert (address.live, address.format, address.url) == (True, "v4l2", str(link))
    assert (address.shown, address.options) == (f"{name}?fps=30", {"framerate": "30"})


def test_another_name_of_a_camera_is_one_and_another_device_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usb, "FOLDER", tmp_path)
    (tmp_path / "video3").touch()
    (tmp_path / "front").symlink_to("video3")
    (tmp_path / "sda").touch()
    (tmp_path / "circle").symlink_to("circle")
    names = ("front", "front?fps=5", "video9", "v4l/by-id/usb-gone", "sda", "circle", "nothing", "")
    assert [usb.matches(f"/dev/{name}") for name in names] == [True] * 4 + [False] * 4


def test_a_stable_name_that_is_gone_is_refused_with_those_that_are_there(folder: Path) -> None:
    (folder / "v4l" / "by-id").mkdir(parents=True)
    (folder / "v4l" / "by-id" / "usb-cam").symlink_to("../../video0")
    with pytest.raises(BadSource, match=r"There is no camera /dev/v4l/by-id/usb-other\.") as refused:
        read_address("/dev/v4l/by-id/usb-other")
    assert "/dev/video0, /dev/video1, /dev/v4l/by-id/usb-cam" in refused.value.detail


@pytest.mark.parametrize("name", ["/dev/v4l/../../etc/passwd", "/dev/v4l/by-id/../../video0", "/dev/v4l"])
def test_a_path_that_leads_elsewhere_is_no_camera(folder: Path, name: str) -> None:
    with pytest.raises(BadSource):
        read_address(name)


def test_one_that_is_no_device_is_refused(folder: Path) -> None:
    with pytest.raises(BadSource, match="is not a device"):
        read_address("/dev/video1")


def test_one_that_may_not_be_used_is_refused_with_the_group(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(BadSource, match="may not be used") as refused:
        read_address("/dev/video0")
    assert "video" in refused.value.detail


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("size=large", "size is 'large'; it must be as in 1280x720"),
        ("fps=0", "fps is '0'; it must be a whole number"),
        ("format=gif", "it must be one of mjpeg, yuyv422, h264, nv12"),
        ("zoom=2", "A camera has no option 'zoom'"),
    ],
)
def test_a_wrong_option_is_refused(folder: Path, query: str, words: str) -> None:
    with pytest.raises(BadSource, match=words):
        read_address(f"/dev/video0?{query}")


async def test_a_device_that_is_no_camera_is_told_by_ffmpeg_and_put_in_words(folder: Path) -> None:
    assert "It is not a camera" in await reason_after(UrlSource("/dev/video0"))


async def test_one_that_is_pulled_out_is_waited_for(folder: Path) -> None:
    source = UrlSource("/dev/video0")
    (folder / "video0").unlink()
    reason = await reason_after(source)
    assert reason.startswith("The camera is not there: it was unplugged")
    assert "Trying again" in reason


@pytest.mark.parametrize(
    ("number", "words"), [(errno.EACCES, "group"), (errno.EBUSY, "Another program"), (errno.EINVAL, "these options")]
)
def test_what_a_device_answers_is_put_in_words(number: int, words: str) -> None:
    assert words in str(usb.words(OSError(number, "")))
    assert usb.words(OSError(errno.EIO, "")) is None
    assert usb.words(ValueError()) is None

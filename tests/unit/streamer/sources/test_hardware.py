"""Decoding in hardware, as far as that goes without any: what is missing is said, and software decodes."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from benchmarks.recording import record
from streamer.config import Config
from streamer.sources import hardware
from streamer.sources.base import State
from streamer.sources.url import UrlSource
from tests.support.sources import Viewer

FRAMES = 10


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("films") / "film.mp4", FRAMES)


def missing() -> str:
    """A name that works nowhere here."""
    return next(name for name in hardware.NAMES[1:] if name not in av.codec.hwaccel.hwdevices_available())


async def watch(film: Path, hwaccel: str | None) -> Viewer:
    viewer = Viewer()
    await UrlSource(str(film), hwaccel=hwaccel).run(viewer.out, viewer.tell)
    return viewer


async def test_hardware_that_is_not_there_is_said_and_every_frame_comes(
    film: Path, caplog: pytest.LogCaptureFixture
) -> None:
    name = missing()
    viewer = await watch(film, name)
    (live,) = [reason for state, reason in viewer.states if state is State.LIVE]
    assert live.startswith(f"It is decoded in software: {name} is not in PyAV's FFmpeg, which has ")
    assert live in caplog.text
    assert len(viewer.frames) == FRAMES


async def test_nothing_is_said_where_nothing_was_asked_for(film: Path) -> None:
    viewer = await watch(film, None)
    assert (State.LIVE, "") in viewer.states


async def test_what_is_there_is_used_and_what_fails_is_said(film: Path) -> None:
    """On a machine without a video decoder the second; with one the first."""
    name, why = hardware.choose("auto")
    viewer = await watch(film, "auto")
    (live,) = [reason for state, reason in viewer.states if state is State.LIVE]
    assert live == ("" if name else f"It is decoded in software: {why}.")
    assert len(viewer.frames) == FRAMES


async def test_a_codec_that_the_hardware_does_not_decode_is_decoded_in_software(
    film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hardware here is a name that is let through; PyAV itself then finds that it has no decoder for the codec."""
    monkeypatch.setattr(hardware, "choose", lambda wanted: (wanted, ""))
    viewer = await watch(film, "qsv")
    (live,) = [reason for state, reason in viewer.states if state is State.LIVE]
    assert live == "It is decoded in software: the hardware does not decode h264."
    assert len(viewer.frames) == FRAMES


def test_a_device_that_cannot_be_opened_is_no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> str:
        return "Operation not permitted"

    monkeypatch.setattr(hardware, "trouble", refuse)
    monkeypatch.setattr(hardware, "hwdevices_available", lambda: ["cuda"])
    assert hardware.choose("cuda") == (None, "cuda does not work on this machine: Operation not permitted")
    assert hardware.choose("auto") == (None, "no hardware for it works on this machine")
    monkeypatch.setattr(hardware, "trouble", lambda name: "")
    assert hardware.choose("auto") == hardware.choose("cuda") == ("cuda", "")


def test_the_setting_takes_the_known_names(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Config().opening["hwaccel"] is None
    monkeypatch.setenv("STREAMER_HWACCEL", "cuda")
    assert Config.from_env().opening["hwaccel"] == "cuda"
    monkeypatch.setenv("STREAMER_HWACCEL", "gpu")
    with pytest.raises(ValueError, match="STREAMER_HWACCEL is 'gpu'; it must be one of auto, cuda"):
        Config.from_env()

"""streamer.commands.doctor: a line for everything, and a status that tells whether what is required works."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import features

from streamer.commands import doctor
from streamer.commands.doctor import Finding, Mark
from streamer.commands.serve import listen
from tests.support.models import untrained
from tracker import WeightsError


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "load_model", lambda *given, **more: untrained())


@pytest.mark.usefixtures("loads")
def test_everything_is_looked_at_and_the_status_is_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main() == 0
    shown = capsys.readouterr().out
    for what in ("python", "packages", "torch", "device", "threads", "openmp", "decode h264", "decode vp8", "encode"):
        assert what in shown
    for what in ("labels", "rtsp", "whip", "webrtc", "port", "nano", "models", "Everything required works."):
        assert what in shown


def test_weights_that_do_not_load_make_the_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*given: object, **more: object) -> None:
        raise WeightsError("nano.safetensors is damaged: checksum wrong: a.b")

    monkeypatch.setattr(doctor, "load_model", broken)
    monkeypatch.setattr(doctor, "torch_pair", lambda: iter(()))  # it starts a process that imports torch
    assert doctor.main() == 1
    assert "FAIL  nano" in capsys.readouterr().out


def test_a_missing_decoder_is_a_failure_where_cameras_need_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_has_codec", lambda name, mode: name not in ("libvpx", "hevc"))
    marks = {finding.what: finding.mark for finding in doctor.codecs()}
    assert marks["decode vp8"] is Mark.FAIL
    assert marks["decode hevc"] is Mark.NOTE
    assert marks["decode h264"] is Mark.OK


def test_a_pillow_without_raqm_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    (good,) = doctor.labels()
    assert good.mark is Mark.OK
    monkeypatch.setattr(features, "check", lambda name: name != "raqm")
    (finding,) = doctor.labels()
    assert finding.mark is Mark.NOTE and "Raqm" in finding.words


def test_a_codec_nobody_has_is_not_found() -> None:
    assert not doctor._has_codec("no-such-codec", "r")


def test_a_port_in_use_is_said_and_is_no_failure() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        (finding,) = doctor.ports(port)
    assert finding.mark is Mark.NOTE
    assert f"Port {port}" in finding.words
    (finding,) = doctor.ports(port)
    assert finding.mark is Mark.OK


def test_a_check_that_breaks_is_a_failure_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def python() -> Iterator[Finding]:
        raise RuntimeError("on purpose")

    others = ("packages", "torch_pair", "threads", "codecs", "labels", "streaming", "webrtc", "model", "fetched_models")
    for name in others:
        monkeypatch.setattr(doctor, name, lambda: iter(()))
    monkeypatch.setattr(doctor, "python", python)
    found = list(doctor.examine())
    assert found[0] == Finding(Mark.FAIL, "python", "RuntimeError: on purpose")
    assert {finding.what for finding in found[1:]} == {"device", "port"}


def test_models_that_are_here_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "kept", lambda file: None)
    (finding,) = doctor.fetched_models()
    assert finding.mark is Mark.NOTE
    monkeypatch.setattr(doctor, "kept", lambda file: Path(file.name) if file.repository == "facebook/sam3" else None)
    (finding,) = doctor.fetched_models()
    assert (finding.mark, finding.words) == (Mark.OK, "sam3 downloaded")


def test_beside_a_gpu_it_says_what_of_compiler_triton_and_memory_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "H100")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (2 * 2**30, 80 * 2**30))
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    found = {finding.what: finding for finding in doctor.device()}
    assert found["device"] == Finding(Mark.OK, "device", "cuda: H100, 80 GiB")
    assert [found[what].mark for what in ("gpu memory", "compiler", "triton")] == [Mark.NOTE] * 3
    assert "2.0 GiB are free: the full-size model wants 8" in found["gpu memory"].words
    assert "no C compiler is here" in found["compiler"].words and "triton is missing" in found["triton"].words
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    found = {finding.what: finding for finding in doctor.device()}
    assert found["compiler"] == Finding(Mark.OK, "compiler", "/usr/bin/cc")


def test_each_of_several_gpus_has_its_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda place: ("H100", "A100")[place])
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda place: ((70 - 69 * place) * 2**30, 80 * 2**30))
    found = [(finding.what, finding.words) for finding in doctor.device()][:5]
    assert found[:3] == [
        ("device", "cuda:0: H100, 80 GiB"),
        ("gpu memory", "cuda:0: 70.0 GiB are free"),
        ("device", "cuda:1: A100, 80 GiB"),
    ]
    assert found[3][1].startswith("cuda:1: 1.0 GiB are free: the full-size model wants")
    assert found[4][0] == "devices" and "cuda:all" in found[4][1]


def test_a_torch_for_cuda_without_a_driver_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    _, driver = doctor.device()
    assert driver.what == "driver" and "no NVIDIA driver answers" in driver.words and "--gpus all" in driver.words

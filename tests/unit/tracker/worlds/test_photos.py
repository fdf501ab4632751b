"""Photographs that other packages ship."""

from __future__ import annotations

import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from tracker.worlds import photos
from tracker.worlds.photos import COLLECTIONS, Collection


def jpeg() -> bytes:
    return cv2.imencode(".jpg", np.full((40, 50, 3), 90, np.uint8))[1].tobytes()


def test_those_that_are_installed_are_loaded_and_none_is_too_long() -> None:
    found = photos.load()
    assert len(found) >= 3
    assert all(max(each.shape[:2]) <= photos.LONGEST and each.shape[2] == 3 for each in found.values())


def test_without_debians_package_the_others_are_still_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without = tuple(replace(each, folder=str(tmp_path)) if each.kind == "debian" else each for each in COLLECTIONS)
    monkeypatch.setattr(photos, "COLLECTIONS", without)
    everything, scenes = photos.load(), photos.load(scenes_only=True)
    assert 3 <= len(everything) <= 10
    assert set(scenes) < set(everything)
    assert "scikit-image/grass.png" in set(everything) - set(scenes) and "scikit-image/camera.png" in scenes


def test_each_file_is_named_once_and_has_a_free_licence() -> None:
    names = [(each.package, name) for each in COLLECTIONS for name in each.names]
    assert len(names) == len(set(names)) >= 60
    free = {"CC0-1.0", "CC-BY-2.0", "CC-BY-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0", "public domain"}
    for each in COLLECTIONS:
        assert set(each.licence.split(", ")) <= {*free, "Apache-2.0 AND BSD-3-Clause"}


def test_notice_names_every_package_and_author() -> None:
    notice = " ".join((Path(__file__).parents[4] / "NOTICE").read_text().split())
    for each in COLLECTIONS:
        assert each.package.split("=")[0] in notice
        for name in each.names:
            if "_by_" in name:
                author = name.rsplit("_by_", 1)[1].removesuffix(".jpg").split("_")[-1]
                assert author in notice, name


def run_build(monkeypatch: pytest.MonkeyPatch, out: Path, collections: tuple[Collection, ...], run: Any) -> None:
    monkeypatch.setattr(photos, "COLLECTIONS", collections)
    monkeypatch.setattr(
        photos,
        "subprocess",
        SimpleNamespace(run=run, CalledProcessError=subprocess.CalledProcessError),
    )
    photos.build(out)


def test_packages_are_fetched_and_what_cannot_be_had_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        if command[0] == "dpkg-deb":
            folder = Path(command[-1]) / "nowhere/at/all"
            folder.mkdir(parents=True)
            (folder / "one.jpg").write_bytes(jpeg())
        elif command[0] == "apt-get" and command[-1] == "good":
            (options["cwd"] / "good_1_all.deb").touch()
        elif command[0] == "apt-get":
            return subprocess.CompletedProcess(command, 100, "", "E: no such package")
        else:
            with zipfile.ZipFile(options["cwd"] / "wheel-1-py3-none-any.whl", "w") as archive:
                archive.writestr("wheel_of_nothing/data/two.jpg", jpeg())
        return subprocess.CompletedProcess(command, 0, "", "")

    made = (
        Collection("good", "debian", "/nowhere/at/all", "CC0-1.0", ("one.jpg", "gone.jpg")),
        Collection("bad", "debian", "/nowhere/at/all", "CC0-1.0", ("one.jpg",)),
        Collection("wheel==1", "wheel", "wheel_of_nothing/data", "CC0-1.0", ("two.jpg",)),
    )
    run_build(monkeypatch, tmp_path, made, run)
    assert sorted(photos.load(tmp_path)) == ["good/one.jpg", "wheel/two.jpg"]
    told = capsys.readouterr().out
    assert "good: left out, as not found: gone.jpg" in told
    assert "bad: cannot be fetched: E: no such package" in told


def test_a_machine_without_apt_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(command: list[str], **options: Any) -> None:
        raise FileNotFoundError(2, "No such file or directory", "apt-get")

    run_build(monkeypatch, tmp_path, (Collection("bad", "debian", "/nowhere", "CC0-1.0", ("one.jpg",)),), run)
    assert "apt-get" in capsys.readouterr().out


def test_a_folder_without_them_says_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"python -m tracker\.worlds\.photos"):
        photos.load(tmp_path)

"""The whole recipe as one command: its parts in order, and what it leaves in its folder."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from tracker.training import make
from tracker.training.make import curve
from tracker.training.recipe import MODEL, RECIPES
from tracker.worlds import things

TEACHING = ["train", "train_memory", "train_words", "train_clicks"]
PARTS = [*TEACHING, "mean", "calibrate", *["evaluate"] * 3, "evaluate_memory"]


def write(path: Path, **losses: list[float]) -> Path:
    """A curve as train.py writes it: a line each half minute."""
    count = len(next(iter(losses.values())))
    rows = [
        {"step": 10 * (place + 1), "seconds": 30 * (place + 1), **{name: losses[name][place] for name in losses}}
        for place in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


class Parts:
    """In place of ``subprocess``: keeps the commands, answers for evaluate, and fails where it is told to."""

    def __init__(self, out: Path, failing: str = "") -> None:
        self.out, self.failing = out, failing
        self.commands: list[list[str]] = []

    def run(self, command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        self.commands.append(command)
        part = module(command)
        if part == self.failing:
            assert options.get("check"), "a part that fails must end the recipe"
            raise subprocess.CalledProcessError(1, command)
        if part == "train":
            write(self.out / "curve.jsonl", boxes=[2.0, 1.5, 1.0, 0.8])
        if part == "train_memory":
            write(self.out / "memory-curve.jsonl", follow=[3.0, 1.5], same=[0.5, 0.1])
        if part in ("train_words", "train_clicks"):
            write(self.out / f"{part.removeprefix('train_')}-curve.jsonl", held=[0.0, 0.2])
        answer: dict[str, Any] = {"J": 0.25} if part == "evaluate_memory" else {}
        if part == "evaluate":
            answer = {"figures": {"F1 @ IoU 0.5": 0.5, option(command, "--renderer"): 1.0}, "counts": {}}
        return subprocess.CompletedProcess(command, 0, json.dumps(answer), "")


def module(command: list[str]) -> str:
    names = [word.split(".")[2] for word in command if word.startswith(("tracker.training.", "tracker.worlds."))]
    assert len(names) == 1, command
    return names[0]


def option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


def make_nano(monkeypatch: pytest.MonkeyPatch, out: Path, failing: str = "", recipe: str = "smoke") -> Parts:
    parts = Parts(out, failing)
    monkeypatch.setattr(make, "subprocess", SimpleNamespace(run=parts.run))
    monkeypatch.setattr("sys.argv", ["make", "--recipe", recipe, "--out", str(out), "--things", str(out / "things")])
    sys.argv += ["--photos", str(out / "photos")]
    make.main()
    return parts


def test_the_parts_run_in_their_order_with_one_recipe_and_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "new" / "nano"
    commands = make_nano(monkeypatch, out).commands
    assert [module(command) for command in commands] == PARTS
    learning, mean, calibrate, measuring = commands[:4], commands[4], commands[5], commands[6:]
    assert mean[-4:] == [str(out / f"nano-{name}") for name in ("words.safetensors", "clicks.safetensors")] + [
        "--out",
        str(out / "nano-mean.safetensors"),
    ]
    for command in (*learning, calibrate):
        assert (option(command, "--recipe"), option(command, "--out")) == ("smoke", str(out))
        assert ("--shapes-only" in command) == (command is not calibrate)
        assert "--things" not in command
    for command in learning:
        assert "torch.distributed.run" in command and any(word.startswith("--nproc-per-node=") for word in command)
    for command in measuring:
        assert option(command, "--checkpoint") == str(out / "nano-finished.safetensors")
        assert option(command, "--model") == MODEL.name  # the weights are of that one
        assert "--json" in command
    assert [option(command, "--renderer") for command in measuring[:3]] == ["plain", "second", "wide"]
    assert {option(command, "--pictures") for command in measuring[:3]} == {"4"}


@pytest.mark.parametrize("recipe", ["cpu", "gpu"])
def test_a_real_recipe_is_measured_on_many_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: str
) -> None:
    pack = str(tmp_path / "things")
    commands = make_nano(monkeypatch, tmp_path, recipe=recipe).commands
    first = commands[: -len(PARTS)]
    assert [module(command) for command in first] == ["things", "photos", "regions"]
    assert [command[-1] for command in first] == [pack, str(tmp_path / "photos"), str(tmp_path / "photos")]
    assert all(find_spec(command[2]) for command in commands[:3]), "each is a module that is there"
    commands = commands[3:]
    assert {option(command, "--photos") for command in commands[:4]} == {str(tmp_path / "photos")}
    assert [module(command) for command in commands] == PARTS
    assert {option(command, "--pictures") for command in commands[6:9]} == {"300"}
    assert {option(command, "--recipe") for command in [*commands[:4], commands[5]]} == {recipe}
    assert {option(command, "--things") for command in [*commands[:4], commands[8]]} == {pack}


def test_memory_is_not_taught_again_where_words_were_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "words-state.pt").touch()
    write(tmp_path / "memory-curve.jsonl", follow=[3.0, 1.5])
    commands = make_nano(monkeypatch, tmp_path).commands
    assert [module(command) for command in commands] == [part for part in PARTS if part != "train_memory"]


def test_words_are_not_taught_again_where_clicks_were_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for part, loss in (("words", "held"), ("clicks", "held"), ("memory", "follow")):
        (tmp_path / f"{part}-state.pt").touch()
        write(tmp_path / f"{part}-curve.jsonl", **{loss: [3.0, 1.5]})
    commands = make_nano(monkeypatch, tmp_path).commands
    left = [part for part in PARTS if part not in ("train_memory", "train_words")]
    assert [module(command) for command in commands] == left


def test_a_pack_of_things_that_is_there_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "things").mkdir()
    (tmp_path / "things" / things.FILE).touch()
    commands = make_nano(monkeypatch, tmp_path).commands
    assert [module(command) for command in commands] == PARTS
    assert option(commands[0], "--things") == str(tmp_path / "things")


def test_its_figures_say_how_they_were_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_nano(monkeypatch, tmp_path)
    report = json.loads((tmp_path / "figures.json").read_text())
    expected: dict[str, Any] = {name: {"F1 @ IoU 0.5": 0.5, name: 1.0} for name in ("wide", "plain", "second")}
    assert report["figures"] == expected | {"memory": {"J": 0.25}}
    assert report["pictures"] == 4
    assert report["recipe"]["seed"] == RECIPES["smoke"].seed
    assert report["recipe"]["minutes"] == RECIPES["smoke"].minutes
    assert report["versions"]["torch"] == version("torch")
    assert set(report["versions"]) >= {"torch", "sam3", "numpy"}
    assert "cores" in report["machine"]
    assert 0 <= report["hours"] < 0.1
    for name in ("curve", "memory-curve", "words-curve"):
        picture = cv2.imread(str(tmp_path / f"{name}.png"))
        assert picture is not None and np.array_equal(picture, curve(tmp_path / f"{name}.jsonl"))
    assert str(tmp_path / "nano-finished.safetensors") in capsys.readouterr().out


@pytest.mark.parametrize("failing", sorted(set(PARTS)))
def test_nothing_runs_after_a_part_that_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    parts = Parts(tmp_path, failing)
    monkeypatch.setattr(make, "subprocess", SimpleNamespace(run=parts.run))
    monkeypatch.setattr("sys.argv", ["make", "--out", str(tmp_path), "--recipe", "smoke", "--things", "/nowhere"])
    with pytest.raises(subprocess.CalledProcessError):
        make.main()
    assert [module(command) for command in parts.commands] == PARTS[: PARTS.index(failing) + 1]
    assert not (tmp_path / "figures.json").exists()


def test_a_loss_that_falls_is_drawn_falling(tmp_path: Path) -> None:
    path = write(tmp_path / "curve.jsonl", boxes=[4 * 0.8**step for step in range(40)])
    picture = curve(path)
    assert picture.shape == (420, 900, 3) and picture.dtype == np.uint8
    rows, columns = np.nonzero(np.ptp(picture[:380, :740].astype(int), axis=-1) > 100)  # the frame and words are grey
    assert len(rows) > 300
    assert columns.max() - columns.min() > 600  # from the first line to the last
    assert rows[columns < columns.min() + 20].mean() + 200 < rows[columns > columns.max() - 20].mean()


def test_every_loss_has_a_colour_of_its_own(tmp_path: Path) -> None:
    names = {name: [1.0, 0.5 + place / 10, 0.4 + place / 10] for place, name in enumerate(("boxes", "masks", "words"))}
    picture = curve(write(tmp_path / "curve.jsonl", **names))
    hsv = cv2.cvtColor(picture, cv2.COLOR_BGR2HSV)
    strong = hsv[..., 0][(hsv[..., 1] > 190) & (hsv[..., 2] > 180)]
    assert {hue for hue in (0, 60, 120) if (abs(strong.astype(int) - hue) <= 2).sum() > 50} == {0, 60, 120}


@pytest.mark.parametrize("lines", [1, 2, 12])
def test_a_curve_of_any_length_can_be_drawn_at_any_size(tmp_path: Path, lines: int) -> None:
    path = write(tmp_path / "curve.jsonl", boxes=[1.0] * lines, masks=[0.0] * lines)
    assert curve(path, width=400, height=200).shape == (200, 400, 3)


def test_an_empty_curve_is_an_empty_picture(tmp_path: Path) -> None:
    path = tmp_path / "curve.jsonl"
    path.write_text("")
    picture = curve(path)
    assert picture.shape == (420, 900, 3)
    assert np.ptp(picture.astype(int), axis=-1).max() == 0  # no loss, only a grey frame and words
    assert (picture < 128).any()

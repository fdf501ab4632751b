"""The benchmark on real pictures asks what it says it asks, and prints its means."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from benchmarks import real_clips, real_pictures
from benchmarks.real_pictures import measure
from benchmarks.support import one_thing
from benchmarks.support import real_clips as clips
from benchmarks.support.real_pictures import RealObject, RealPicture
from tests.support import models
from tracker import Box, Mask, Point, Sam3, SegmentPrompt
from tracker.checkpoints import weights


def thing(label: str, x: int, y: int, side: int) -> RealObject:
    mask = np.zeros((72, 96), bool)
    mask[y : y + side, x : x + side] = True
    return RealObject(label, mask, (x + side // 2, y + side // 2))


@pytest.fixture
def picture() -> RealPicture:
    """Two squares on noise; read-only, as real pictures are kept."""
    image = np.random.default_rng(1).integers(90, 160, (72, 96, 3), np.uint8)
    things = (thing("a large tile", 10, 8, 40), thing("a small tile", 70, 50, 12))
    for each, color in zip(things, ((220, 30, 30), (30, 60, 220)), strict=True):
        image[each.mask] = color
    image.setflags(write=False)
    return RealPicture("tiles.png", image, things)


class Squares:
    """In place of the model: shows the box it is asked about, and a square of 20 around a click."""

    def __init__(self) -> None:
        self.asked: list[tuple[SegmentPrompt, bool]] = []

    def embed(self, image: np.ndarray) -> np.ndarray:
        assert image.flags.writeable
        return image

    def segment(self, embedding: np.ndarray, objects: list[SegmentPrompt], *, multimask: bool = False) -> Any:
        (prompt,) = objects
        logits = torch.full((1, 3 if multimask else 1, 4, 4), -1.0)  # only the best candidate is to be used
        logits[:, 0] = len(self.asked)
        self.asked.append((prompt, multimask))
        return SimpleNamespace(logits=logits)

    def cut(self, embedding: np.ndarray, objects: list[SegmentPrompt], found: Any) -> Any:
        return found

    def masks(self, logits: torch.Tensor, height: int, width: int) -> list[tuple[Mask, Box]]:
        assert logits.shape == (1, 4, 4) and (height, width) == (72, 96)
        prompt, _ = self.asked[int(logits[0, 0, 0])]
        around = [Box(point.x - 10, point.y - 10, point.x + 10, point.y + 10) for point in prompt.points]
        shown = prompt.box or around[0]
        dense = np.zeros((height, width), bool)
        dense[round(shown.y0) : round(shown.y1), round(shown.x0) : round(shown.x1)] = True
        return [(Mask.from_dense(dense), shown)]


def test_an_object_is_asked_for_by_its_click_and_by_the_box_around_it(picture: RealPicture) -> None:
    model = Squares()
    found = measure(cast("Sam3", model), [picture])
    ((of, (large, small)),) = found
    assert of is picture
    assert (large.label, small.label) == ("a large tile", "a small tile")
    assert large.click == pytest.approx(20**2 / 40**2)
    assert small.click == pytest.approx(12**2 / 20**2)
    assert large.box == small.box == 1
    assert (large.fault, small.fault) == (None, one_thing.TOO_LARGE)
    assert (large.mask.sum(), small.mask.sum()) == (20**2, 20**2)
    assert [(prompt.points, prompt.box, multimask) for prompt, multimask in model.asked] == [
        ((Point(30, 28),), None, True),
        ((), Box(10, 8, 50, 48), False),
        ((Point(76, 56),), None, True),
        ((), Box(70, 50, 82, 62), False),
    ]
    assert all(prompt.logits is None for prompt, _ in model.asked)


def test_an_untrained_model_has_two_ious_for_each_label(picture: RealPicture) -> None:
    ((_, answered),) = measure(models.untrained(), [picture])
    assert [one.label for one in answered] == ["a large tile", "a small tile"]
    assert all(0 <= value <= 1 for one in answered for value in (one.click, one.box))


def test_a_neighbour_in_the_answer_is_seen(picture: RealPicture) -> None:
    near = RealPicture("near.png", picture.image, (thing("one", 30, 30, 12), thing("other", 43, 30, 8)))
    ((_, (one, other)),) = measure(cast("Sam3", Squares()), [near])
    assert (one.fault, other.fault) == (one_thing.NEIGHBOUR, one_thing.NEIGHBOUR)


def test_the_command_prints_a_row_for_each_picture_each_part_and_all(
    picture: RealPicture, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Parts and all are means over the masks, not over the pictures."""
    asked: list[tuple[str, Path | None]] = []

    def load_model(name: str, *, checkpoint: Path | None = None) -> Sam3:
        asked.append((name, checkpoint))
        return cast("Sam3", Squares())

    other = RealPicture("one tile.png", picture.image, picture.objects[:1], part="second")
    monkeypatch.setattr(real_pictures, "load", lambda: [picture, other])
    monkeypatch.setattr(real_pictures, "load_model", load_model)
    monkeypatch.setattr("sys.argv", ["real_pictures", "--checkpoint", "some.safetensors", "--pictures", str(tmp_path)])
    real_pictures.main()
    assert asked == [("nano", Path("some.safetensors"))]
    *lines, faults = capsys.readouterr().out.splitlines()
    head, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert head == ["picture", "masks", "IoU from one click", "IoU from a box", "one thing"]
    assert rows == [
        ["tiles.png", "2", f"{(0.25 + 0.36) / 2:.3f}", "1.000", "0.50"],
        ["one tile.png", "1", "0.250", "1.000", "1.00"],
        ["first part", "2", f"{(0.25 + 0.36) / 2:.3f}", "1.000", "0.50"],
        ["second part", "1", "0.250", "1.000", "1.00"],
        ["all", "3", f"{(0.25 + 0.36 + 0.25) / 3:.3f}", "1.000", "0.67"],
    ]
    assert (
        faults
        == "not one thing: nothing 0, a neighbour too 0, too large 1, in pieces 0; one thing with an IoU below 0.25: 0"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one-tile.png.jpg", "tiles.png.jpg"]


def test_other_weights_are_measured_with_a_checkpoint(
    picture: RealPicture, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "some.safetensors"
    weights.save(Sam3.untrained().network, path)
    monkeypatch.setattr(real_pictures, "load", lambda: [picture])
    monkeypatch.setattr("sys.argv", ["real_pictures", "--checkpoint", str(path)])
    real_pictures.main()
    assert "| tiles.png | 2 |" in capsys.readouterr().out


def test_clips_are_measured_instead_where_they_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = cast("Sam3", Squares())
    monkeypatch.setattr(real_pictures, "load_model", lambda name, checkpoint=None: model)
    monkeypatch.setattr(clips, "entries", lambda: [{"name": "one"}, {"name": "two"}])
    monkeypatch.setattr(clips, "load", lambda entry: entry["name"])
    monkeypatch.setattr(real_clips, "report", lambda asked, clips: f"{asked is model} {clips}")
    monkeypatch.setattr("sys.argv", ["real_pictures", "--clips"])
    real_pictures.main()
    assert capsys.readouterr().out == "True ['one', 'two']\n"

"""Following by memory is measured rightly: known masks, and models that show the truth or nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from tests.support import models
from tracker.model.bank import Bank
from tracker.model.sam3 import Sam3
from tracker.training import evaluate_memory
from tracker.training.evaluate_memory import FRAMES, HIDDEN, STRIDE, border, evaluate, region
from tracker.types import Box, Mask
from tracker.worlds.looks import Picture
from tracker.worlds.objects import Binary
from tracker.worlds.variety import WIDE
from tracker.worlds.worlds import Video, WorldFrame

LOOKS = [
    "pairs of looks, one object",
    "pairs of looks, two objects",
    "resemblance, 95 % of one",
    "share of two that reach it",
]
NAMES = ["J", "F", "J&F", "J, occluded", "F, occluded", "J&F, occluded"]
EMPTY = np.zeros((240, 320), bool)


def square(x: int, y: int = 100, side: int = 40) -> Binary:
    mask = EMPTY.copy()
    mask[y : y + side, x : x + side] = True
    return mask


def frames_of(seed: int) -> list[WorldFrame]:
    video = Video(seed, 320, 240, objects=(3, 6), speed=1.5, variety=WIDE, hidden=1.0)
    found = []
    for _ in range(FRAMES):
        found.append(video.next())
        video.skip(STRIDE - 1)
    return found


class Oracle:
    """In place of the model: knows the clip and shows the truth, or believes that nothing is there."""

    def __init__(self, seed: int, present: float = 1.0) -> None:
        self.frames, self.present = frames_of(seed), present
        self.ids = [one.id for one in self.frames[0].objects if one.countable and one.visible > HIDDEN]
        self.at = -1
        self.starts: list[torch.Tensor] = []

    def embed(self, image: Picture) -> Picture:
        self.at += 1
        assert np.array_equal(image, self.frames[self.at].image)
        return image

    def memorize(self, embedding: Picture, logits: torch.Tensor, tick: int) -> list[Any]:
        assert tick == self.at == 0
        self.starts = list(logits)
        return [SimpleNamespace(tick=0, features=None) for _ in logits]

    def propagate(self, embedding: Picture, banks: Sequence[Bank], tick: int) -> Any:
        assert tick == self.at and len(banks) == len(self.ids) and all(banks)
        count = len(banks)
        present = torch.full((count,), self.present)
        return SimpleNamespace(logits=torch.zeros(count, 4, 4), ious=torch.ones(count), present=present)

    def encode_memories(self, embedding: Picture, found: Any, rows: Sequence[int]) -> list[Any]:
        return [SimpleNamespace(tick=self.at, features=None) for _ in rows]

    def masks(self, logits: torch.Tensor, height: int, width: int) -> list[tuple[Mask, Box]]:
        assert (height, width) == EMPTY.shape
        return [(Mask.from_dense(self.wanted(each)), Box(0, 0, 1, 1)) for each in self.ids]

    def wanted(self, identity: int) -> Binary:
        """Its mask on this frame, empty where too little of it is to be seen."""
        shown = [one.mask for one in self.frames[self.at].objects if one.id == identity and one.countable]
        return shown[0] if shown else EMPTY


@pytest.fixture(scope="module")
def untrained() -> dict[str, float]:
    return evaluate(models.untrained(), 1)


@pytest.mark.parametrize("measure", [region, border])
def test_equal_masks_agree_and_empty_ones_do_too(measure: Any) -> None:
    assert measure(square(50), square(50)) == 1
    assert measure(EMPTY, EMPTY) == 1
    assert measure(~EMPTY, ~EMPTY) == 1  # its border is the picture's


@pytest.mark.parametrize("measure", [region, border])
def test_nothing_is_right_about_a_mask_elsewhere_or_a_missing_one(measure: Any) -> None:
    assert measure(square(20), square(200)) == 0
    assert measure(square(20), EMPTY) == 0
    assert measure(EMPTY, square(20)) == 0


def test_region_is_intersection_over_union() -> None:
    assert region(square(50), square(51)) == pytest.approx(39 / 41)
    assert region(square(50), square(70)) == pytest.approx(1 / 3)
    assert region(square(50), square(50, side=20)) == pytest.approx(1 / 4)


def test_a_border_may_be_a_little_off() -> None:
    """0.8 % of the diagonal, 400 pixels here: up to 4 pixels."""
    assert border(square(50), square(51)) == 1
    assert border(square(50), square(54)) == 1
    assert border(square(50), square(55)) < 1
    assert 0.9 < border(square(50), square(46, 96, 48)) < 1  # all around, but the corners are further off
    assert border(square(50), square(44, 94, 52)) == 0  # all around, 6 pixels off


def test_a_border_that_is_far_off_counts_where_it_meets() -> None:
    """Of 156 border pixels: 24 of each long side, 4 down and up the right one."""
    assert border(square(50), square(70)) == pytest.approx(56 / 156)


def test_a_border_is_judged_by_what_is_missing_and_by_what_is_too_much() -> None:
    both = square(50) | square(200)
    assert border(square(50), both) == border(both, square(50)) == pytest.approx(2 / 3)  # one is 1, the other half


def test_showing_the_truth_is_perfect() -> None:
    oracle = Oracle(0)
    assert len(oracle.ids) >= 2
    figures = evaluate(cast("Sam3", oracle), 1)
    assert (figures["J"], figures["F"], figures["J&F"]) == (1, 1, 1)
    assert len(oracle.starts) == len(oracle.ids)
    for identity, start in zip(oracle.ids, oracle.starts, strict=True):
        truth = next(one.mask for one in oracle.frames[0].objects if one.id == identity)
        assert (start > 0).float().mean().item() == pytest.approx(truth.mean(), abs=0.01)


def test_showing_nothing_is_right_only_where_nothing_is_to_be_seen() -> None:
    oracle = Oracle(0, present=0.0)
    figures = evaluate(cast("Sam3", oracle), 1)
    empty = []
    for oracle.at in range(1, FRAMES):
        empty += [not oracle.wanted(each).any() for each in oracle.ids]
    assert figures["J"] == figures["F"] == pytest.approx(np.mean(empty))
    assert figures["J"] < 1


def test_an_untrained_model_has_six_figures_between_nothing_and_all(untrained: dict[str, float]) -> None:
    assert list(untrained) == NAMES
    assert all(0 <= value <= 1 for value in untrained.values())
    assert untrained["J&F"] == pytest.approx((untrained["J"] + untrained["F"]) / 2)
    assert untrained["J"] < 0.5


def test_no_clips_have_figures_too() -> None:
    assert evaluate(models.untrained(), 0) == dict.fromkeys(NAMES, 0.0)


class Known:
    """In place of the model: an object's pointer says which it is, by where its mask lies, or nothing at all."""

    def __init__(self, *, blind: bool) -> None:
        self.blind = blind

    def embed(self, image: Picture) -> Picture:
        return image

    def memorize(self, embedding: Picture, logits: torch.Tensor, tick: int) -> list[Any]:
        assert (logits > 0).flatten(1).any(1).all()
        pointers = torch.ones(len(logits), 8) if self.blind else torch.eye(8)[: len(logits)]
        return [SimpleNamespace(pointer=pointer[None]) for pointer in pointers]


def test_looks_that_say_who_it_is_tell_objects_apart() -> None:
    """Objects stand in one order on both frames, so the n-th pointer is the same object's."""
    figures = evaluate_memory.looks(cast("Sam3", Known(blind=False)), 3)
    assert list(figures) == LOOKS
    one, two, least, above = figures.values()
    assert one >= 6 and two >= 6
    assert (least, above) == (1, 0)


def test_looks_that_are_all_alike_tell_nothing() -> None:
    *_, least, above = evaluate_memory.looks(cast("Sam3", Known(blind=True)), 3).values()
    assert least == pytest.approx(1) and above == 1


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> list[tuple[str, Path | None]]:
    asked: list[tuple[str, Path | None]] = []

    def load(name: str, *, checkpoint: Path | None = None) -> Sam3:
        asked.append((name, checkpoint))
        return models.untrained()

    monkeypatch.setattr(evaluate_memory, "load_model", load)
    monkeypatch.setattr("sys.argv", ["evaluate_memory", *arguments])
    evaluate_memory.main()
    return asked


def test_the_command_prints_json(
    untrained: dict[str, float], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = call(monkeypatch, "--json", "--clips", "1", "--checkpoint", "some.safetensors")
    assert asked == [("nano", Path("some.safetensors"))]
    printed = json.loads(capsys.readouterr().out)
    assert {name: printed[name] for name in NAMES} == pytest.approx(untrained)
    assert list(printed) == NAMES + LOOKS


def test_the_command_prints_a_line_for_each_figure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "--clips", "0") == [("nano", None)]
    lines = capsys.readouterr().out.splitlines()
    assert [line.rsplit(maxsplit=1) for line in lines] == [[name, "0.000"] for name in NAMES + LOOKS]

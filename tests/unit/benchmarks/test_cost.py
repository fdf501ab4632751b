"""What a look takes: counted of the real model, and folded never more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
import torch

from benchmarks import cost
from tests.support.vit import VIT
from tracker import ENTRIES, Entry, Sam3


def test_a_look_and_a_detection_are_counted_three_ways(capsys: pytest.CaptureFixture[str]) -> None:
    assert cost.main(["--model", "nano", "--resolutions", "384"]) == 0
    lines = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| 384")]
    counts = {part: [float(each) for each in ways] for _, part, *ways in (line[:5] for line in lines)}
    assert list(counts) == [*cost.LOOK, "a look", *cost.DETECTION, "a detection", "both necks"]
    for wheel, plain, folded in counts.values():
        assert 0 < folded <= plain <= wheel
    assert counts["both necks"][2] < 0.9 * counts["both necks"][1] < 0.5 * counts["both necks"][0]
    assert counts["a look"][2] == pytest.approx(sum(counts[part][2] for part in cost.LOOK), abs=0.2)


def test_without_clicks_a_look_is_the_encoder(capsys: pytest.CaptureFixture[str]) -> None:
    assert cost.main(["--model", "nano", "--without-clicks"]) == 0
    lines = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| 384")]
    counts = {part: ways for _, part, *ways in (line[:5] for line in lines)}
    assert list(counts) == ["encoder", "a look", *cost.DETECTION, "a detection", "both necks"]
    assert counts["a look"] == counts["encoder"]
    assert counts["both necks"] == counts["neck for concepts"]


def test_a_small_encoder_is_run_and_its_map_stretched_late() -> None:
    config = replace(VIT, trunk="efficientvit_b1", patch=14)
    found = cost.measure(Sam3(config, torch.device("cpu")), [224])[224]
    assert all(each.ms > 0 for each in found["encoder"])
    _, plain, folded = (each.gflop for each in found["neck for clicks"])
    assert folded < 0.6 * plain


@pytest.mark.parametrize(
    "entry", [pytest.param(each, id=each.name, marks=[pytest.mark.slow] if each.file else []) for each in ENTRIES]
)
def test_the_registry_has_what_is_counted_of_a_look(entry: Entry) -> None:
    model = Sam3.untrained(entry.name, device="cpu")
    model.fold()
    trunk, see = cost.seen(model), cast(Any, model.backbone)
    neck = cost.counted(lambda: see.neck(trunk, model.config.grid), timed=False)
    assert cost.encoder(model, run=False).gflop + neck.gflop == pytest.approx(entry.gflop, rel=0.01)

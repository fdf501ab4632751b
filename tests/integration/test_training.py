"""Training as a command, and what it has led to: the weights in the package against the bars of their card."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
import torch

from tracker.checkpoints.loading import load_model
from tracker.training.data import Supply, draw_still
from tracker.training.evaluate import evaluate
from tracker.training.recipe import Recipe
from tracker.training.train import main
from tracker.worlds.variety import PLAIN


def test_the_command_trains_for_the_time_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "sys.argv",
        ["train", "--shapes-only", "--minutes", "0.01", "--out", str(tmp_path), "--threads", "1", "--device", "cpu"],
    )
    monkeypatch.setattr("tracker.training.train.Recipe", lambda: Recipe(pictures=1, prompts=1, clicks=1))
    main()
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    assert state["step"] >= 1 and (tmp_path / "nano.safetensors").stat().st_size <= 24e6
    (line,) = (tmp_path / "curve.jsonl").read_text().splitlines()
    assert json.loads(line)["step"] == state["step"]


@pytest.mark.timeout(300)
def test_the_weights_in_the_package_keep_the_bars_of_their_card() -> None:
    """On worlds that neither training nor the card's figures have seen."""
    plain = partial(draw_still, supply=Supply(variety=PLAIN))
    figures = evaluate(load_model("nano"), 25, first_seed=700, draw=plain).figures()
    bars = {
        "F1 @ IoU 0.5": 0.60,
        "mean IoU of matches": 0.80,
        "absent prompts empty": 0.85,
        "IoU from one click": 0.75,
        "IoU from a box": 0.80,
    }
    assert {name: figures[name] for name in bars if figures[name] < bars[name]} == {}

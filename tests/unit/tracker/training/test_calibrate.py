"""Calibration moves one number, and chooses it by what it is told."""

from __future__ import annotations

import torch

from tracker.model.sam3 import Sam3
from tracker.training import calibrate


def shown(f1: float, empty: float) -> dict[str, float]:
    return {"F1 @ IoU 0.5": f1, "absent prompts empty": empty}


def test_the_best_f1_among_the_careful_is_chosen() -> None:
    figures = {0.0: shown(0.7, 0.5), -1.0: shown(0.65, 0.9), -2.0: shown(0.6, 0.95), -3.0: shown(0.5, 0.96)}
    assert calibrate.choose(figures) == -2.0
    assert calibrate.choose({0.0: shown(0.7, 0.5), -1.0: shown(0.6, 0.7)}) == -1.0


def test_only_the_presence_bias_moves() -> None:
    model = Sam3.untrained()
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    shift = calibrate.calibrate(model, pictures=1)
    changed = {name for name, value in model.network.state_dict().items() if not torch.equal(value, before[name])}
    assert shift in calibrate.SHIFTS
    assert changed <= {name for name in before if "presence_token_head" in name and name.endswith("bias")}

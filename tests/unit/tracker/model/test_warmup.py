"""A model is warm before anybody waits for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.support.models import untrained
from tracker import Sam3
from tracker.model.warmup import warm_up

PARTS = {
    "image encoder": "backbone.vision_backbone.trunk",
    "text encoder": "backbone.language_backbone",
    "exemplars": "geometry_encoder",
    "detector": "transformer.decoder",
    "masks": "segmentation_head",
    "mask decoder": "inst_interactive_predictor.model.sam_mask_decoder",
    "memory encoder": "inst_interactive_predictor.model.maskmem_backbone",
    "memory attention": "inst_interactive_predictor.model.transformer.encoder",
}


def test_every_part_has_run_once_and_each_stage_is_told() -> None:
    model = Sam3.untrained("nano")
    ran: set[str] = set()
    for name, path in PARTS.items():
        model.network.get_submodule(path).register_forward_hook(lambda *_, name=name: ran.add(name))
    told: list[str] = []
    seconds = warm_up(model, told.append)
    assert ran == PARTS.keys()
    assert list(seconds) == ["embed", "detect", "segment", "propagate"]
    assert all(each > 0 for each in seconds.values())
    assert told[:4] == [f"warming up: {stage} ({place + 1} of 4)" for place, stage in enumerate(seconds)]
    assert told[4].startswith("warm after ")
    assert model.word_seconds is not None
    assert 0 < model.word_seconds < seconds["detect"]


def test_it_changes_no_answer() -> None:
    model = untrained()
    picture = np.random.default_rng(1).integers(0, 255, (48, 64, 3), np.uint8)
    before = model.embed(picture)
    warm_up(model)
    after = model.embed(picture)
    assert all((a == b).all() for a, b in zip(before.interactive, after.interactive, strict=True))


def test_what_fails_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    model = untrained()

    def full(*_: Any, **__: Any) -> Any:
        raise MemoryError("no room")

    monkeypatch.setattr(model, "memorize", full)
    with pytest.raises(MemoryError, match="no room"):
        warm_up(model)

"""What masks cover is compared rightly: colours as features, which tell objects apart."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np
import pytest
import torch

from tracker.model.sam3 import Sam3
from tracker.training import evaluate_appearance
from tracker.training.evaluate_appearance import KINDS, evaluate
from tracker.worlds.looks import Picture


class Colours:
    """In place of the model: its features are the picture's colours."""

    side = 60

    def embed(self, image: Picture) -> Any:
        small = cv2.resize(image, (self.side, self.side), interpolation=cv2.INTER_AREA)
        return SimpleNamespace(interactive=(torch.from_numpy(small).permute(2, 0, 1)[None].float(),), colors=None)


def test_an_object_is_like_itself_and_less_like_others_and_what_is_elsewhere() -> None:
    found = evaluate(cast(Sam3, Colours()), worlds=2, frames=4)
    assert list(found) == ["plain", "wide"]
    for by_kind in found.values():
        assert all(by_kind[kind] for kind in KINDS)
        one, two, elsewhere = (float(np.median(by_kind[kind])) for kind in KINDS)
        assert one > 0.9 > max(two, elsewhere)


def test_the_table_says_what_share_reaches_each_cosine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cosines = {"one object": [1.0, 0.955], "two objects": [0.5], "elsewhere": []}
    monkeypatch.setattr(evaluate_appearance, "load_model", lambda name, checkpoint=None: None)
    monkeypatch.setattr(evaluate_appearance, "evaluate", lambda model: {"plain": cosines})
    monkeypatch.setattr("sys.argv", ["evaluate_appearance"])
    evaluate_appearance.main()
    head, one, two, elsewhere = (line.split() for line in capsys.readouterr().out.splitlines())
    assert head[-len(evaluate_appearance.LEAST) :] == [f"{least:.2f}" for least in evaluate_appearance.LEAST]
    assert (one[-9], one[-3], one[-1]) == ("1.000", "0.500", "2")
    assert (two[-3], two[-1]) == ("0.000", "1")
    assert (elsewhere[-3], elsewhere[-1]) == ("0.000", "0")

"""Two models on one stream: what one is told it follows, and both ways are judged on the same frames."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
import pytest

from benchmarks import two_models
from benchmarks.scenarios import Scenario, Scene
from benchmarks.support.fake_model import FakeModel, picture
from benchmarks.support.real_clips import Clip, ClipObject
from benchmarks.tracking_metrics import Frame
from tracker import Mask, Prompt, Sam3

FRAMES = 14
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def shown(index: int) -> np.ndarray:
    return picture(("red", 20 + 2 * index, 40, 30))


def truth(index: int) -> np.ndarray:
    return shown(index)[..., 0] > 0


def test_what_is_told_of_one_frame_is_followed_to_the_later_ones() -> None:
    drawn = {place: truth(place) for place in (0, 6, 12)}
    clip = Clip("red", 30.0, tuple(shown(index) for index in range(FRAMES)), (ClipObject("square", (30, 50), drawn),))
    found = two_models.follow(cast(Sam3, FakeModel()), clip)
    assert list(found) == [6, 12]
    assert min(found.values()) > 0.85
    rows = two_models.on_clips(cast(Sam3, FakeModel()), [clip])
    assert [row[0] for row in rows] == ["red", "all clips"]
    assert rows[0][1].endswith(f"/ {found[6]:.3f}")


def test_the_large_models_answers_come_a_look_later_and_help_begins_with_them() -> None:
    scenes = tuple(
        Scene(shown(index), Frame({1: Mask.from_dense(truth(index))}), {1: ("red",)}) for index in range(FRAMES)
    )
    alone, helped = two_models.watch(cast(Sam3, FakeModel()), Scenario("red", scenes, (Prompt("red"),)), 4)
    for seen in (alone, helped):
        assert [len(each) for each in seen] == [0] * 4 + [1] * (FRAMES - 4)


def test_both_ways_stand_in_one_row(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(two_models, "load_model", lambda name: FakeModel())
    two_models.main(["--only", "easy", "--every", "3", "--frames", "6"])
    (row,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| easy")]
    assert row.count(" / ") == 2
    assert cv2.getNumThreads() == 1

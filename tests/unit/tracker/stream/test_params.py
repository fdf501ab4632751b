"""The thresholds of tracking: what makes no sense is refused, and those given are those used."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from typing import Any, cast

import pytest

from benchmarks.support.fake_model import FakeModel, picture
from tracker import Prompt, Sam3, Stage, Tracker, TrackerError
from tracker.stream.params import DEFAULTS, TrackingParams


def test_the_defaults_make_sense_and_cannot_be_changed() -> None:
    assert TrackingParams() == DEFAULTS
    with pytest.raises(FrozenInstanceError):
        DEFAULTS.present = 0.9  # type: ignore[misc]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"present": 0.0}, "present is 0.0"),
        ({"doubt_batch": -1}, "doubt_batch is -1"),
        ({"stale": float("nan")}, "stale is nan"),
        ({"good_iou": 1.5}, "an IoU is at most 1"),
        ({"confirm_hits": 4}, "4 hits cannot be had of 3 keyframes"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(TrackerError, match=says):
        replace(DEFAULTS, **wrong)


def stages(frames: int, params: TrackingParams) -> str:
    """One letter for each frame on which a blob is followed: k for a keyframe; capital where it is confirmed."""
    tracker = Tracker(cast(Sam3, FakeModel()), [Prompt("red")], interval=100, params=params)
    told = ""
    for index in range(frames):
        step = tracker.step(picture(("red", 20, 20, 30)), index, index / 30)
        letter = "k" if step.stage is Stage.KEYFRAME else "r"
        told += letter if any(track.tentative for track in step.tracks) else letter.upper()
    return told


def test_a_tracker_goes_by_the_thresholds_it_is_given() -> None:
    assert stages(6, DEFAULTS) == "kKRRRR"
    assert stages(6, TrackingParams(confirm_hits=3)) == "kkKRRR"
    assert stages(6, TrackingParams(confirm_hits=3, confirm_run=1)) == "kkrrrr"

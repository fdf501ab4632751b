"""The thresholds of presenting."""

from __future__ import annotations

import pytest

from tracker.presenting.params import DEFAULTS, PresentingParams
from tracker.types import TrackerError


def test_thresholds_that_make_no_sense_are_refused() -> None:
    with pytest.raises(TrackerError, match="tone is -1: it must be more than 0"):
        PresentingParams(tone=-1)
    with pytest.raises(TrackerError, match="most_turned"):
        PresentingParams(most_turned=1.2)
    with pytest.raises(TrackerError, match="least_size"):
        PresentingParams(least_size=4.0)


def test_shake_may_go_back() -> None:
    assert DEFAULTS.most_turned < 0 < DEFAULTS.most_grown

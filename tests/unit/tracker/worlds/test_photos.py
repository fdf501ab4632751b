"""Photographs that other packages ship."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracker.worlds import photos


def test_those_that_are_there_are_loaded_and_none_is_too_long() -> None:
    found = photos.load()
    assert len(found) >= 3
    assert all(max(each.shape[:2]) <= photos.LONGEST and each.shape[2] == 3 for each in found)


def test_without_debians_package_the_others_are_still_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = len(photos.load())
    monkeypatch.setattr(photos, "OPENCV_DOC", tmp_path / "nowhere")
    assert 3 <= len(photos.load()) <= before

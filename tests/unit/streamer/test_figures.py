"""What was measured on this machine, kept between runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from streamer import figures


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "sam3-streamer").mkdir()
    return tmp_path / "sam3-streamer" / "figures.json"


def test_figures_add_up_and_the_asked_resolution_comes_first() -> None:
    assert figures.measured() == {}
    figures.keep("one", 504, {"look": 0.5})
    figures.keep("one", 1008, {"look": 2.0})
    figures.keep("two", 224, {"look": 0.1})
    measured = figures.measured()
    assert figures.chosen(measured, "one", 1008) == (1008, {"look": 2.0})
    assert figures.chosen(measured, "one", 336) == (504, {"look": 0.5})
    assert figures.chosen(measured, "three", 336) is None


@pytest.mark.parametrize(
    "kept",
    [
        [],
        {"one": []},
        {"one": {"504": 1.0}},
        {"one": {"504": {"look": "fast"}}},
        {"one": {"504": {"look": 0.0}}},
        {"one": {"large": {"look": 1.0}}},
        "{",
    ],
)
def test_what_is_no_figure_is_left_out(place: Path, kept: Any) -> None:
    place.write_text(kept if isinstance(kept, str) else json.dumps(kept))
    assert figures.chosen(figures.measured(), "one", 504) is None

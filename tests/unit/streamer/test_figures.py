"""What was measured on this machine, kept between runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from streamer import figures
from streamer.figures import Expected
from tracker import ENTRIES


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


def test_what_is_expected_was_measured_or_is_estimated_from_what_was() -> None:
    entry, speed = ENTRIES[1], figures.Speed(35.2, "cpu")
    size = entry.config.image_size
    assert figures.expected(entry, size, {}, speed) == Expected(2.0, size, "cpu", measured=False)
    assert figures.expected(entry, 504, {}, speed) == Expected(0.5, 504, "cpu", measured=False)
    kept: dict[str, dict[str, Any]] = {entry.name: {"504": {"look": 0.44, "device": "cpu"}, "336": {"look": 9.0}}}
    assert figures.expected(entry, 504, kept, speed) == Expected(0.44, 504, "cpu", measured=True)
    assert figures.expected(entry, 1008, kept, speed) == Expected(2.0, 1008, "cpu", measured=False)


def test_the_speed_of_a_machine_is_that_of_its_largest_look() -> None:
    small, *_, large = ENTRIES[1:]
    kept = {each.name: {str(each.config.image_size): {"look": 2.0, "device": "cuda:0"}} for each in (small, large)}
    assert figures.speed(kept) == figures.Speed(large.gflop / 2, "cuda:0")
    measured = figures.speed({}, 0.0)
    assert measured.gflop > 0 and measured.device == "cpu"

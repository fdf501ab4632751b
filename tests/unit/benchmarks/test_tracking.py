"""The tracking benchmark: its scenarios are what they say, and its clock is the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest

from benchmarks import scenarios
from benchmarks.once import Once
from benchmarks.tracking import judge, offline, streaming
from benchmarks.tracking_policies import COSTS, POLICIES, Policy
from benchmarks.tracking_report import Kept, plot
from tests.support.models import untrained
from tracker import Sam3

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def test_every_scenario_is_what_it_is_called() -> None:
    films = {film.name: film for film in (make(1, 60) for make in scenarios.SCENARIOS)}
    assert len(films) == 12
    assert all(len(film.scenes) == 60 for film in films.values())
    counts = {name: [len(film.truth(index).truth) for index in range(60)] for name, film in films.items()}
    assert set(counts["easy"]) == set(counts["fast"]) == {3}
    assert min(counts["occlusion"]) < max(counts["occlusion"]) == 3
    assert min(counts["re-entry"]) == 0
    assert min(counts["crowd"]) >= 20
    assert set(counts["edited"]) == {2}
    assert counts["clicked"][0] == 0 and counts["clicked"][-1] == 3
    before, after = (set(films["hard cut"].truth(index).truth) for index in (29, 30))
    assert not before & after
    bright = [scene.image.mean() for scene in films["lights out"].scenes]
    assert min(bright) < 0.2 * max(bright)


def test_a_scenario_is_the_same_each_time() -> None:
    one, again = scenarios.crossing(3, 2), scenarios.crossing(3, 2)
    assert np.array_equal(one.scenes[1].image, again.scenes[1].image)
    assert one.truth(1) == again.truth(1)


def test_a_policy_is_run_as_it_says() -> None:
    film = scenarios.easy(0, 12)
    every = offline(untrained(), Policy("every frame", 1, "pvs"), film)
    assert (every.encoded, every.detected, len(every.shown)) == (12, 12, 12)
    flowing = offline(untrained(), Policy("every 5", 5, "flow"), film)
    assert flowing.encoded == flowing.detected < 12
    assert flowing.given < every.given


def test_a_live_camera_is_judged_by_the_newest_result_there_is() -> None:
    film = scenarios.easy(0, 30)
    live = streaming(untrained(), Policy("every frame", 1, "pvs"), film)
    cost = live.given / live.encoded
    assert cost >= COSTS["embed"] + 4 * COSTS["detect"]
    assert live.encoded == pytest.approx(1 / cost, rel=0.15)  # a second of video
    assert live.shown[0] == {}  # nothing is ready yet
    assert live.given == streaming(untrained(), Policy("every frame", 1, "pvs"), film).given


def test_everything_is_judged_and_drawn(tmp_path: Path) -> None:
    film = scenarios.clicked(0, 46)
    figures = judge(untrained(), POLICIES[1], film)
    assert all(0 <= figures[name] <= 1 for name in ("HOTA", "IDF1", "J&F", "live HOTA", "live J&F", "encoder"))
    plot(dict.fromkeys(POLICIES, 0.5), {policy: place for place, policy in enumerate(POLICIES)}, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 5000


def test_a_frame_is_looked_at_once_however_many_policies_are_judged_on_it() -> None:
    film, model = scenarios.easy(0, 6), untrained()
    once = cast(Sam3, Once(model))
    first, second = (offline(once, POLICIES[1], film) for _ in range(2))
    alone = offline(model, POLICIES[1], film)
    assert first.shown == second.shown == alone.shown
    embedding = once.embed(film.scenes[0].image)
    assert once.embed(film.scenes[0].image) is embedding
    assert once.detect(embedding, film.prompts)[0] is once.detect(embedding, film.prompts[:1])[0]


def test_what_was_measured_is_kept_and_not_measured_again(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "figures.jsonl")
    kept.add("easy", 3, POLICIES[2], {"HOTA": 0.5})
    again = Kept(tmp_path / "figures.jsonl")
    assert again.find("easy", 3, POLICIES[2]) == [{"HOTA": 0.5}]
    assert again.find("easy", 4, POLICIES[2]) == again.find("easy", 3, POLICIES[1]) == []

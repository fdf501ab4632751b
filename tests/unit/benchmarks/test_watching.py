"""How a reader counts results and the looks behind them."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.watching import Counting, Figures, means, parts
from streamer.counters import Counters
from tests.support.results import result


def message(index: int, look: int | None, *, age: float = 10.0, look_age: float = 100.0, dropped: int = 0) -> Any:
    looked_at = {"index": look, "age_ms": look_age, "stage": "refine", "reason": "interval"}
    return {
        "frame": {"index": index},
        "looked_at": None if look is None else looked_at,
        "age_ms": age,
        "dropped": {"source": dropped, "subscriber": 0},
        "prompt_results": [{"predictions": [{}, {}]}, {"predictions": [{}]}],
    }


def counted(*messages: Any, seconds: float = 2.0) -> Figures:
    """The first of them comes before the window opens."""
    figures = Figures("some way")
    counting = Counting(figures)
    counting.begin(messages[0])
    for place, each in enumerate(messages[1:], 1):
        counting.add(each, seconds * place / (len(messages) - 1))
    return figures


def test_a_look_behind_many_results_counts_once() -> None:
    looks = [5, 5, 5, 8, 8, 8, 11, 11, 11]
    figures = counted(*(message(10 + place, look, age=place) for place, look in enumerate(looks)))
    assert (figures.results, figures.looks_a_second) == (4.0, 1.0)  # the look from before the window is not of it
    assert figures.stages.total() == 2
    assert figures.ages == [1, 2, 3, 4, 5, 6, 7, 8]
    assert figures.look_ages == [100] * 8
    assert set(figures.objects) == {3}
    assert figures.frames == 8


def test_where_only_looked_at_frames_have_results_each_is_a_look() -> None:
    figures = counted(*(message(index, index, dropped=index - index // 3) for index in range(0, 15, 3)))
    assert (figures.results, figures.looks_a_second) == (2.0, 2.0)
    assert (figures.dropped, figures.frames) == (8, 12)


def test_a_frame_that_is_told_again_counts_once_and_its_look_too() -> None:
    figures = counted(message(7, 6), message(8, 6), message(8, 8), message(8, 8))
    assert (len(figures.ages), figures.looks) == (1, 1)


def test_a_scene_without_a_look_has_results_and_no_look() -> None:
    figures = counted(message(1, None), message(2, None), message(3, 1))
    assert (len(figures.ages), figures.looks, figures.look_ages) == (2, 1, [100])


def test_figures_become_one_row() -> None:
    figures = Figures("rtsp", seconds=2.0, ages=[10.0, 20.0, 30.0], objects=[3, 3, 0], dropped=4, frames=60)
    figures.memory, figures.cpu, figures.looks, figures.look_ages = 812.4, 96.0, 5, [80.0, 90.0, 100.0]
    assert figures.row() == ["rtsp", "1.5", "20", "29", "2.5", "90", "99", "4 of 60", "2.0", "812", "96 %"]
    assert len(figures.row()) == 1 + len(Figures.HEAD)


def test_a_door_without_results_says_so_and_reaches_no_bar() -> None:
    figures = Figures("webrtc")
    assert figures.row()[:2] == ["webrtc", "no results"]
    assert len(figures.row()) == 1 + len(Figures.HEAD)
    assert (figures.results, figures.looks_a_second, figures.age_p95) == (0.0, 0.0, float("inf"))


def test_what_parts_of_a_step_took_is_read_from_the_servers_own_metrics() -> None:
    from prometheus_client import generate_latest

    counters, looked = Counters(), result()
    assert looked.step is not None
    readings = []
    for seconds in (9.0, 0.2, 0.4):  # the first is of before
        looked.step.timings.update({"embed": seconds, "refine the rest": 2 * seconds})
        counters.looked_at(looked)
        readings.append(parts(generate_latest(counters.registry).decode()))
    assert means(readings[0], readings[2]) == pytest.approx({"embed": 300, "refine the rest": 600})
    assert means(readings[2], readings[2]) == {}
    assert means({}, readings[0])["embed"] == pytest.approx(9000)

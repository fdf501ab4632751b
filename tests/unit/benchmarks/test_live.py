"""benchmarks.live: its bars are judged as written, and a crowd is presented beside a model at work."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.live import LARGE, LOOKED, PRESENTED, SLOWLY, WAYS, bars, looking_alone, presenting_alone
from benchmarks.live_crowd import Crowd, crowd, disks
from benchmarks.watching import Figures
from streamer.config import Config
from tests.support.models import untrained
from tracker import Prompt, Tracker


def figures(results: float, looks: float, age: float = 20.0) -> Figures:
    count = round(10 * results)
    return Figures("", seconds=10, ages=[age] * count, objects=[5] * count, looks=round(10 * looks))


def reached(*given: object) -> list[bool]:
    return [enough for _, _, enough in bars(*given)]  # type: ignore[arg-type]


def test_bars_are_for_what_was_measured() -> None:
    assert bars({}, [], []) == []
    assert reached({PRESENTED: figures(28, 8)}, [], []) == [True, True]
    assert reached({PRESENTED: figures(27.9, 8, 30.5)}, [], []) == [False, False]
    assert reached({LOOKED: figures(9, 9)}, [], []) == []
    for name in LARGE:
        assert reached({f"{PRESENTED}, {name}": figures(25, 1, 60)}, [], []) == [True, True]
        assert reached({f"{PRESENTED}, {name}": figures(24.9, 1, 60.5)}, [], []) == [False, False]


@pytest.mark.parametrize("slowly", ["", SLOWLY])
def test_looking_must_not_suffer_from_presenting(slowly: str) -> None:
    for looks, enough in ((8.5, True), (8.4, False)):
        ways = {PRESENTED + slowly: figures(30, looks), LOOKED + slowly: figures(10, 10)}
        assert reached(ways, [], [])[-1] == enough
    ways = {PRESENTED + slowly: figures(30, 0), LOOKED + slowly: figures(0, 0)}
    assert not reached(ways, [], [])[-1]


def test_the_slowest_of_some_streams_is_judged() -> None:
    assert reached({}, [figures(15, 2), figures(13, 2)], []) == [True]
    assert reached({}, [figures(15, 2), figures(12.9, 2)], []) == [False]
    assert reached({}, [figures(15, 2), Figures("silent")], []) == [False]


def test_a_crowd_is_judged_too() -> None:
    for count, enough in ((150, True), (149, False)):
        each = Crowd(64, False, 10.0, [20.0] * count, [64] * count)
        assert reached({}, [], [each]) == [enough]


def test_the_ways_are_settings_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, seen = Config(), {}
    for name, way in WAYS.items():
        with monkeypatch.context() as patch:
            for variable, value in way.settings.items():
                patch.setenv(variable, value)
            seen[name] = Config.from_env()
    assert seen[PRESENTED] == seen[PRESENTED + SLOWLY] == plain
    assert seen[LOOKED] == seen[LOOKED + SLOWLY] == plain.model_copy(update={"present": "looked"})
    assert WAYS[PRESENTED + SLOWLY].program == WAYS[LOOKED + SLOWLY].program != ()


def test_disks_do_not_touch_and_lie_in_the_picture() -> None:
    made = disks(64, 56)
    covered = np.sum([each.logits > 0 for each in made], 0)
    assert covered.max() == 1
    assert len({each.id for each in made}) == 64
    assert all((each.logits > 0).sum() >= 4 for each in made)


@pytest.mark.parametrize("ahead", [False, True])
def test_all_of_a_crowd_are_told(ahead: bool) -> None:
    found = crowd(untrained(), 9, 1.0, ahead=ahead)
    assert len(found.row()) == len(Crowd.HEAD)
    assert max(found.told) == 9
    assert min(found.milliseconds) > 0
    assert 0 < found.results <= 31


def test_presenting_has_masks_without_a_look_at_every_frame() -> None:
    model = untrained()
    pictures = [np.full((96, 128, 3), 90, np.uint8)] * 12

    def tracker() -> Tracker:
        return Tracker(model, [Prompt("thing", threshold=0.0)])

    looking = looking_alone("looking", tracker(), pictures)
    presenting = presenting_alone("presenting", tracker(), pictures)
    assert len(looking) == len(presenting)
    assert float(presenting[3]) > 0

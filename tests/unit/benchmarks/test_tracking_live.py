"""A live camera whose every frame is presented, on the virtual clock."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks import scenarios
from benchmarks.tracking_live import Live, Seen, luma
from benchmarks.tracking_policies import LIVE, Policy
from tests.support.models import untrained
from tracker import Presented, Presenter

FRAMES = 24


class Listening(Presenter):
    """Notes what a session calls it for."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str, int]] = []

    def begin(self, index: int) -> None:
        self.heard.append(("begin", index))
        super().begin(index)

    def take(self, snapshot: Any) -> None:
        self.heard.append(("take", snapshot.index))
        super().take(snapshot)

    def present(self, luma: Any, size: tuple[int, int], index: int, seconds: float, **options: Any) -> Presented:
        self.heard.append(("present", index))
        return super().present(luma, size, index, seconds, **options)


def run(policy: Policy, film: scenarios.Scenario) -> tuple[Seen, list[tuple[str, int]]]:
    presenter = Listening()
    return Live(untrained(), policy, film, presenter).run(luma(film)), presenter.heard


def test_every_frame_is_presented_and_looks_take_the_newest_that_was() -> None:
    seen, heard = run(LIVE[0], scenarios.easy(0, FRAMES))
    assert [index for what, index in heard if what == "present"] == list(range(FRAMES))
    assert len(seen.presented) == len(seen.ahead) == FRAMES and seen.presented[0] == {}
    assert seen.looks == [index for what, index in heard if what == "begin"]
    assert all(("present", look) in heard[: heard.index(("begin", look))] for look in seen.looks)
    costs = LIVE[0].costs
    assert seen.looks[:2] == [0, int((costs["embed"] + 4 * costs["detect"] + costs["encode"]) * scenarios.FPS)]
    taken = [index for what, index in heard if what == "take"]
    assert taken == seen.looks[: len(taken)]


def test_a_slower_machine_looks_less_often() -> None:
    film = scenarios.easy(0, FRAMES)
    fast, slow = (len(run(policy, film)[0].looks) for policy in (LIVE[0], LIVE[2]))
    assert fast > 3 * slow > 0


def test_orders_wait_for_the_look_at_hand_and_are_shown_with_its_answer() -> None:
    film = scenarios.clicked(0, 2 * FRAMES)
    _, heard = run(LIVE[3], film)
    moment = min(film.clicks)
    looking = [index for what, index in heard[: heard.index(("present", moment))] if what == "begin"][-1]
    later = heard[heard.index(("present", moment)) :]
    assert next(each for each in later if each[0] == "take") == ("take", looking)


def test_the_brightness_is_that_of_the_frames() -> None:
    film = scenarios.lights(0, 10)
    means = [float(each.mean()) for each in luma(film)]
    assert luma(film)[0].shape == film.scenes[0].image.shape[:2]
    assert np.argmin(means) in (5, 6) and min(means) < 0.2 * max(means)

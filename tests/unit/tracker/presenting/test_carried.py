"""The objects of one look, from frame to frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.moving import HEIGHT, SIDE, WIDTH, dense, iou, looked, picture, shown
from tracker.presenting.carried import Carried
from tracker.presenting.course import Course
from tracker.presenting.motion import small
from tracker.presenting.placing import tracks
from tracker.presenting.snapshot import Shown
from tracker.presenting.steps import Stepper
from tracker.presenting.trail import Trail
from tracker.types import Track

SIZE = (HEIGHT, WIDTH)
Picture = npt.NDArray[np.uint8]


class Film:
    """Pictures, one after another, and the objects of the first one."""

    def __init__(self, first: Picture, *objects: Shown, courses: dict[int, Course] | None = None) -> None:
        self.grey, self.index, self.stepper = small(first), 0, Stepper()
        self.courses: dict[int, Course] = {} if courses is None else courses
        self.carried = Carried(looked(0, *objects), Trail(0, self.grey), self.courses)

    def next(self, now: Picture) -> tuple[Track, ...]:
        """The masks on the next one."""
        before, self.grey, self.index = self.grey, small(now), self.index + 1
        light = self.grey.astype(np.float32)
        self.carried.step(self.stepper.step(before, self.grey, self.index - 1, self.index), light)
        self.now, self.ahead = (tracks(each, SIZE) for each in self.carried.parts(light, SIZE, ahead=True))
        return self.now


def covered(x: int, left: int, right: int) -> Picture:
    """A square at (x, 80), and a bar over everything from ``left`` to ``right`` of it."""
    made = picture((x, 80))
    made[:, max(x + left, 0) : max(x + right, 0)] = 20
    return made


def run(corners: Sequence[tuple[int, int]]) -> Film:
    film = Film(picture(corners[0]), shown(*corners[0]))
    for corner in corners[1:]:
        film.next(picture(corner))
    return film


def test_masks_do_not_wear_out() -> None:
    """Sixty frames there and back: small errors would add up."""
    film = run([(100 + round(60 * np.sin(index / 10)), 80) for index in range(60)])
    (track,) = film.now
    assert iou(track.mask, dense(100 + round(60 * np.sin(5.9)), 80)) > 0.9


def test_what_is_ahead_goes_on_as_it_went() -> None:
    film = run([(60 + 8 * index, 80) for index in range(8)])
    assert iou(film.now[0].mask, dense(116, 80)) > 0.9
    assert iou(film.ahead[0].mask, dense(124, 80)) > 0.9 > iou(film.now[0].mask, dense(124, 80))


def test_nothing_goes_on_that_shakes() -> None:
    """On average what is ahead is no further from the truth than what is now."""
    rng = np.random.default_rng(0)
    corners = [(100 + round(x), 80 + round(y)) for x, y in rng.normal(0, 5, (40, 2))]
    film, now, ahead = Film(picture(corners[0]), shown(*corners[0])), [], []
    for index in range(1, 39):
        film.next(picture(corners[index]))
        if index > 12:
            now.append(iou(film.now[0].mask, dense(*corners[index + 1])))
            ahead.append(iou(film.ahead[0].mask, dense(*corners[index + 1])))
    assert np.mean(ahead) >= np.mean(now) - 0.01


def test_what_is_covered_is_not_shown_and_comes_back_as_long_as_most_is_seen() -> None:
    film = Film(picture((100, 80)), shown(100, 80))
    for _ in range(3):
        (track,) = film.next(covered(100, -20, 14))
    truth = dense(100, 80)
    truth[:, :114] = False
    assert iou(track.mask, truth) > 0.8
    (track,) = film.next(picture((100, 80)))
    assert iou(track.mask, dense(100, 80)) > 0.9


@pytest.mark.parametrize(("left", "right"), [(-20, SIDE - 5), (20, 40)])
def test_what_is_hidden_or_torn_waits_for_the_next_look(left: int, right: int) -> None:
    film = Film(picture((100, 80)), shown(100, 80))
    assert film.next(covered(100, left, right)) == ()
    assert film.next(picture((100, 80))) == ()
    assert film.ahead == ()
    assert film.carried.withheld == {1}
    again = Film(picture((100, 80)), shown(100, 80), courses=film.courses)
    assert [track.id for track in again.next(picture((100, 80)))] == [1]


def test_another_answer_for_the_same_frame_brings_nothing_back() -> None:
    """As after an order: one of the two was hidden."""
    two = shown(100, 80), shown(220, 20, id=2)
    first = picture((100, 80), (220, 20))
    film = Film(first, *two)
    hidden = first.copy()
    hidden[:, 80:170] = 20
    assert [track.id for track in film.next(hidden)] == [2]
    new = shown(20, 160, id=3)
    trail = Trail(0, small(first))
    again = Carried(looked(0, *two, new), trail, film.courses, earlier=film.carried)
    assert again.withheld == {1}
    assert np.array_equal(again.poses[:2], film.carried.poses)


def test_what_becomes_something_else_altogether_is_withheld() -> None:
    film = Film(picture((100, 80)), shown(100, 80))
    film.next(picture((100, 80)))
    film.carried.poses[0, :, :2] *= 0.2
    assert film.carried.parts(film.grey.astype(np.float32), SIZE, ahead=False) == ([], [])
    assert film.carried.withheld == {1}


def test_what_is_nowhere_on_the_picture_is_left_out() -> None:
    empty = Shown(7, None, 0.9, False, 1, shown(0, 0).stage, np.full((64, 64), -5, np.float32))
    film = Film(picture((100, 80)), empty, shown(100, 80, tentative=True))
    (track,) = film.next(picture((104, 80)))
    assert (track.id, track.tentative) == (1, True)
    nothing = Film(picture(), empty)
    assert nothing.next(picture()) == ()


def test_a_late_answer_is_carried_to_the_present() -> None:
    greys, stepper = [small(picture((60 + 5 * index, 80))) for index in range(10)], Stepper()
    trail = Trail(0, greys[0])
    for index in range(9):
        trail.step(stepper.step(greys[index], greys[index + 1], index, index + 1))
    carried = Carried(looked(0, shown(60, 80)), trail, {})
    now, ahead = carried.parts(greys[9].astype(np.float32), SIZE, ahead=False)
    assert iou(tracks(now, SIZE)[0].mask, dense(105, 80)) > 0.9
    assert ahead == []

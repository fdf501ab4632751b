"""What was presented lately, and the ways of places from frame to frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.support.moving import HEIGHT, WIDTH, picture
from tracker import Box, History, Mask, Motion, MotionPath, Point, Presented, Presenter, Stage, Track
from tracker.presenting.history import FRAMES, SECONDS, back, bridged, forth
from tracker.presenting.motion import Field, grid

SIZE = (96, 128)
FPS = 30
GRID = grid(*SIZE)


def motion(before: int, places: Field) -> Motion:
    return Motion(before, before + 1, places.astype(np.float32), np.ones(SIZE, np.bool_))


def shift(before: int, x: float = 0.02, y: float = -0.01) -> Motion:
    return motion(before, GRID - np.array((x, y), np.float32))


def presented(index: int, step: Motion | None, *tracks: Track, scene: int = 0) -> Presented:
    return Presented(index=index, scene=scene, tracks=tracks, ahead=None, snapshot=None, motion=None, step=step)


def history(steps: Sequence[Motion | None]) -> History:
    """One frame, and one more for each step."""
    made = History()
    for index, step in enumerate((None, *steps)):
        made.add(presented(index, step), index / FPS, SIZE)
    return made


def path(made: History, index: int) -> MotionPath:
    found = made.path(index)
    assert found is not None
    return found


def square(number: int, left: int, top: int, side: int) -> Track:
    dense = np.zeros(SIZE, np.bool_)
    dense[top : top + side, left : left + side] = True
    box = Box(left, top, left + side, top + side)
    return Track(number, None, 0.9, box, Mask.from_dense(dense), 3, Stage.FLOW)


def close(place: tuple[float, float] | None, x: float, y: float, off: float = 1e-3) -> bool:
    return place is not None and max(abs(place[0] - x), abs(place[1] - y)) <= off


def test_places_go_back_with_the_picture_and_forth() -> None:
    made = history([shift(before) for before in range(10)])
    for start, end in ((10, 0), (3, 9), (5, 5), (7, 6)):
        moved = path(made, start).moved([(0.5, 0.5), (0.3, 0.6)], end)
        for place, (x, y) in zip(moved, ((0.5, 0.5), (0.3, 0.6)), strict=True):
            assert close(place, x + 0.02 * (end - start), y - 0.01 * (end - start))


def test_a_motion_that_is_not_even_is_inverted_too() -> None:
    """A camera that comes nearer: everything goes away from the middle."""
    nearer = [motion(before, 0.5 + (GRID - 0.5) / np.float32(1.03)) for before in range(12)]
    made, grown = history(nearer), 1.03**12
    (there,) = path(made, 0).moved([(0.6, 0.45)], 12)
    assert close(there, 0.5 + 0.1 * grown, 0.5 - 0.05 * grown)
    (here,) = path(made, 12).moved([(0.5 + 0.1 * grown, 0.5 - 0.05 * grown)], 0)
    assert close(here, 0.6, 0.45)


def test_where_the_motion_was_seen_by_a_presenter_places_stay_on_their_object() -> None:
    presenter, made = Presenter(), History()
    for index in range(12):
        seen = presenter.present(picture((40 + 5 * index, 60 + 2 * index)), (HEIGHT, WIDTH), index, index / FPS)
        made.add(seen, index / FPS, (HEIGHT, WIDTH))
    for start, end in ((0, 11), (11, 0), (4, 9)):
        x, y = (70 + 5 * start) / WIDTH, (90 + 2 * start) / HEIGHT
        (place,) = path(made, start).moved([(x, y)], end)
        assert close(place, (70 + 5 * end) / WIDTH, (90 + 2 * end) / HEIGHT, off=0.015)


def test_a_place_that_something_comes_to_hide_has_no_way_forth() -> None:
    """Between 0.5 and 0.7 there is now what was a tenth of the picture further left; what it hid is not trusted."""
    places, across = GRID.copy(), GRID[..., 0]
    places[(across > 0.5) & (across < 0.7)] -= np.array((0.1, 0), np.float32)
    step = motion(0, places)
    step.trusted[(across > 0.4) & (across < 0.5)] = False
    made = history([step])
    moved = path(made, 0).moved([(0.65, 0.5), (0.45, 0.5), (0.8, 0.5), (0.55, 0.5)], 1)
    assert moved[:2] == [None, None]
    assert close(moved[2], 0.8, 0.5) and close(moved[3], 0.65, 0.5)


def test_each_place_whose_motion_is_not_trusted_has_no_way() -> None:
    steps = [shift(before, 0.0, 0.0) for before in range(6)]
    steps[3].trusted[:, SIZE[1] // 2 :] = False
    made = history(steps)
    for start, end in ((6, 0), (0, 6), (4, 3), (3, 4)):
        left, right = path(made, start).moved([(0.2, 0.5), (0.8, 0.5)], end)
        assert close(left, 0.2, 0.5) and right is None
    assert None not in path(made, 0).moved([(0.8, 0.5)], 3) + path(made, 6).moved([(0.8, 0.5)], 4)


@pytest.mark.parametrize("kind", ["missing", "skipped", "scene"])
def test_nothing_goes_across_a_cut_or_a_gap(kind: str) -> None:
    made = History()
    for index in range(6):
        step = shift(index - 1) if index else None
        if index == 3:
            step = {"missing": None, "skipped": shift(1)}.get(kind, step)
        made.add(presented(index, step, scene=int(kind == "scene" and index >= 3)), index / FPS, SIZE)
    for start, end in ((5, 0), (0, 5), (3, 2), (2, 3)):
        assert path(made, start).moved([(0.5, 0.5)], end) == [None]
        assert path(made, start).box((0.4, 0.4, 0.6, 0.6), end) is None
    assert None not in path(made, 5).moved([(0.5, 0.5)], 3) + path(made, 0).moved([(0.5, 0.5)], 2)


def test_what_leaves_the_picture_has_no_way() -> None:
    made = history([shift(before, 0.05, 0.0) for before in range(10)])
    assert path(made, 0).moved([(0.9, 0.5)], 4) == [None]
    assert path(made, 10).moved([(0.1, 0.5)], 4) == [None]
    assert path(made, 10).moved([(0.1, 0.5)], 9) != [None]


def test_frames_that_are_not_there_have_no_way() -> None:
    made = history([shift(0)])
    assert made.path(7) is None
    assert path(made, 1).moved([(0.5, 0.5)], 7) == [None]
    assert path(made, 1).moved([(0.5, 0.5)], 0, since=7) == [None]


def test_places_of_another_frame_than_the_one_that_is_pointed_at() -> None:
    made = history([shift(before) for before in range(10)])
    (place,) = path(made, 9).moved([(0.5, 0.5)], 6, since=2)
    assert close(place, 0.58, 0.46)


def test_the_motion_between_two_frames_is_composed_of_all_on_the_way() -> None:
    nearer = [motion(before, 0.5 + (GRID - 0.5) / np.float32(1.03)) for before in range(9)]
    came = path(history(nearer), 4).between(1, 8)
    assert came is not None
    assert np.abs(came - (0.5 + (GRID - 0.5) / 1.03**7)).max() < 2e-3
    steps: list[Motion | None] = [shift(before) for before in range(9)]
    even = path(history(steps), 9).between(2, 5)
    assert even is not None
    assert np.abs(even - (GRID - np.array((0.06, -0.03)))).max() < 1e-3
    steps[3] = None
    made = path(history(steps), 9)
    assert made.between(4, 9) is not None and made.between(0, 3) is not None
    assert [made.between(*each) for each in ((3, 4), (0, 9), (5, 5), (7, 6), (-1, 2), (8, 10))] == [None] * 6


def test_the_smallest_object_that_was_presented_under_the_first_positive_point_is_meant() -> None:
    made = History()
    made.add(presented(0, None, square(1, 10, 10, 80), square(2, 30, 30, 20)), 0.0, SIZE)
    made.add(presented(1, shift(0), square(7, 80, 50, 46)), 1 / FPS, SIZE)
    here = path(made, 0)
    for x, number in ((40, 2), (15, 1), (120, None)):
        assert here.under([Point(1, 1, False), Point(x, 40)]) == number
    assert here.under([Point(40, 40, False)]) is None
    assert path(made, 1).under([Point(125, 95)]) == 7
    assert here.mask(2) is here.frame.tracks[1].mask
    assert here.mask(7) is None


def test_a_box_goes_and_grows_with_what_is_in_it() -> None:
    nearer = [motion(before, 0.5 + (GRID - 0.5) / np.float32(1.04)) for before in range(8)]
    made = history(nearer)
    box = path(made, 0).box((0.5, 0.4, 0.7, 0.6), 8)
    assert box == pytest.approx((0.5, 0.5 - 0.1 * 1.04**8, 0.5 + 0.2 * 1.04**8, 0.5 + 0.1 * 1.04**8), abs=0.005)
    assert path(made, 3).box((0.1, 0.2, 0.3, 0.4), 3) == pytest.approx((0.1, 0.2, 0.3, 0.4))


def test_what_is_around_it_does_not_take_a_box_along() -> None:
    """Its edges stand still, and its middle moves."""
    steps = []
    for before in range(5):
        places, inside = GRID.copy(), np.abs(GRID - (0.5 + 0.02 * (before + 1), 0.5)).max(-1) < 0.13
        places[inside] -= np.array((0.02, 0), np.float32)
        steps.append(motion(before, places))
    box = path(history(steps), 0).box((0.35, 0.35, 0.65, 0.65), 5)
    assert box is not None
    assert (box[0] + box[2]) / 2 == pytest.approx(0.6, abs=0.02)


def test_a_box_of_which_most_cannot_be_trusted_has_no_way() -> None:
    for share, there in ((0.3, True), (0.7, False)):
        step = shift(0, 0.0, 0.0)
        step.trusted[:, : int((0.4 + 0.2 * share) * SIZE[1])] = False
        assert (path(history([step]), 0).box((0.4, 0.4, 0.6, 0.6), 1) is not None) == there


def test_a_box_that_would_become_another_thing_altogether_has_no_way() -> None:
    away = [motion(before, 0.5 + (GRID - 0.5) * np.float32(1.2)) for before in range(6)]
    made = history(away)
    assert path(made, 0).box((0.4, 0.4, 0.6, 0.6), 2) is not None
    assert path(made, 0).box((0.4, 0.4, 0.6, 0.6), 6) is None


@pytest.mark.parametrize("fps", [5, 30, 60, 240])
def test_it_holds_two_seconds_and_no_more_than_it_may(fps: int) -> None:
    made = History()
    for index in range(2000):
        made.add(presented(index, None), index / fps, SIZE)
        assert len(made) <= min(FRAMES, SECONDS * fps + 1)
    assert len(made) >= min(FRAMES, SECONDS * fps) - 1
    assert made.path(1999 - len(made)) is None
    assert made.path(2000 - len(made)) is not None


def test_a_path_stays_what_it_was() -> None:
    made = history([shift(before) for before in range(4)])
    before = path(made, 4)
    for index in range(5, 300):
        made.add(presented(index, None, scene=1), index / FPS, SIZE)
    assert made.path(4) is None
    assert None not in before.moved([(0.5, 0.5)], 0)


def test_a_frame_that_is_presented_once_more_shows_something_else_and_moved_the_same() -> None:
    made = history([shift(0), shift(1)])
    made.add(presented(2, None, square(3, 10, 10, 20)), 2 / FPS, SIZE)
    assert len(made) == 3
    assert path(made, 2).under([Point(15, 15)]) == 3
    assert None not in path(made, 2).moved([(0.5, 0.5)], 0)


def test_back_and_forth_are_each_others_inverse() -> None:
    waves = GRID + 0.02 * np.sin(9 * GRID[..., ::-1]).astype(np.float32)
    step, places = motion(0, waves), np.random.default_rng(0).uniform(0.1, 0.9, (200, 2))
    now, sure = forth(step, places)
    again, known = back(step, now)
    assert sure.all() and known.all()
    assert np.abs(again - places).max() < 1e-3


def test_a_hole_in_what_is_trusted_moves_as_its_neighbours_do() -> None:
    steps = [shift(before) for before in range(10)]
    for step in steps[2:7]:
        step.trusted[40:56, 56:72] = False
        step.places[40:56, 56:72] += np.array((0.03, 0.02), np.float32)
    made = history(steps)
    for start, end in ((10, 0), (0, 10), (6, 4), (2, 5)):
        (place,) = path(made, start).moved([(0.5, 0.5)], end)
        assert close(place, 0.5 + 0.02 * (end - start), 0.5 - 0.01 * (end - start))


@pytest.mark.parametrize("kind", ["nothing", "specks", "far", "edge"])
def test_where_too_little_is_trusted_around_nothing_is_bridged(kind: str) -> None:
    step = shift(0)
    hole = {"far": (slice(30, 66), slice(46, 82)), "edge": (slice(0, 96), slice(60, 128))}.get(kind, (slice(0, 96),))
    step.trusted[hole] = False
    if kind == "specks":  # each is near to others to every side, and moves as they do
        step.trusted[::8, ::8] = True
    assert (bridged(step).trusted == step.trusted).all()
    assert path(history([step]), 1).moved([(0.52, 0.52)], 0) == [None]


def test_an_object_of_which_only_the_rim_is_trusted_keeps_its_own_motion() -> None:
    """The rim is two cells wide; what is around it goes the other way, inside nothing was found."""
    step = shift(0, -0.03, 0.0)
    step.places[38:58, 54:74] = (GRID - np.array((0.04, 0.01), np.float32))[38:58, 54:74]
    step.places[40:56, 56:72] = GRID[40:56, 56:72]
    step.trusted[40:56, 56:72] = False
    whole = bridged(step)
    assert whole.trusted.all()
    assert np.abs((GRID - whole.places)[40:56, 56:72] - (0.04, 0.01)).max() < 1e-4
    assert np.abs(whole.places - step.places)[step.trusted].max() == 0


def test_between_things_that_move_apart_nothing_is_bridged() -> None:
    """What came into sight behind an object was nowhere before."""
    step = shift(0, 0.0, 0.0)
    step.places[:, 70:] = (GRID - np.array((0.04, 0), np.float32))[:, 70:]
    step.trusted[:, 64:70] = False
    assert (bridged(step).trusted == step.trusted).all()


def test_a_motion_is_bridged_once_for_all_ways_of_a_click(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []

    def noted(step: Motion) -> Motion:
        done.append(step.now)
        return bridged(step)

    monkeypatch.setattr("tracker.presenting.history.bridged", noted)
    here = path(history([shift(before) for before in range(20)]), 20)
    assert not done
    for end in (15, 12, 12, 15):
        assert None not in here.moved([(0.5, 0.5)], end)
    assert sorted(done) == list(range(13, 21))

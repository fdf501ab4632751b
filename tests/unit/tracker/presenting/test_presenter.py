"""Masks of the newest look on every frame."""

from __future__ import annotations

import resource

import numpy as np
import pytest

from tests.support.moving import HEIGHT, WIDTH, dense, iou, looked, picture, shown
from tracker import Presented, Presenter, Stage
from tracker.presenting.presenter import STEPS

SIZE = (HEIGHT, WIDTH)


def present(presenter: Presenter, index: int, *corners: tuple[int, int], cut: bool = False) -> Presented:
    return presenter.present(picture(*corners), SIZE, index, index / 30, cut=cut, ahead=True)


def began(*corners: tuple[int, int]) -> Presenter:
    """A presenter that knows what the first frame showed."""
    presenter = Presenter()
    present(presenter, 0, *corners)
    presenter.begin(0)
    presenter.take(looked(0, *(shown(*corner, id=1 + place) for place, corner in enumerate(corners))))
    return presenter


def test_a_mask_goes_where_its_object_goes() -> None:
    presenter = began((100, 80))
    (track,) = present(presenter, 1, (106, 77)).tracks
    assert iou(track.mask, dense(106, 77)) > 0.9 > iou(track.mask, dense(100, 80))
    assert (track.id, track.key, track.score, track.age, track.stage) == (1, ("a",), 0.9, 3, Stage.FLOW)
    assert abs(track.box.x0 - 106) <= 3 and abs(track.box.y1 - 137) <= 3


def test_a_look_that_began_frames_ago_is_carried_to_the_present() -> None:
    presenter = Presenter()
    present(presenter, 0, (100, 80))
    presenter.begin(0)
    for index in range(1, 8):
        assert present(presenter, index, (100 + 5 * index, 80)).tracks == ()
    presenter.take(looked(0, shown(100, 80)))
    presented = present(presenter, 8, (140, 80))
    (track,) = presented.tracks
    assert iou(track.mask, dense(140, 80)) > 0.85
    assert presented.snapshot is not None and presented.snapshot.index == 0


@pytest.mark.parametrize("cut", [False, True])
def test_a_look_on_a_scenes_first_frame_that_is_heard_of_late_is_carried(cut: bool) -> None:
    """The next frame was being presented when it began."""
    presenter, scene = Presenter(), 0
    if cut:
        present(presenter, 0, (20, 20))
        scene = present(presenter, 1, (100, 80), cut=True).scene
    else:
        present(presenter, 1, (100, 80))
    present(presenter, 2, (105, 80))
    presenter.begin(1)
    presenter.take(looked(1, shown(100, 80), scene=scene))
    (track,) = present(presenter, 3, (110, 80)).tracks
    assert iou(track.mask, dense(110, 80)) > 0.85


def test_pictures_of_changing_shapes_are_followed_without_a_crash() -> None:
    """OpenCV's optical flow crashes the process when it goes on from motion of another shape."""
    dice = np.random.default_rng(0)
    presenter = Presenter()
    for index, size in enumerate(((480, 640), (640, 480), (1, 1), (2000, 2), (3, 4000), (360, 640), (480, 640)) * 3):
        for again in range(3):
            luma = dice.integers(0, 255, size).astype(np.uint8)
            presenter.present(luma, size, 3 * index + again, index / 10)
        presenter.begin(3 * index + 2)
        presenter.take(looked(3 * index + 2, shown(100, 80), scene=presenter._scene))


def test_the_motion_since_a_look_began_is_told() -> None:
    presenter = Presenter()
    present(presenter, 0, (100, 80))
    presenter.begin(0)
    present(presenter, 1, (105, 80))
    motion = present(presenter, 2, (110, 80)).motion
    assert motion is not None and (motion.before, motion.now) == (0, 2)
    rows, columns = motion.places.shape[:2]
    x, y = motion.places[rows * 110 // HEIGHT, columns * 140 // WIDTH]
    assert abs(x * WIDTH - 130) < 2.5 and abs(y * HEIGHT - 110) < 2.5


def test_a_look_of_another_scene_is_not_shown() -> None:
    presenter = began((100, 80))
    assert present(presenter, 1, (20, 30), cut=True).tracks == ()
    presenter.take(looked(0, shown(100, 80)))
    after = present(presenter, 2, (20, 30))
    assert (after.tracks, after.snapshot, after.scene) == ((), None, 1)
    presenter.begin(2)
    presenter.take(looked(2, shown(20, 30), scene=1))
    assert len(present(presenter, 3, (20, 30)).tracks) == 1


def test_masks_stay_when_the_picture_changes_its_size() -> None:
    presenter = began((100, 80))
    large = picture((100, 80)).repeat(2, 0).repeat(2, 1)
    presented = presenter.present(large, (2 * HEIGHT, 2 * WIDTH), 1, 1 / 30)
    (track,) = presented.tracks
    assert (track.mask.height, track.mask.width) == (2 * HEIGHT, 2 * WIDTH)
    assert iou(track.mask, dense(100, 80).repeat(2, 0).repeat(2, 1)) > 0.93
    assert presented.scene == 0


def test_what_leaves_the_picture_is_cut_off_at_its_edge() -> None:
    presenter = began((0, 80))
    for index in range(1, 6):
        (track,) = present(presenter, index, (-8 * index, 80)).tracks
    assert iou(track.mask, dense(-40, 80, 60)) > 0.7
    assert track.box.x0 == 0


def test_nothing_is_shown_of_nothing() -> None:
    presenter = began()
    presented = present(presenter, 1)
    assert presented.tracks == () == presented.ahead
    assert presented.snapshot is not None


def test_ids_are_only_those_of_the_look() -> None:
    presenter = began((100, 80), (220, 20))
    for index in range(1, 20):
        tracks = present(presenter, index, (100 + 4 * index, 80), (220 - 4 * index, 20)).tracks
        assert {track.id for track in tracks} <= {1, 2}


def test_what_is_held_does_not_grow() -> None:
    """Far past every bound: looks come and go, objects are new on each of them."""
    presenter = Presenter()
    for index in range(60):
        corner = (60 + 2 * (index % 20), 80)
        present(presenter, index, corner)
        presenter.begin(index)
        if index % 5 == 4:
            presenter.take(looked(index, *(shown(*corner, id=100 * index + each) for each in range(3))))
        assert len(presenter._trails) <= 2
        assert len(presenter._steps) <= STEPS
        assert len(presenter._courses) <= 6


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_memory_is_flat_over_a_hundred_thousand_frames() -> None:
    presenter, films = Presenter(), [picture((60 + 2 * at, 80))[:96, :128].copy() for at in range(20)]
    sizes = []
    for index in range(100_000):
        presenter.present(films[index % 20], (96, 128), index, index / 30, ahead=True)
        if index % 10 == 0:
            presenter.begin(index)
        if index % 10 == 5:
            presenter.take(looked(index - 5, shown(100, 60, id=index)))
        if index % 10_000 == 9_999:
            sizes.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    assert sizes[-1] < 1.02 * sizes[1]

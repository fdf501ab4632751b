"""Masks drawn on a frame."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.moving import HEIGHT, SIDE, WIDTH, dense, iou, shown
from tracker.presenting.placing import Part, drawn, extent, framed, scaled, settle, tracks
from tracker.presenting.similarity import Poses, still
from tracker.presenting.snapshot import Shown
from tracker.types import Stage

SIZE = (HEIGHT, WIDTH)


def parts(*objects: Shown, pose: Poses | None = None, size: tuple[int, int] = SIZE) -> list[Part]:
    masks = [(each, framed(each.logits), where) for each in objects if (where := extent(each.logits)) is not None]
    poses = still(len(masks)) if pose is None else np.repeat(pose[None], len(masks), 0)
    return [part for part in drawn(masks, poses, (SIZE, SIZE, size)) if part is not None]


def test_a_mask_is_drawn_where_it_is() -> None:
    (track,) = tracks(parts(shown(100, 80)), SIZE)
    assert iou(track.mask, dense(100, 80)) > 0.97
    assert (track.id, track.key, track.score, track.age, track.stage, track.tentative) == (
        1, ("a",), 0.9, 3, Stage.FLOW, False,
    )  # fmt: skip
    assert (track.box.x0, track.box.y1) == pytest.approx((100, 140), abs=1.5)
    part = parts(shown(100, 80))[0]
    assert part.logits.size < 2 * SIDE * SIDE  # and nowhere else


def test_it_is_moved_and_grown_by_its_pose_at_any_size() -> None:
    pose = np.array([[1.5, 0.0, -50.0], [0.0, 1.5, -70.0]])
    (track,) = tracks(parts(shown(100, 80), pose=pose, size=(2 * HEIGHT, 2 * WIDTH)), (2 * HEIGHT, 2 * WIDTH))
    truth = np.zeros((2 * HEIGHT, 2 * WIDTH), bool)
    truth[100:280, 201:381] = True
    assert iou(track.mask, truth) > 0.96


def test_what_touches_the_edge_still_does() -> None:
    (track,) = tracks(parts(shown(0, 80)), SIZE)
    assert track.mask.dense()[110, 0]
    (track,) = tracks(parts(shown(WIDTH - SIDE, HEIGHT - SIDE)), SIZE)
    assert track.mask.dense()[HEIGHT - 1, WIDTH - 1]


def test_what_is_outside_is_not_drawn() -> None:
    assert parts(shown(100, 80), pose=np.array([[1.0, 0, 400], [0, 1.0, 0]])) == []
    assert extent(np.full((64, 64), -3, np.float32)) is None
    assert drawn([], still(0), (SIZE, SIZE, SIZE)) == []


def test_two_of_one_prompt_share_no_pixel() -> None:
    both = parts(shown(100, 80, id=1), shown(130, 90, id=2))
    settle(both)
    one, two = (track.mask.dense() for track in tracks(both, SIZE))
    assert not (one & two).any()
    assert (one | two).sum() == pytest.approx((dense(100, 80) | dense(130, 90)).sum(), rel=0.05)


def test_two_of_different_prompts_may() -> None:
    for other in ("b", None):
        both = parts(shown(100, 80, id=1), shown(130, 90, id=2, key=other))
        settle(both)
        one, two = (track.mask.dense() for track in tracks(both, SIZE))
        assert (one & two).any()
    both = parts(shown(100, 80, id=1, key=None), shown(130, 90, id=2, key=None))
    settle(both)
    one, two = (track.mask.dense() for track in tracks(both, SIZE))
    assert (one & two).any()


def test_the_first_of_two_that_are_the_same_stays() -> None:
    both = parts(shown(100, 80, id=1), shown(100, 80, id=2))
    settle(both)
    assert [track.id for track in tracks(both, SIZE)] == [1]


def test_pixels_of_two_sizes_have_the_same_middles() -> None:
    matrix = scaled((240, 320), (480, 640))
    assert (matrix @ (0, 0, 1)).tolist() == [0.5, 0.5]
    assert (matrix @ (319, 239, 1)).tolist() == [638.5, 478.5]

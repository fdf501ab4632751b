"""The part for clips: following is judged by the clicked object's own masks, moved masks beside the same held still."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest

from benchmarks import real_clips
from benchmarks.real_clips import Followed, Moved, follow, following_table, move, moving_table
from benchmarks.support.real_clips import Clip, ClipObject
from tests.support import models
from tracker import Mask, Point, Sam3

# pycocotools, under TrackEval.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

HIGH, WIDE, SIDE, SPEED = 96, 160, 32, 2  # pixels; pixels a frame, to the right


def square(place: int, x: int = 16, y: int = 24) -> npt.NDArray[np.bool_]:
    mask = np.zeros((HIGH, WIDE), bool)
    mask[y : y + SIDE, x + SPEED * place : x + SPEED * place + SIDE] = True
    return mask


@pytest.fixture(scope="module")
def clip() -> Clip:
    """A rough tile that goes over rough ground; its masks are drawn on every sixth frame but one."""
    random = np.random.default_rng(3)
    ground = random.integers(60, 130, (HIGH, WIDE, 3), np.uint8)
    tile = random.integers(120, 255, (SIDE, SIDE, 3), np.uint8)
    frames = []
    for place in range(25):
        frame = ground.copy()
        frame[square(place)] = tile.reshape(-1, 3)
        frames.append(frame)
    masks = {place: square(place) for place in (0, 6, 18, 24)}
    return Clip("a tile", 30.0, tuple(frames), (ClipObject("tile", (32, 40), masks),))


def still(frames: int) -> float:
    """IoU of a square with itself so many frames later."""
    both = max(0, SIDE - SPEED * frames)
    return both / (2 * SIDE - both)


class Told:
    """In place of the tracker: shows the tile under id 7 on the frames of ``shown``, and something else under 8."""

    shown: tuple[int, ...] = ()

    def __init__(self, model: Sam3) -> None:
        self.clicks: list[tuple[int, list[Point]]] = []

    def step(self, image: npt.NDArray[np.uint8], index: int, seconds: float) -> Any:
        assert seconds == pytest.approx(index / 30)
        tracks = [SimpleNamespace(id=8, mask=Mask.from_dense(square(index)))]
        if index in self.shown:
            tracks.append(SimpleNamespace(id=7, mask=Mask.from_dense(square(index))))
        return SimpleNamespace(tracks=tracks)

    def click(self, index: int, points: list[Point]) -> Any:
        self.clicks.append((index, points))
        return SimpleNamespace(object_id=7)

    @property
    def snapshot(self) -> Any:
        assert self.clicks == [(0, [Point(32, 40)])]
        logits = np.where(square(0, x=16 + SIDE // 2), 1.0, -1.0).astype(np.float32)
        return SimpleNamespace(objects=[SimpleNamespace(id=7, logits=logits)])


def test_a_followed_object_is_judged_on_the_drawn_frames_by_its_own_masks(
    clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the click's mask is right, one frame is right, on two the object is not shown."""
    monkeypatch.setattr(Told, "shown", (6, 7, 12))
    monkeypatch.setattr(real_clips, "Tracker", Told)
    (found,) = follow(models.untrained(), clip)
    assert found.label == "tile"
    assert found.click == pytest.approx(1 / 3)
    assert found.j == pytest.approx((1 / 3 + 1 + 0 + 0) / 4)
    assert 0.25 < found.f < 0.5


def test_the_tracker_itself_is_asked(clip: Clip) -> None:
    (found,) = follow(models.untrained(), clip)
    assert all(0 <= value <= 1 for value in (found.click, found.j, found.f))


def test_a_moved_mask_stays_on_what_moves_and_a_held_one_does_not(clip: Clip) -> None:
    found = move(clip, later=(6, 12, 18, 24, 30))
    assert {wait: each.count for wait, each in found.items()} == {6: 2, 12: 1, 18: 2, 24: 1}
    for wait, each in found.items():
        assert each.moved > 0.85
        assert each.still == pytest.approx(still(wait))


def test_an_object_that_is_presented_no_more_counts_as_missed(clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(real_clips, "_moved", lambda luma, clip, start, looks, ends: {end: {} for end in ends})
    found = move(clip, later=(6,))[6]
    assert (found.moved, found.count) == (0.0, 2)
    assert found.still == pytest.approx(still(6))


def test_the_tables_have_a_row_for_each_clip_and_the_mean_of_clips() -> None:
    followed = {
        "one": [Followed("a", 0.8, 0.6, 0.4), Followed("b", 0.4, 0.2, 0.0)],
        "two": [Followed("c", 1.0, 1.0, 1.0)],
    }
    assert cells(following_table(followed)) == [
        ["clip", "object", "IoU of the click", "J", "F", "J&F"],
        ["one", "a", "0.800", "0.600", "0.400", "0.500"],
        ["one", "b", "0.400", "0.200", "0.000", "0.100"],
        ["one", "all", "0.600", "0.400", "0.200", "0.300"],
        ["two", "c", "1.000", "1.000", "1.000", "1.000"],
        ["two", "all", "1.000", "1.000", "1.000", "1.000"],
        ["all clips", "", "0.800", "0.700", "0.600", "0.650"],
    ]
    moved = {"one": {6: Moved(0.8, 0.5, 9), 12: Moved(0.6, 0.2, 8)}, "two": {6: Moved(0.4, 0.1, 3)}}
    assert cells(moving_table(moved, later=(6, 12, 18))) == [
        ["clip", "6 frames later", "12 frames later", "18 frames later"],
        ["one", "0.800 (0.500)", "0.600 (0.200)", "–"],
        ["two", "0.400 (0.100)", "–", "–"],
        ["all clips", "0.600 (0.300)", "0.600 (0.200)", "–"],
    ]


def cells(table: str) -> list[list[str]]:
    head, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    return [head, *rows]


def test_the_report_holds_both_tables(clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(real_clips, "Tracker", Told)
    text = real_clips.report(cast("Sam3", None), [clip])
    assert text.index("Following from one click") < text.index("| a tile | all |") < text.index("moved along")
    assert "6 frames later" in text

"""Regions that look like things, proposed without labels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tracker.worlds import photos, regions
from tracker.worlds.looks import Picture
from tracker.worlds.objects import Binary, box_around, iou
from tracker.worlds.regions import Study, box_iou, filled, looks_closed, propose, stable


def made() -> tuple[Picture, list[Binary]]:
    """A grainy green meadow with a red disc that has a blue square on it, and a yellow box."""
    rng = np.random.default_rng(2)
    image = np.full((180, 240, 3), (70, 120, 60), np.uint8)
    truth = [np.zeros((180, 240), np.uint8) for _ in range(3)]
    cv2.circle(image, (75, 90), 50, (200, 50, 40), -1)
    cv2.circle(truth[0], (75, 90), 50, 1, -1)
    for at, low, high, color in ((1, (60, 75), (95, 108), (40, 60, 200)), (2, (160, 60), (215, 130), (225, 210, 60))):
        cv2.rectangle(image, low, high, color, -1)
        cv2.rectangle(truth[at], low, high, 1, -1)
    image = np.clip(cv2.GaussianBlur(image, (0, 0), 0.8) + rng.normal(0, 6, image.shape), 0, 255).astype(np.uint8)
    return image, [mask.astype(np.bool_) for mask in truth]


@pytest.fixture(scope="module")
def found() -> list[Binary]:
    return list(propose(made()[0]))


def test_things_on_plain_ground_are_found_to_their_borders(found: list[Binary]) -> None:
    for mask in made()[1]:
        assert max(iou(mask, each) for each in found) > 0.9


def test_a_part_is_found_beside_its_whole_and_the_ground_is_not(found: list[Binary]) -> None:
    _, (disc, square, box) = made()
    ground = ~(disc | box)
    assert all(iou(ground, each) < 0.3 for each in found)
    whole, part = (found[int(np.argmax([iou(mask, each) for each in found]))] for mask in (disc, square))
    assert whole is not part and (part & ~whole).sum() < 0.05 * part.sum()
    assert [each.sum() for each in found] == sorted((each.sum() for each in found), reverse=True)


def test_nothing_is_found_in_grain() -> None:
    noise = np.random.default_rng(1).normal(128, 25, (120, 160, 3)).clip(0, 255).astype(np.uint8)
    assert len(propose(noise)) == 0


def test_grabcut_must_agree() -> None:
    image, (disc, _, box) = made()
    rng = np.random.default_rng(0)
    kept = stable(image, box, rng, agree=box)
    assert kept is not None and iou(kept, box) > 0.9
    half = disc & (np.arange(240) < 75)
    assert stable(image, half | np.roll(half, 60, 1), rng, agree=half) is None


def test_grabcut_of_several_boxes_must_give_one_thing(monkeypatch: pytest.MonkeyPatch) -> None:
    image, (disc, square, _) = made()
    answers = iter([disc, disc, square])
    monkeypatch.setattr(regions, "grabbed", lambda *_: next(answers))
    assert stable(image, disc, np.random.default_rng(0)) is None
    monkeypatch.setattr(regions, "grabbed", lambda *_: disc)
    kept = stable(image, disc, np.random.default_rng(0))
    assert kept is not None and iou(kept, disc) > 0.97


def test_what_goes_on_beyond_the_box_is_no_thing() -> None:
    image, (_, _, box) = made()
    assert regions.grabbed(image, box, np.random.default_rng(0)) is not None
    bar = np.zeros((180, 240), np.bool_)
    bar[80:110] = True
    image[bar] = (30, 40, 160)
    assert (
        regions.grabbed(image, bar & (np.arange(240) > 60) & (np.arange(240) < 180), np.random.default_rng(0)) is None
    )


@pytest.fixture(scope="module")
def study() -> Study:
    """A white board with two dark bars to its edge and a red disc: white shows between the bars, closed off below."""
    image = np.full((120, 160, 3), 235, np.uint8)
    cv2.rectangle(image, (30, 0), (130, 90), (40, 50, 60), -1)
    cv2.rectangle(image, (60, 30), (100, 60), (235, 235, 235), -1)
    cv2.circle(image, (45, 20), 10, (220, 40, 40), -1)
    return Study(cv2.GaussianBlur(image, (0, 0), 0.7).astype(np.uint8))


def test_ground_that_shows_through_is_no_thing(study: Study) -> None:
    gap, disc = np.zeros((2, 120, 160), np.bool_)
    gap[31:60, 61:100] = True
    disc[12:28, 37:53] = True
    assert study.shows_through(gap) and not study.shows_through(disc)


def test_borders_must_run_all_around(study: Study) -> None:
    whole, half = np.zeros((2, 120, 160), np.bool_)
    whole[30:61, 60:101] = True
    half[30:61, 60:81] = True
    assert study.outlined(whole) and not study.outlined(half)


def test_boxes_are_compared_by_their_overlap() -> None:
    masks = np.zeros((2, 20, 20), np.bool_)
    masks[0, 0:10, 0:10], masks[1, 0:10, 5:15] = True, True
    one, other = map(box_around, masks)
    assert box_iou(one, other) == pytest.approx(1 / 3) and box_iou(one, one) == 1.0


def test_what_is_no_thing_by_its_outline() -> None:
    blank = np.zeros((100, 200), np.bool_)
    good, tiny, strip, corner, comb = (blank.copy() for _ in range(5))
    good[30:70, 50:120] = True
    tiny[50:54, 50:54] = True
    strip[40:60] = True
    corner[:50, :70] = True
    comb[10:90, 20:180] = True
    comb[10:80, 30:170:20] = False
    comb[10:80, 31:171:20] = False
    assert looks_closed(good)
    assert not any(map(looks_closed, (tiny, strip, corner, ~blank, comb)))


def test_holes_and_crumbs_are_no_part_of_a_region() -> None:
    mask = np.zeros((40, 40), np.bool_)
    mask[5:30, 5:30] = True
    whole = mask.copy()
    mask[12:15, 12:15] = False
    mask[35, 35] = True
    assert np.array_equal(filled(mask), whole)


def test_they_are_kept_and_a_run_that_was_stopped_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blank = np.zeros((60, 80, 3), np.uint8)
    monkeypatch.setattr(photos, "load", lambda folder, scenes_only: {"a/1": blank, "a/2": blank})
    mask = np.ones((1, 60, 80), np.bool_)
    np.savez_compressed(tmp_path / regions.UNFINISHED, **{"a/1": mask})  # type: ignore[arg-type]
    monkeypatch.setattr(regions, "propose", lambda image: mask[:0])
    regions.build(tmp_path)
    assert "2/2 a/2: 0" in capsys.readouterr().out
    kept = regions.load(tmp_path)
    assert np.array_equal(kept["a/1"], mask) and kept["a/2"].shape == (0, 60, 80)
    assert not (tmp_path / regions.UNFINISHED).exists()


def test_without_them_it_says_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"python -m tracker\.worlds\.regions"):
        regions.load(tmp_path)

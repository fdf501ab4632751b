"""How things look: colours by name, cut-outs, and what is done to a drawing."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.support.sprites import BLUE, RED, YELLOW, photo, sprite
from tracker.model.vocabulary import COLORS
from tracker.worlds.looks import HSV, OUTLINES, Paint, backdrop, cut_out, dressed, named_colors
from tracker.worlds.variety import WIDE
from tracker.worlds.worlds import Video


@pytest.fixture(scope="module")
def hues() -> dict[str, list[float]]:
    """The median hue of each object of some size, by its colour word."""
    found: dict[str, list[float]] = {color: [] for color in COLORS}
    for seed in range(150):
        frame = Video(seed, 192, 144, damage=0, variety=replace(WIDE, shades=0.0)).next()
        hsv = cv2.cvtColor(frame.image, cv2.COLOR_RGB2HSV)
        for thing in frame.objects:
            if thing.mask.sum() > 60 and not thing.more:
                found[thing.color].append(float(np.median(hsv[thing.mask][:, 0])))
    return found


@pytest.mark.parametrize("color", COLORS)
def test_colours_look_like_their_names(hues: dict[str, list[float]], color: str) -> None:
    """The median hue of an object is nearest to its own colour's, so that the names can be learnt at all."""
    middle = {name: hsv[0] for name, hsv in HSV.items()}
    nearest = [
        min(middle, key=lambda name: min(abs(hue - middle[name]), 180 - abs(hue - middle[name]))) for hue in hues[color]
    ]
    assert len(nearest) >= 5 and nearest.count(color) >= 0.9 * len(nearest)


@pytest.mark.parametrize("seed", range(12))
def test_a_cut_out_shows_something_and_is_decided_by_its_random_numbers(seed: int) -> None:
    photos = [photo(1), photo(2)]
    one, again, other = (cut_out(np.random.default_rng(each), photos, 64) for each in (seed, seed, seed + 100))
    assert one.shape == (64, 64, 4) and one.dtype == np.uint8
    assert 0.05 < (one[..., 3] > 127).mean() < 1
    assert not one[one[..., 3] == 0].any()
    assert np.array_equal(one, again) and not np.array_equal(one, other)


def test_cut_outs_hold_pieces_of_their_photographs() -> None:
    blue = np.zeros((60, 80, 3), np.uint8)
    blue[..., 2] = 200
    drawn = [cut_out(np.random.default_rng(seed), [blue], 48) for seed in range(40)]
    whole = [each[each[..., 3] == 255] for each in drawn]
    assert sum(bool((each[:, :2] == 0).all() and (each[:, 2] > 100).all()) for each in whole) >= 10


def test_shares_of_colours_are_of_what_is_seen() -> None:
    found = named_colors(sprite((RED, 0.5), (BLUE, 0.3), (YELLOW, 0.2)))
    assert found["red"] == pytest.approx(0.5) and found["blue"] == pytest.approx(0.3)
    assert found["yellow"] == pytest.approx(0.2)
    assert sum(found.values()) == pytest.approx(1.0)
    glass = sprite((RED, 1.0))
    glass[..., 3] //= 3
    assert not any(named_colors(glass).values())


@pytest.mark.parametrize(
    ("color", "name"),
    [
        ((250, 140, 20), "orange"),
        ((40, 170, 60), "green"),
        ((40, 215, 220), "cyan"),
        ((140, 60, 170), "purple"),
        ((245, 110, 190), "pink"),
        ((245, 150, 150), "pink"),  # pale red is called pink
        ((200, 10, 40), "red"),  # red lies at both ends of the hues
    ],
)
def test_colours_have_the_names_that_people_give_them(color: tuple[int, int, int], name: str) -> None:
    assert {each for each, share in named_colors(sprite((color, 1.0))).items() if share} == {name}


@pytest.mark.parametrize("color", [(0, 0, 0), (255, 255, 255), (128, 128, 128), (101, 67, 33)])
def test_black_white_grey_and_brown_are_no_named_colour(color: tuple[int, int, int]) -> None:
    assert not any(named_colors(sprite((color, 1.0))).values())


def test_a_dressed_thing_is_decided_by_its_random_numbers_and_keeps_its_size() -> None:
    plain = np.full((60, 36, 4), 255, np.uint8)
    plain[:, :18, :3] = RED
    dressings = [dressed(np.random.default_rng(seed), plain) for seed in range(20)]
    for seed, one in enumerate(dressings):
        assert one.shape == (80, 56, 4)  # a margin for what leans over
        assert 0.6 < (one[..., 3] > 127).sum() / (60 * 36) < 1.4
        assert np.array_equal(one, dressed(np.random.default_rng(seed), plain))
    left = [one[40, :28, 1].mean() < one[40, 28:, 1].mean() for one in dressings]
    assert 3 <= sum(left) <= 17  # mirrored or not
    assert (plain[:, :18, :3] == RED).all()


def test_a_shadow_is_never_taken_for_the_thing() -> None:
    white = np.full((40, 40, 4), 255, np.uint8)
    shadows = 0
    for seed in range(40):
        one = dressed(np.random.default_rng(seed), white)
        black = (one[..., :3].max(-1) < 5) & (one[..., 3] > 0)
        shadows += bool(black.any())
        assert not (one[..., 3][black] > 127).any()
    assert 8 <= shadows <= 28


@pytest.mark.parametrize("name", OUTLINES)
def test_an_outline_is_about_a_unit_in_radius(name: str) -> None:
    outer, *holes = OUTLINES[name]
    assert outer.shape[1] == 2 and len(outer) >= 3
    assert 0.6 <= np.linalg.norm(outer, axis=1).max() <= 1.5
    area = cv2.contourArea(outer.astype(np.float32))
    assert 0 < sum(cv2.contourArea(hole.astype(np.float32)) for hole in holes) < area or not holes


def test_backdrops_are_of_the_size_asked_for_with_and_without_photographs() -> None:
    for photos in ([], [photo(1)]):
        drawn = [backdrop(np.random.default_rng(seed), 90, 70, photos) for seed in range(6)]
        assert all(each.shape == (70, 90, 3) and each.dtype == np.uint8 for each in drawn)
        assert len({each.tobytes() for each in drawn}) == 6


def test_a_finished_paint_is_flat_or_has_a_light_spot_or_is_darker_at_its_border() -> None:
    across, down = np.meshgrid(np.linspace(-1, 1, 21, dtype=np.float32), np.linspace(-1, 1, 21, dtype=np.float32))
    color, kinds = np.array([40.0, 90, 200]), set()
    for seed in range(40):
        rng = np.random.default_rng(seed)
        paper = Paint(color, color, 0.3, "", color, 0.5, None, 0.1, None, 1.0).finished(rng).light()
        filled = paper.fill(across, down)
        assert filled.dtype == np.float32
        if np.ptp(filled, (0, 1)).max() == 0:
            kinds.add("flat")
        elif paper.shine:
            kinds.add("spot")
            assert filled[..., 0].max() > 80
        else:
            kinds.add("dim")
            assert filled[10, 10].sum() > filled[10, 0].sum() and filled[10, 10].sum() > filled[0, 10].sum()
    assert kinds == {"flat", "spot", "dim"}

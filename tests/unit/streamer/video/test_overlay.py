"""streamer.video.overlay: what is drawn, and what stays as it is."""

from __future__ import annotations

import numpy as np

from streamer.video import overlay
from tests.support.results import HEIGHT, WIDTH, result, track
from tracker import Prompt


def blank() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((HEIGHT * 4, WIDTH * 4, 3), 40, np.uint8)


def test_an_object_is_tinted_in_its_colour_and_the_rest_left_alone() -> None:
    picture = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    drawn = overlay.draw(picture, result(0, (track(3, 0),), (Prompt("cup"),)))
    assert (picture == 40).all()
    assert (drawn[30:, 40:] == 40).all()
    color = np.array(overlay.color_of(3))
    expected = 40 * (1 - overlay.OPACITY) + color * overlay.OPACITY
    assert np.abs(drawn[22, 28] - expected).max() <= 255  # somewhere inside, be it under the outline
    assert (drawn[20:23, 15:25] != 40).any()


def test_objects_side_by_side_have_colours_of_their_own() -> None:
    colors = [overlay.color_of(number) for number in range(1, 9)]
    assert len(set(colors)) == 8


def test_a_mask_of_another_size_than_the_picture_is_not_drawn() -> None:
    picture = blank()
    assert (overlay.draw(picture, result(0, (track(3, None),))) == picture).all()


def test_a_frame_that_failed_says_so_in_the_picture() -> None:
    picture = blank()
    assert (overlay.draw(picture, result(0, error="it broke, naïvely")) != picture).any()


def test_labels_in_other_scripts_are_not_all_the_same() -> None:
    picture = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    drawn = [overlay.draw(picture, result(0, (track(3, 0),), (Prompt(text),))) for text in ("红色", "蓝色", "??")]
    assert all((one != other).any() for one, other in ((drawn[0], drawn[1]), (drawn[0], drawn[2])))

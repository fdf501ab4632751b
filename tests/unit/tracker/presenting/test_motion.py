"""Where the places of a frame came from."""

from __future__ import annotations

import numpy as np

from tests.support.moving import HEIGHT, SIDE, WIDTH, picture
from tracker.presenting.motion import HEIGHTS, MOST, brightness, dense, grid, read, small


def test_a_square_comes_from_where_it_was() -> None:
    field = dense(small(picture((100, 80))), small(picture((106, 77))))
    inside = field[77 + 10 : 77 + SIDE - 10, 106 + 10 : 106 + SIDE - 10]
    assert np.allclose(np.median(inside, (0, 1)), (-6, 3), atol=0.5)
    assert np.allclose(np.median(field[:60], (0, 1)), (0, 0), atol=0.2)


def test_a_grid_has_the_middles_of_its_cells_as_shares_of_the_picture() -> None:
    places = grid(2, 4)
    assert places.shape == (2, 4, 2)
    assert places[0, :, 0].tolist() == [0.125, 0.375, 0.625, 0.875]
    assert places[:, 0, 1].tolist() == [0.25, 0.75]


def test_a_small_picture_keeps_its_shape_within_what_the_flow_can_read() -> None:
    assert small(picture()).shape == (HEIGHT, WIDTH)
    assert small(np.zeros((480, 640, 3), np.uint8)).shape == (240, 320)
    assert small(np.zeros((10, 2000), np.uint8)).shape == (HEIGHTS[0], 320)
    assert small(np.zeros((2000, 10), np.uint8)).shape == (HEIGHTS[1], 320)


def test_values_are_read_between_pixels_and_at_the_border() -> None:
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    places = np.array([[0, 1.5, 9], [0, 1, 2]], np.float32)
    assert read(values, places).tolist() == [0, 5.5, 11]
    assert read(np.stack([values, -values], -1), places).tolist() == [[0, 5.5, 11], [0, -5.5, -11]]


def test_more_places_are_read_than_opencv_takes_at_once() -> None:
    places = np.zeros((2, 2 * MOST + 5), np.float32)
    places[0, -1] = 1
    found = read(np.array([[3, 7]], np.uint8), places)
    assert found.shape == (2 * MOST + 5,) and found[0] == 3 and found[-1] == 7


def test_brightness_is_a_mean_and_a_deviation() -> None:
    assert brightness(np.array([[10, 30]], np.uint8)) == (20, 10)


def test_a_grid_is_made_once_and_cannot_be_changed() -> None:
    assert grid(3, 5) is grid(3, 5)
    assert not grid(3, 5).flags.writeable

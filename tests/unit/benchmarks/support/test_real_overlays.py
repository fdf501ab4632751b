"""Answers drawn to be looked at."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from benchmarks.support import real_overlays
from benchmarks.support.real_pictures import RealObject, RealPicture


def test_each_object_has_a_tile_with_its_answer_in_green(tmp_path: Path) -> None:
    mask = np.zeros((120, 160), bool)
    mask[20:100, 20:140] = True
    image = np.full((120, 160, 3), 100, np.uint8)
    image.setflags(write=False)
    picture = RealPicture("a clip.avi, frame 7", image, tuple(RealObject(name, mask, (30, 30)) for name in "abcde"))
    path = real_overlays.save(tmp_path / "new", picture, [mask] * 4 + [~mask], ["0.5"] * 5)
    assert path == tmp_path / "new" / "a-clip.avi-frame-7.jpg"
    drawn = cv2.imread(str(path))
    assert drawn is not None
    tile = real_overlays.TILE
    assert drawn.shape == (2 * (tile + real_overlays.CAPTION), 4 * tile, 3)
    blue, green, red = (int(value) for value in drawn[tile // 3, tile // 2])
    assert green > 120 > 80 > max(blue, red)
    blue, green, red = (int(value) for value in drawn[tile + real_overlays.CAPTION + tile // 3, tile // 2])
    assert max(abs(value - 100) for value in (blue, green, red)) < 10

"""The annotations in ``data/real``: that they fit their pictures, and that no training saw those pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np
import pytest

from benchmarks.support import debian, real_pictures
from benchmarks.support.real_pictures import ANNOTATIONS, RealObject, RealPicture, entries
from tracker.worlds import photos

METHODS = {"by hand", "grabcut, corrected by hand"}
SMALLEST, LARGEST = 150, 0.75  # pixels; a share of the picture
CLICK_DEPTH = 2.0  # pixels between a click and the border


@pytest.fixture(scope="module")
def pictures() -> list[RealPicture]:
    return real_pictures.load()


def objects() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for entry in entries():
        for one in entry["objects"]:
            yield entry, one


def every(pictures: list[RealPicture]) -> Iterator[tuple[str, RealObject]]:
    for picture in pictures:
        for one in picture.objects:
            yield f"{picture.name}: {one.label}", one


def test_there_are_enough_masks_over_enough_pictures() -> None:
    assert len(entries()) >= 12
    assert len(list(objects())) >= 36


def test_no_source_is_named_twice() -> None:
    names = [(entry["source"]["file"], entry["source"]["frame"]) for entry in entries()]
    assert len(names) == len(set(names))


def test_every_object_says_what_it_is_and_how_it_was_drawn() -> None:
    for _, one in objects():
        assert set(one) - {"holes"} == {"label", "polygons", "click", "method"}
        assert one["label"].strip()
        assert one["method"] in METHODS


def test_every_point_lies_inside_its_picture() -> None:
    for entry, one in objects():
        for ring in [*one["polygons"], *one.get("holes", []), [one["click"]]]:
            points = np.array(ring)
            assert points.dtype.kind == "i"
            assert (points >= 0).all()
            assert (points < (entry["width"], entry["height"])).all()


def test_every_polygon_has_enough_points() -> None:
    for _, one in objects():
        assert all(len(ring) >= 4 for ring in [*one["polygons"], *one.get("holes", [])])


def test_every_file_is_the_annotated_one() -> None:
    for entry in entries():
        source = entry["source"]
        path = real_pictures.find(source["package"], source["file"])
        assert hashlib.sha256(path.read_bytes()).hexdigest() == source["sha256"], path


def test_every_click_is_well_inside_its_mask(pictures: list[RealPicture]) -> None:
    for name, one in every(pictures):
        x, y = one.click
        assert one.mask[y, x], name
        depth = cv2.distanceTransform(np.pad(one.mask, 1).astype(np.uint8), cv2.DIST_L2, 5)
        assert depth[y + 1, x + 1] >= CLICK_DEPTH, name


def test_every_area_is_plausible(pictures: list[RealPicture]) -> None:
    for name, one in every(pictures):
        assert one.mask.sum() >= SMALLEST, name
        assert one.mask.mean() <= LARGEST, name


def test_every_mask_is_one_piece(pictures: list[RealPicture]) -> None:
    for name, one in every(pictures):
        _, _, stats, _ = cv2.connectedComponentsWithStats(one.mask.astype(np.uint8))
        areas = stats[1:, cv2.CC_STAT_AREA]
        assert areas.max() >= 0.98 * areas.sum(), name


def test_no_two_masks_of_a_picture_are_the_same_thing(pictures: list[RealPicture]) -> None:
    for picture in pictures:
        for index, one in enumerate(picture.objects):
            for other in picture.objects[index + 1 :]:
                both, either = (one.mask & other.mask).sum(), (one.mask | other.mask).sum()
                assert both < 0.5 * either, (picture.name, one.label, other.label)


def test_the_sizes_vary_from_small_to_large(pictures: list[RealPicture]) -> None:
    shares = [float(one.mask.mean()) ** 0.5 for _, one in every(pictures)]
    assert min(shares) < 0.05
    assert max(shares) > 0.5


def test_masks_are_as_large_as_their_pictures(pictures: list[RealPicture]) -> None:
    for picture in pictures:
        assert picture.image.dtype == np.uint8
        assert picture.image.shape[2:] == (3,)
        assert all(one.mask.shape == picture.image.shape[:2] for one in picture.objects)


def test_no_training_picture_is_used() -> None:
    trained_on = {PurePosixPath(name).name for name in (*photos.SCIKIT_IMAGE, *photos.OPENCV)}
    used = {PurePosixPath(entry["source"]["file"]).name for entry in entries()}
    assert trained_on
    assert not used & trained_on


def test_no_training_picture_has_the_content_of_a_used_one() -> None:
    used = {entry["source"]["sha256"] for entry in entries()}
    shipped = real_pictures.find("scikit-image", "skimage/data")
    paths = [*(shipped / name for name in photos.SCIKIT_IMAGE), *(photos.OPENCV_DOC / name for name in photos.OPENCV)]
    for path in paths:
        if path.exists():
            assert hashlib.sha256(path.read_bytes()).hexdigest() not in used, path


def test_a_changed_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = next(entry for entry in entries() if entry["source"]["package"] == "scikit-image")
    changed = {**entry, "source": {**entry["source"], "sha256": "0" * 64}}
    monkeypatch.setattr(real_pictures, "entries", lambda: [changed])
    with pytest.raises(ValueError, match="another file"):
        real_pictures.load()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(debian, "OPENCV_DATA", tmp_path / "nowhere")
    with pytest.raises(debian.Missing, match="opencv-doc"):
        real_pictures.find("opencv-doc", "examples/data/vtest.avi")


def test_no_picture_lies_in_the_repository() -> None:
    assert {path.suffix for path in ANNOTATIONS.parent.iterdir()} == {".json", ".md"}

"""The annotations in ``data/real``: that they fit their pictures, and that no training saw those pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from benchmarks.support import debian, real_pictures
from benchmarks.support.real_pictures import ANNOTATIONS, PARTS, RealObject, RealPicture, entries, rasterise
from tracker.worlds import photos
from tracker.worlds.looks import Picture

METHODS = {"by hand", "grabcut, corrected by hand"}
SMALLEST, LARGEST = 150, 0.75  # pixels; a share of the picture
CLICK_DEPTH = 2.0  # pixels between a click and the border
README = (ANNOTATIONS / "README.md").read_text(encoding="utf-8")
SIZES = (0.05, 0.10, 0.15, 0.20, 0.30, 0.50)  # between the rows of its table, roots of shares of the picture


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
    for part, pictures, masks in (("first", 17, 47), ("second", 34, 103)):
        assert len(entries(part)) >= pictures
        assert sum(len(entry["objects"]) for entry in entries(part)) >= masks


def test_most_new_pictures_have_neighbours_that_a_click_could_take_along() -> None:
    """Else no test could tell whether the mask of a click is one thing."""
    assert sum(len(entry["objects"]) > 1 for entry in entries("second")) >= 0.5 * len(entries("second"))


def test_the_readme_counts_the_masks_by_size_and_by_method() -> None:
    lines = README.splitlines()
    start = lines.index("| size | first part | second part |") + 2
    table = [[int(cell) for cell in line.split("|")[2:4]] for line in lines[start : start + len(SIZES) + 1]]
    for part, told in zip(PARTS, zip(*table, strict=True), strict=True):
        shares = [
            rasterise((entry["height"], entry["width"]), one["polygons"], one.get("holes", [])).mean()
            for entry in entries(part)
            for one in entry["objects"]
        ]
        assert list(told) == np.bincount(np.digitize(np.sqrt(shares), SIZES), minlength=len(table)).tolist()
    drawn = [[one["method"] for entry in entries(part) for one in entry["objects"]] for part in PARTS]
    first, second = (
        [methods.count(method) for methods in drawn] for method in ("by hand", "grabcut, corrected by hand")
    )
    assert f"`by hand` ({first[0]} of the first part, {first[1]} of the second)" in README
    assert f"`grabcut, corrected by hand` ({second[0]} and {second[1]})" in README


def test_the_readme_lists_every_file_with_the_number_of_its_masks() -> None:
    rows = [line.split("|") for line in README.partition("## Clips")[0].splitlines() if line.startswith("| `")]
    told = {row[1].split("`")[1]: row[3].strip() for row in rows}
    masks: dict[str, list[str]] = {}
    for entry in entries():
        masks.setdefault(PurePosixPath(entry["source"]["file"]).name, []).append(str(len(entry["objects"])))
    assert told == {name: " and ".join(counts) for name, counts in masks.items()}


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


# Other files that show what a measured one shows, or that are kept for measuring.
KEPT_OUT = {
    *("box.png", "box_in_scene.png", "rubberwhale2.png", "basketball1.png", "basketball2.png", "HappyFish.jpg"),
    *("chicky_512.png", "ela_original.jpg", "ela_modified.jpg", "left.jpg", "right.jpg", "licenseplate_motion.jpg"),
    *("cards.png", "board.jpg", "squirrel_cls.jpg", "plant.jpg", "home.png", "002.jpg", "motorcycle_left.png"),
    *("motorcycle_right.png", "clock_motion.png", "pca_test1.jpg", "butterfly.png", "Blender_Suzanne1.jpg"),
    *("Blender_Suzanne2.jpg", "vtest.avi", "tree.avi", "Megamind.avi", "Megamind_bugy.avi"),
}


def test_no_training_picture_is_used() -> None:
    trained_on = {PurePosixPath(name).name for each in photos.COLLECTIONS for name in each.names}
    files = [file for entry in entries() for file in (entry["source"]["file"], *entry.get("same_scene", []))]
    used = {PurePosixPath(file).name for file in files}
    assert len(trained_on) >= 60
    assert not (used | KEPT_OUT) & trained_on
    assert not any(name.endswith((".avi", ".mp4", ".gif", ".gz")) or "opencv4/html" in name for name in trained_on)


def test_no_training_picture_has_the_content_of_a_used_one() -> None:
    used = {entry["source"]["sha256"] for entry in entries()}
    used |= {
        hashlib.sha256(real_pictures.find(entry["source"]["package"], file).read_bytes()).hexdigest()
        for entry in entries()
        for file in entry.get("same_scene", [])
    }
    for each in photos.COLLECTIONS:
        for path in (photos.installed(each) / name for name in each.names):
            if path.exists():
                assert hashlib.sha256(path.read_bytes()).hexdigest() not in used, path


def test_no_training_picture_looks_like_a_used_one(pictures: list[RealPicture]) -> None:
    def thumbnail(image: Picture) -> npt.NDArray[np.float64]:
        small = cv2.resize(image, (24, 24), interpolation=cv2.INTER_AREA).astype(np.float64)
        return np.asarray((small - small.mean()) / (small.std() + 1e-6))

    used = {picture.name: thumbnail(picture.image) for picture in pictures}
    for key, image in photos.load().items():
        for seen in (thumbnail(image), thumbnail(image[:, ::-1])):
            alike = max((float((seen * other).mean()), name) for name, other in used.items())
            assert alike[0] < 0.93, (key, alike)


def test_a_crop_is_cut_out_of_the_picture(pictures: list[RealPicture]) -> None:
    crops = [entry for entry in entries() if "crop" in entry]
    assert crops
    for entry in crops:
        left, top, right, bottom = entry["crop"]
        assert (right - left, bottom - top) == (entry["width"], entry["height"])
        whole = cv2.imread(str(real_pictures.find(entry["source"]["package"], entry["source"]["file"])))
        assert whole is not None
        (cut,) = (each.image for each in pictures if each.name == PurePosixPath(entry["source"]["file"]).name)
        assert (cut == whole[top:bottom, left:right, ::-1]).all()


def test_a_changed_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = next(entry for entry in entries() if entry["source"]["package"] == "scikit-image")
    changed = {**entry, "source": {**entry["source"], "sha256": "0" * 64}}
    monkeypatch.setattr(real_pictures, "entries", lambda *parts: [changed])
    with pytest.raises(ValueError, match="another file"):
        real_pictures.load()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(debian, "OPENCV_DATA", tmp_path / "nowhere")
    with pytest.raises(debian.Missing, match="opencv-doc"):
        real_pictures.find("opencv-doc", "examples/data/vtest.avi")


def test_no_picture_lies_in_the_repository() -> None:
    assert {path.suffix for path in ANNOTATIONS.iterdir()} == {".json", ".md"}

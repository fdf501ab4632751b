"""The clips in ``data/real``: that their masks fit their frames, and that no training saw those files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np
import pytest

from benchmarks.support import debian, real_clips
from benchmarks.support.real_clips import Clip, entries
from benchmarks.support.real_pictures import ANNOTATIONS
from tracker.worlds import photos

METHODS = {"by hand", "grabcut, corrected by hand"}
FRAMES, EVERY = 10, 6  # annotated frames of a clip; frames from one to the next
SMALLEST, LARGEST = 70, 0.75  # pixels; a share of the picture
CLICK_DEPTH = 2.0  # pixels between a click and the border

each_clip = pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry["name"])


@pytest.fixture(scope="module")
def clips() -> dict[str, Clip]:
    """By name."""
    return {entry["name"]: real_clips.load(entry) for entry in entries()}


def rings(entry: dict[str, Any]) -> Iterator[list[list[int]]]:
    for one in entry["objects"]:
        yield [one["click"]]
        for mask in one["masks"].values():
            yield from mask["polygons"]
            yield from mask.get("holes", [])


def test_there_are_enough_clips_under_different_names() -> None:
    names = [entry["name"] for entry in entries()]
    assert len(names) == len(set(names)) >= 5


@each_clip
def test_ten_frames_are_evenly_spaced(entry: dict[str, Any]) -> None:
    first = entry["frames"][0]
    assert entry["frames"] == list(range(first, first + EVERY * FRAMES, EVERY))


@each_clip
def test_every_object_is_named_once_and_has_its_masks_on_annotated_frames(entry: dict[str, Any]) -> None:
    """The first frame is where it is clicked; on a frame without a mask it is not judged."""
    objects = entry["objects"]
    assert 1 <= len(objects) <= 3
    assert [one["id"] for one in objects] == list(range(1, len(objects) + 1))
    assert len({one["label"] for one in objects}) == len(objects)
    for one in objects:
        numbers = [int(number) for number in one["masks"]]
        assert numbers == sorted(set(numbers) & set(entry["frames"]))
        assert numbers[0] == entry["frames"][0]
        assert len(numbers) >= FRAMES - 1
        for mask in one["masks"].values():
            assert set(mask) - {"holes"} == {"polygons", "method"}
            assert mask["method"] in METHODS


@each_clip
def test_every_point_lies_inside_the_picture(entry: dict[str, Any]) -> None:
    for ring in rings(entry):
        points = np.array(ring)
        assert points.dtype.kind == "i"
        assert len(points) == 1 or len(points) >= 4
        assert (points >= 0).all()
        assert (points < (entry["width"], entry["height"])).all()


@each_clip
def test_every_frame_is_there_and_every_mask_fits_it(entry: dict[str, Any], clips: dict[str, Clip]) -> None:
    clip = clips[entry["name"]]
    assert len(clip.frames) == entry["frames"][-1] - entry["frames"][0] + 1
    assert len({hashlib.sha256(frame.tobytes()).hexdigest() for frame in clip.frames}) > EVERY * (FRAMES - 2)
    for one in clip.objects:
        for place, mask in one.masks.items():
            assert mask.shape == clip.frames[place].shape[:2] == clip.size, one.label
            assert mask.sum() >= SMALLEST, (one.label, place)
            assert mask.mean() <= LARGEST, (one.label, place)
        x, y = one.click
        depth = cv2.distanceTransform(np.pad(one.masks[0], 1).astype(np.uint8), cv2.DIST_L2, 5)
        assert depth[y + 1, x + 1] >= CLICK_DEPTH, one.label


@each_clip
def test_no_two_objects_of_a_clip_share_more_than_their_border(entry: dict[str, Any], clips: dict[str, Clip]) -> None:
    """A polygon's border belongs to it: two that meet share a line of a pixel or two."""
    objects = clips[entry["name"]].objects
    for place in range(0, EVERY * FRAMES, EVERY):
        there = [one.masks[place] for one in objects if place in one.masks]
        for index, one in enumerate(there):
            for other in there[index + 1 :]:
                kernel = np.ones((5, 5), np.uint8)
                assert not cv2.erode((one & other).astype(np.uint8), kernel).any()


def test_the_readme_says_which_frames_and_objects_there_are_and_how_they_were_drawn() -> None:
    readme = (ANNOTATIONS / "README.md").read_text(encoding="utf-8")
    for entry in entries():
        frames = f"{entry['frames'][0]} to {entry['frames'][-1]}"
        assert f"| {frames} | {', '.join(one['label'] for one in entry['objects'])} |" in readme
    drawn = [mask["method"] for entry in entries() for one in entry["objects"] for mask in one["masks"].values()]
    by_hand, mixed = (drawn.count(method) for method in ("by hand", "grabcut, corrected by hand"))
    assert f"{by_hand} are `by hand`" in readme and f"Where a border is clear ({mixed}:" in readme


def test_no_clip_is_trained_on() -> None:
    trained_on = {PurePosixPath(name).name for each in photos.COLLECTIONS for name in each.names}
    assert trained_on
    assert not trained_on & {PurePosixPath(entry["source"]["file"]).name for entry in entries()}


def test_a_changed_file_is_refused() -> None:
    entry = entries()[0]
    with pytest.raises(ValueError, match="another file"):
        real_clips.load({**entry, "source": {**entry["source"], "sha256": "0" * 64}})


def test_another_size_than_the_annotated_one_is_refused() -> None:
    entry = min(entries(), key=lambda entry: int(entry["frames"][-1]))
    with pytest.raises(ValueError, match="annotated as 4 × 3"):
        real_clips.load({**entry, "width": 4, "height": 3})


@pytest.mark.parametrize(("package", "folder"), [("opencv-doc", "OPENCV_DATA"), ("visp-images-data", "VISP_IMAGES")])
def test_a_missing_package_is_named(package: str, folder: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(debian, folder, tmp_path / "nowhere")
    entry = next(entry for entry in entries() if entry["source"]["package"] == package)
    with pytest.raises(debian.Missing, match=package):
        real_clips.load(entry)

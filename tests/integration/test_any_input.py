"""Properties of the hosted API that hold for any input, over real HTTP with the real network and random weights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco

from tests.support.models import untrained
from tests.support.pictures import patches, saved, sent
from tests.support.serving import Served, serving
from tracker import Mask

PCS, PVS, EMBED = "/sam3/concept_segment", "/sam3/visual_segment", "/sam3/embed_image"
JSON = {"Content-Type": "application/json"}
Binary = npt.NDArray[np.bool_]

# pycocotools has not heard of numpy 2's copy keyword.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(untrained()) as served:
        yield served


# No JSON makes it fail

SMALL = sent(saved(patches(40, 30)))
NAMES = (
    *("image", "image_id", "model_id", "api_key", "prompts", "format", "output_prob_thresh", "nms_iou_threshold"),
    *("type", "value", "text", "boxes", "box_labels", "box", "points", "x", "y", "width", "height", "x0", "y1"),
    *("positive", "multimask_output", "return_candidates", "save_logits_to_cache", "load_logits_from_cache"),
)
# All that JSON as Python reads it can hold: half characters, numbers without end, no numbers.
letters = st.text(st.characters(codec=None, exclude_categories=()), max_size=10)
numbers = st.floats() | st.integers() | st.sampled_from([10**400, -(10**400), 1e308, 5e-324])
scalars = st.none() | st.booleans() | numbers | letters
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | letters, inner, max_size=4),
    max_leaves=10,
)


def mostly(usual: st.SearchStrategy[Any], other: st.SearchStrategy[Any] = anything) -> st.SearchStrategy[Any]:
    return st.sampled_from([*[usual] * 29, other]).flatmap(lambda chosen: chosen)


def entry(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Some of these fields, nearly all of them as they should be."""
    return st.fixed_dictionaries({}, optional={name: mostly(usual) for name, usual in fields.items()})


places = st.floats(-10, 60) | st.sampled_from([0, 1e308, -1e308, 5e-324, 40, 30])
sizes = st.floats(0, 60) | st.sampled_from([1e308, 5e-324, 1e-9])
boxes = mostly(
    st.fixed_dictionaries({"x": places, "y": places, "width": sizes, "height": sizes})
    | st.fixed_dictionaries({"x0": places, "y0": places, "x1": sizes, "y1": sizes})
)
shares = st.floats(0, 1)
switches = st.booleans()
pictures = (
    st.just(SMALL)
    | st.just(SMALL)
    | entry(
        type=st.sampled_from(["base64", "BASE64", "session", "url", "numpy", "file"]),
        value=st.sampled_from([SMALL["value"], "", "aGVsbG8=", "https://127.0.0.1/", "http://[::1]/", "data:,"]),
    )
)
words = mostly(st.sampled_from(["red circle", "star"]), letters)
concepts = st.fixed_dictionaries(
    {"text": words}, optional={"type": mostly(st.just("text")), "output_prob_thresh": mostly(shares)}
) | entry(boxes=st.lists(boxes, max_size=2), box_labels=st.lists(switches | st.integers(0, 1), max_size=2))
points = st.fixed_dictionaries({"x": places, "y": places}, optional={"positive": mostly(switches)})
clicks = entry(box=boxes, points=st.lists(mostly(points), max_size=3))
common = {
    "image_id": mostly(st.sampled_from(["a", "b", "c"])),
    "model_id": mostly(st.sampled_from(["nano", None])),
    "api_key": mostly(st.just("key")),
}
requests = st.one_of(
    st.tuples(st.sampled_from([PCS, PVS, EMBED]), anything),
    st.tuples(
        st.just(PCS),
        st.fixed_dictionaries(
            {"image": mostly(pictures), "prompts": mostly(st.lists(concepts, min_size=1, max_size=2))},
            optional={
                "format": mostly(st.sampled_from(["polygon", "rle", "json"])),
                "output_prob_thresh": mostly(shares),
                "nms_iou_threshold": mostly(shares),
                **common,
            },
        ),
    ),
    st.tuples(
        st.just(PVS),
        st.fixed_dictionaries(
            {"image": mostly(pictures), "prompts": mostly(st.lists(clicks, max_size=3) | clicks)},
            optional={
                "format": mostly(st.sampled_from(["json", "rle", "binary"])),
                **dict.fromkeys(NAMES[-4:], switches),
                **common,
            },
        ),
    ),
    st.tuples(st.just(EMBED), st.fixed_dictionaries({"image": mostly(pictures)}, optional=common)),
)


@settings(max_examples=120)
@given(requests)
def test_no_json_whatever_makes_the_server_fail(served: Served, asked: tuple[str, Any]) -> None:
    path, body = asked
    answer = served.http.post(path, content=json.dumps(body), headers=JSON)
    assert answer.status_code in (200, 400, 404, 422), (answer.status_code, answer.text)
    assert answer.headers["x-model"] == "nano"
    if answer.headers["content-type"] == "application/octet-stream":
        return
    data = answer.json()
    if answer.status_code == 200:
        assert data["time"] >= 0
        assert path == EMBED or len(data["prompt_results"]) >= 1
    elif answer.status_code == 422:
        assert all(set(each) == {"loc", "msg", "type"} for each in data["detail"])
    else:
        assert set(data) == {"message", "detail"}


# Polygons and run lengths are one mask


def filled(polygons: list[list[list[float]]], height: int, width: int) -> Binary:
    canvas = np.zeros((height, width), np.uint8)
    cv2.fillPoly(canvas, [np.array(polygon, np.int32) for polygon in polygons], 1)
    return canvas.astype(bool)


def without_holes(mask: Binary) -> Binary:
    """With every part of the background filled that cannot be reached from the picture's border."""
    around = np.pad((~mask).view(np.uint8), 1, constant_values=1)
    _, labels = cv2.connectedComponents(around, connectivity=4)
    outside: Binary = (labels == labels[0, 0])[1:-1, 1:-1]
    return ~outside


def lines(missing: Binary) -> bool:
    """Whether all of it is straight and one pixel wide: that has no outline of three points."""
    *_, stats, _ = cv2.connectedComponentsWithStats(missing.view(np.uint8), connectivity=8)
    for _, _, width, height, area in stats[1:]:
        if area != max(width, height) or (min(width, height) > 1 and width != height):
            return False
    return True


sides = st.sampled_from([1, 2, 3, 7]) | st.integers(1, 90)
dots = st.fixed_dictionaries({"x": st.floats(0, 1), "y": st.floats(0, 1), "positive": st.booleans()})


def both(served: Served, path: str, **body: Any) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each prediction of one request as polygons and as run lengths."""
    polygons, lengths = (served.http.post(path, json={**body, "format": form}) for form in ("polygon", "rle"))
    assert (polygons.status_code, lengths.status_code) == (200, 200), (polygons.text, lengths.text)
    for first, second in zip(polygons.json()["prompt_results"], lengths.json()["prompt_results"], strict=True):
        # A mask with no outline is left out of concept_segment's polygons.
        drawn = [each for each in second["predictions"] if path == PVS or _outlined(each)]
        yield from zip(first["predictions"], drawn, strict=True)


def _outlined(prediction: dict[str, Any]) -> bool:
    return not lines(without_holes(coco.decode(prediction["masks"]).astype(bool)))


def check_alike(polygons: dict[str, Any], lengths: dict[str, Any], height: int, width: int) -> None:
    assert (polygons["format"], lengths["format"]) == ("polygon", "rle")
    assert polygons["confidence"] == lengths["confidence"]
    assert lengths["masks"]["size"] == [height, width]
    assert all(len(polygon) >= 3 for polygon in polygons["masks"])
    mask = without_holes(coco.decode(lengths["masks"]).astype(bool))
    outlined = filled(polygons["masks"], height, width)
    assert not (outlined & ~mask).any()
    assert lines(mask & ~outlined)


@settings(max_examples=40)
@given(sides, sides, st.integers(0, 5), st.lists(dots, min_size=1, max_size=3))
def test_polygons_and_run_lengths_of_a_click_are_one_mask(
    served: Served, width: int, height: int, seed: int, points: list[dict[str, Any]]
) -> None:
    clicked = [{**point, "x": point["x"] * width, "y": point["y"] * height} for point in points]
    image = sent(saved(patches(width, height, seed)))
    prompts = [{"points": clicked}, {}]
    for polygons, lengths in both(served, PVS, image=image, prompts=prompts):
        check_alike(polygons, lengths, height, width)


@settings(max_examples=10)
@given(sides, sides, st.integers(0, 5))
def test_polygons_and_run_lengths_of_a_concept_are_one_mask(served: Served, width: int, height: int, seed: int) -> None:
    image = sent(saved(patches(width, height, seed)))
    prompts = [{"text": "red circle"}, {"text": "star"}]
    for polygons, lengths in both(served, PCS, image=image, prompts=prompts, output_prob_thresh=0):
        check_alike(polygons, lengths, height, width)


@given(st.integers(1, 12), st.integers(1, 12), st.data())
def test_what_has_no_outline_is_straight_and_one_pixel_wide(width: int, height: int, data: st.DataObject) -> None:
    """The measure used above, on masks of any shape; and the outlines are those that answers hold."""
    pixels = data.draw(st.lists(st.booleans(), min_size=width * height, max_size=width * height))
    dense = np.array(pixels).reshape(height, width)
    assume(dense.any())
    mask = without_holes(dense)
    outlined = filled([[[x, y] for x, y in each] for each in Mask.from_dense(dense).polygons()], height, width)
    assert not (outlined & ~mask).any()
    assert lines(mask & ~outlined)


# Every kind of picture is answered at its own size

PALETTE = patches(31, 17).quantize(8)
SIDEWAYS = Image.Exif()
SIDEWAYS[0x0112] = 6
FRAMES = [patches(21, 13, seed) for seed in range(3)]
KINDS: dict[str, tuple[bytes, tuple[int, int]]] = {  # the encoded picture; width and height
    "one pixel": (saved(patches(1, 1)), (1, 1)),
    "odd sides": (saved(patches(101, 77)), (101, 77)),
    "one row": (saved(patches(53, 1)), (53, 1)),
    "one column": (saved(patches(1, 53)), (1, 53)),
    "very wide": (saved(patches(3000, 2)), (3000, 2)),
    "very tall": (saved(patches(2, 3000)), (2, 3000)),
    "grey": (saved(patches(33, 19).convert("L"), "JPEG"), (33, 19)),
    "grey with transparency": (saved(patches(33, 19).convert("LA")), (33, 19)),
    "black and white": (saved(patches(33, 19).convert("1")), (33, 19)),
    "with transparency": (saved(patches(33, 19).convert("RGBA"), "WEBP"), (33, 19)),
    "sixteen bits": (saved(Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30) * 100)), (30, 20)),
    "sixteen bits in a TIFF": (saved(Image.fromarray(np.full((20, 30), 40_000, np.uint16)), "TIFF"), (30, 20)),
    "print colours": (saved(patches(33, 19).convert("CMYK"), "JPEG"), (33, 19)),
    "a palette": (saved(PALETTE), (31, 17)),
    "a palette with one transparent colour": (saved(PALETTE, transparency=3), (31, 17)),
    "a palette with transparencies": (saved(PALETTE, transparency=bytes(range(0, 240, 30))), (31, 17)),
    "an animated GIF": (saved(FRAMES[0], "GIF", save_all=True, append_images=FRAMES[1:]), (21, 13)),
    "an animated WEBP": (saved(FRAMES[0], "WEBP", save_all=True, append_images=FRAMES[1:]), (21, 13)),
    "turned by EXIF": (saved(patches(40, 20), "JPEG", exif=SIDEWAYS), (20, 40)),
    "turned by EXIF in a PNG": (saved(patches(40, 20), exif=SIDEWAYS), (20, 40)),
    "turned by EXIF in a TIFF": (saved(patches(40, 20), "TIFF", exif=SIDEWAYS), (20, 40)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_run_lengths_have_the_size_of_the_picture_of_whatever_kind(served: Served, kind: str) -> None:
    data, (width, height) = KINDS[kind]
    visual = {"image": sent(data), "format": "rle", "prompts": {"box": {"x0": 0, "y0": 0, "x1": width, "y1": height}}}
    concept = {"image": sent(data), "format": "rle", "prompts": [{"text": "red circle", "output_prob_thresh": 0}]}
    clicked, found = served.http.post(PVS, json=visual), served.http.post(PCS, json=concept)
    assert (clicked.status_code, found.status_code) == (200, 200), (clicked.text, found.text)
    predictions = clicked.json()["predictions"] + found.json()["prompt_results"][0]["predictions"]
    assert len(clicked.json()["predictions"]) == 1
    for each in predictions:
        assert each["masks"]["size"] == [height, width]
        assert coco.decode(each["masks"]).shape == (height, width)


@pytest.mark.parametrize("form", ["GIF", "WEBP"])
def test_an_animation_is_asked_about_by_its_first_frame(served: Served, form: str) -> None:
    options = {"lossless": True} if form == "WEBP" else {}
    frames = [frame.quantize(16) if form == "GIF" else frame for frame in FRAMES]
    moving = saved(frames[0], form, save_all=True, append_images=frames[1:], **options)
    asked = [moving, *(saved(frame, form, **options) for frame in frames)]
    first, *others = [served.http.post(EMBED, json={"image": sent(data)}).json()["image_id"] for data in asked]
    assert [first == other for other in others] == [True, False, False]  # an id is a hash of the pixels

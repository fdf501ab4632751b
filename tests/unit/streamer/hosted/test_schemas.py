"""What requests of the hosted API may look like, and what is refused with 422."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from streamer.hosted import contract
from streamer.hosted.schemas import MAX_OBJECTS, ConceptRequest, EmbedRequest, VisualRequest
from streamer.limits import MAX_POINTS, MAX_PROMPTS
from tracker import Box, Point, SegmentPrompt

IMAGE = {"type": "base64", "value": "x"}
BOX = {"x": 10, "y": 5, "width": 20, "height": 10}
POINT = {"x": 3, "y": 4, "positive": False}


def visual(**fields: Any) -> VisualRequest:
    return VisualRequest.model_validate({"image": IMAGE, **fields})


def same(found: VisualRequest, *wanted: SegmentPrompt) -> bool:
    asked = [each.prompt() for each in found.prompts]
    return [(each.points, each.box) for each in asked] == [(each.points, each.box) for each in wanted]


CENTRED = SegmentPrompt(box=Box(0, 0, 20, 10))
CLICKED = SegmentPrompt(points=(Point(3, 4, positive=False),))


@pytest.mark.parametrize(
    "prompts",
    [
        {"prompts": [{"box": BOX}, {"points": [POINT]}]},
        [{"box": BOX}, {"points": [POINT]}],
    ],
)
def test_prompts_may_be_a_set_or_a_bare_list(prompts: Any) -> None:
    assert same(visual(prompts=prompts), CENTRED, CLICKED)


@pytest.mark.parametrize(
    "prompts", [{"box": BOX}, [{"box": BOX}], {"prompts": {"box": BOX}}, {"prompts": [{"box": BOX}]}]
)
def test_one_prompt_may_stand_alone(prompts: Any) -> None:
    assert same(visual(prompts=prompts), CENTRED)


@pytest.mark.parametrize("prompts", [None, [], {}, {"prompts": []}, {"prompts": None}, [{}], {"points": []}])
def test_no_prompt_at_all_asks_for_one_mask(prompts: Any) -> None:
    assert same(visual(prompts=prompts), SegmentPrompt())
    assert same(visual(), SegmentPrompt())


@pytest.mark.parametrize("prompts", [False, 0, "", "dog", 7, [None], ["dog"], {"prompts": "dog"}, {"prompts": False}])
def test_prompts_of_another_kind_are_refused(prompts: Any) -> None:
    assert refused(VisualRequest, image=IMAGE, prompts=prompts)[0][0][0] == "prompts"


def test_a_box_of_visual_segment_is_given_by_its_centre_or_by_its_corners() -> None:
    corners = {"x0": 0, "y0": 0, "x1": 20, "y1": 10}
    both = visual(prompts=[{"box": BOX, "points": [POINT]}, {"box": corners}])
    assert same(both, SegmentPrompt(CLICKED.points, Box(0, 0, 20, 10)), CENTRED)


def test_a_box_of_concept_segment_is_given_by_its_corner_or_by_its_corners() -> None:
    boxes = [BOX, {"x0": 0, "y0": 0, "x1": 20, "y1": 10}]
    body = ConceptRequest.model_validate({"image": IMAGE, "prompts": [{"boxes": boxes}]})
    assert body.prompts[0].prompt().boxes == (Box(10, 5, 30, 15), Box(0, 0, 20, 10))


def test_a_point_belongs_to_the_object_unless_it_says_otherwise() -> None:
    assert same(visual(prompts={"points": [{"x": 3, "y": 4}]}), SegmentPrompt(points=(Point(3, 4),)))


@pytest.mark.parametrize("model", [ConceptRequest, VisualRequest, EmbedRequest])
def test_an_id_may_stand_for_the_picture_and_one_of_both_is_needed(model: type[BaseModel]) -> None:
    prompts = {"prompts": [{"text": "dog"}]}
    assert model.model_validate({"image_id": "a", **prompts}).image is None  # type: ignore[attr-defined]
    for body in ({}, {"image": None}, {"image_id": None}):
        assert refused(model, **prompts, **body) == [(("image",), "missing")]


def test_fields_that_concern_billing_are_ignored() -> None:
    more = {"id": 7, "source": "x", "source_info": {}, "usage_billable": True, "start": 1.5, "prompts": [{"text": "x"}]}
    body = ConceptRequest.model_validate({"image": IMAGE, "disable_model_monitoring": False, **more})
    assert [prompt.text for prompt in body.prompts] == ["x"]


def refused(model: type[BaseModel], **body: Any) -> list[tuple[tuple[Any, ...], str]]:
    """Where the body is wrong, and the word for how."""
    with pytest.raises(ValidationError) as refusal:
        model.model_validate(body)
    return [(each["loc"], each["type"]) for each in refusal.value.errors()]


LABELLED = {"boxes": [BOX], "box_labels": [1, 0]}


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"image": None}, ("image",)),
        ({"image": {"value": "x"}}, ("image", "type")),
        ({"image": {"type": "base64", "value": 7}}, ("image", "value")),
        ({"image": {"type": "base64", "value": "\ud800"}}, ("image", "value")),
        ({"image": {"type": "b" * 65}}, ("image", "type")),
        ({"image": "x"}, ("image",)),
        ({"image_id": ""}, ("image_id",)),
        ({"image_id": "x" * 257}, ("image_id",)),
        ({"model_id": 3}, ("model_id",)),
        ({"api_key": "\udfff"}, ("api_key",)),
        ({"api_key": "x" * 257}, ("api_key",)),
        ({"prompts": None}, ("prompts",)),
        ({"prompts": []}, ("prompts",)),
        ({"prompts": [{"text": "p"}] * (MAX_PROMPTS + 1)}, ("prompts",)),
        ({"prompts": [{}]}, ("prompts", 0, "text")),
        ({"prompts": [{"type": "visual", "text": "x"}]}, ("prompts", 0, "boxes")),
        ({"prompts": [{"type": "visual"}]}, ("prompts", 0, "boxes")),
        ({"prompts": [{"text": "x"}, LABELLED]}, ("prompts", 1, "box_labels")),
        ({"prompts": [{"text": "x", "output_prob_thresh": 1.01}]}, ("prompts", 0, "output_prob_thresh")),
        ({"prompts": [{"text": "x", "output_prob_thresh": -0.01}]}, ("prompts", 0, "output_prob_thresh")),
        ({"output_prob_thresh": 1.01}, ("output_prob_thresh",)),
        ({"output_prob_thresh": -0.01}, ("output_prob_thresh",)),
        ({"output_prob_thresh": float("nan")}, ("output_prob_thresh",)),
        ({"nms_iou_threshold": 1.01}, ("nms_iou_threshold",)),
        ({"nms_iou_threshold": -0.01}, ("nms_iou_threshold",)),
        ({"format": "png"}, ("format",)),
        ({"format": "binary"}, ("format",)),
    ],
)
def test_what_concept_segment_refuses_is_named(change: dict[str, Any], where: tuple[Any, ...]) -> None:
    body = {"image": IMAGE, "prompts": [{"text": "x"}], **change}
    assert [loc for loc, _ in refused(ConceptRequest, **body)] == [where]


@pytest.mark.parametrize("share", [0, 1, 0.5])
def test_thresholds_may_be_nought_and_one(share: float) -> None:
    prompts = [{"text": "x", "output_prob_thresh": share}]
    body = {"image": IMAGE, "prompts": prompts, "output_prob_thresh": share, "nms_iou_threshold": share}
    assert ConceptRequest.model_validate(body).prompts[0].prompt(0.3).threshold == share


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"image": None}, ("image",)),
        ({"format": "png"}, ("format",)),
        ({"sam2_version_id": "hiera_huge"}, ("sam2_version_id",)),
        ({"multimask_output": "perhaps"}, ("multimask_output",)),
        ({"prompts": [{"box": {**BOX, "width": 0}}]}, ("prompts", 0, "box", "topleft", "width")),
        ({"prompts": [{"box": {"x": 1, "y": 1}}]}, ("prompts", 0, "box", "topleft", "width")),
        ({"prompts": {"box": {"x0": 5, "y0": 1, "x1": 5, "y1": 2}}}, ("prompts", 0, "box", "corners", "x1")),
        ({"prompts": {"points": [{"x": 1}]}}, ("prompts", 0, "points", 0, "y")),
        ({"prompts": {"points": [{"x": float("inf"), "y": 1}]}}, ("prompts", 0, "points", 0, "x")),
        ({"prompts": {"points": [POINT] * (MAX_POINTS + 1)}}, ("prompts", 0, "points")),
        ({"prompts": [{}] * (MAX_OBJECTS + 1)}, ("prompts",)),
    ],
)
def test_what_visual_segment_refuses_is_named(change: dict[str, Any], where: tuple[Any, ...]) -> None:
    assert refused(VisualRequest, **{"image": IMAGE, **change})[0][0] == where


@pytest.mark.parametrize("version", ["hiera_tiny", "hiera_small", "hiera_large", "hiera_b_plus"])
def test_the_four_documented_versions_are_accepted(version: str) -> None:
    assert visual(sam2_version_id=version).sam2_version_id == version


@pytest.mark.parametrize(
    ("document", "schema", "model"),
    [
        ("concept_segment", "Sam3SegmentationRequest", ConceptRequest),
        ("visual_segment", "Sam2SegmentationRequest", VisualRequest),
    ],
)
def test_every_documented_field_is_read_and_has_its_documented_default(
    document: str, schema: str, model: type[BaseModel]
) -> None:
    described = contract.read(document)["components"]["schemas"][schema]
    body = model.model_validate({"image": IMAGE, "prompts": [{"text": "x"}]})
    assert set(described["properties"]) <= set(model.model_fields)
    # Unset, output_prob_thresh leaves the say to each prompt, and is 0.5 where that has none (test_api.py).
    defaults = {name: field["default"] for name, field in described["properties"].items() if "default" in field}
    defaults.pop("output_prob_thresh", None)
    assert {name: getattr(body, name) for name in defaults} == defaults

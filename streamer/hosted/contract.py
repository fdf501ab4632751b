"""
The published OpenAPI documents of the hosted API, and how what is served here differs from them.

``documents/`` holds the two word for word, and our own part. Where ours differs from them is written in
:func:`contract`, and nowhere else; what we added is marked ``x-extension``.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

Document = dict[str, Any]

_PUBLISHED = ("concept_segment", "visual_segment")


def contract() -> Document:
    """Paths and schemas of the hosted API as we serve them: the published documents, and our list of differences."""
    paths: Document = {}
    schemas: Document = {}
    for name in _PUBLISHED:
        document = read(name)
        paths |= document["paths"]
        schemas |= document["components"]["schemas"]
    ours = read("extensions")
    paths |= ours["paths"]
    schemas |= ours["schemas"]  # those that are referred to there and defined nowhere, among them

    # A key is needed only where the server has keys.
    for path in paths.values():
        for parameter in path["post"]["parameters"]:
            parameter["required"] = False
    # A mask is polygons or run lengths.
    masks = schemas["Sam3SegmentationPrediction"]["properties"]["masks"]
    polygons = {key: masks.pop(key) for key in ("type", "items")}
    masks["anyOf"] = [polygons, {"$ref": "#/components/schemas/RunLengths"}]
    # Public clients read the predictions of visual_segment from the top.
    prediction = {"type": "array", "items": {"$ref": "#/components/schemas/Sam2SegmentationPrediction"}}
    _extend(
        schemas["Sam2SegmentationResponse"],
        predictions={**prediction, "title": "Predictions", "description": "The best mask of each prompt, in order"},
    )
    _extend(
        schemas["Sam2SegmentationRequest"],
        return_candidates={
            "type": "boolean",
            "title": "Return Candidates",
            "description": "With multimask_output: answer all three masks of each prompt beside the best one.",
            "default": False,
        },
    )
    _holes(schemas)
    _extend(
        schemas["Sam2PromptResult"],
        candidates={**prediction, "title": "Candidates", "description": "All masks, best first, when asked for"},
    )
    # `type` may be `session` too: a live session's newest frame.
    schemas["InferenceRequestImage"]["x-extension-session"] = "type `session`, value its id: the newest frame of it"
    return {"paths": paths, "schemas": schemas}


def _holes(schemas: Document) -> None:
    """Polygons lose holes; who asks gets them."""
    asked = {"type": "boolean", "title": "Holes", "default": False}
    asked["description"] = "Polygons: the contours of holes too, for filling all of a mask by the even-odd rule."
    told = {
        "type": "boolean",
        "title": "Holes",
        "description": "True: fill all polygons of the mask by the even-odd rule.",
    }
    for name in ("Sam3", "Sam2"):
        _extend(schemas[f"{name}SegmentationRequest"], holes=asked)
        _extend(schemas[f"{name}SegmentationPrediction"], holes=told)


def read(name: str) -> Document:
    """One of the documents, as it lies there."""
    document: Document = json.loads(files("streamer.hosted").joinpath("documents", f"{name}.json").read_text("utf-8"))
    return document


def _extend(schema: Document, **fields: Document) -> None:
    for name, field in fields.items():
        schema["properties"][name] = {**field, "x-extension": True}

"""
The served OpenAPI document: what FastAPI finds out, and the two documents of the hosted API as they were published.

``documents/`` holds those two word for word, and our own part. Where ours differs from them is written in
:func:`contract`, and nowhere else; what we added is marked ``x-extension``.
"""

from __future__ import annotations

import importlib.metadata
import json
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from streamer.errors import StreamerError

Document = dict[str, Any]

_PUBLISHED = ("concept_segment", "visual_segment")


def install(app: FastAPI) -> None:
    """Let an application serve our document."""

    def document() -> Document:
        if app.openapi_schema is None:
            app.openapi_schema = merged(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def merged(app: FastAPI) -> Document:
    """FastAPI's document of an application, with the contract in it."""
    version = importlib.metadata.version("sam3-streamer") if _installed() else "0"
    found: Document = get_openapi(title=app.title, version=version, routes=app.routes)
    schemas: Document = found.setdefault("components", {}).setdefault("schemas", {})
    for ours in (*(operation for path in found["paths"].values() for operation in path.values()), *schemas.values()):
        ours["x-extension"] = True  # sessions, and what else the hosted API has not
    published = contract()
    found["paths"] |= published["paths"]
    schemas |= published["schemas"]
    return found


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
    _extend(
        schemas["Sam2PromptResult"],
        candidates={**prediction, "title": "Candidates", "description": "All masks, best first, when asked for"},
    )
    # `type` may be `session` too: a live session's newest frame.
    schemas["InferenceRequestImage"]["x-extension-session"] = "type `session`, value its id: the newest frame of it"
    return {"paths": paths, "schemas": schemas}


def refusals(*kinds: type[StreamerError]) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's ``responses`` of a route that raises these; the schema Refusal is in documents/extensions.json."""
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    return {kind.status: {"description": (kind.__doc__ or "").split("\n\n")[0], "content": content} for kind in kinds}


def read(name: str) -> Document:
    """One of the documents, as it lies there."""
    document: Document = json.loads(files("streamer").joinpath("documents", f"{name}.json").read_text("utf-8"))
    return document


def _extend(schema: Document, **fields: Document) -> None:
    for name, field in fields.items():
        schema["properties"][name] = {**field, "x-extension": True}


def _installed() -> bool:
    try:
        importlib.metadata.version("sam3-streamer")
    except importlib.metadata.PackageNotFoundError:
        return False
    return True

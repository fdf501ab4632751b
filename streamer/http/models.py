"""``GET /models``: what is running, and what else could."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Request
from pydantic import BaseModel, Field

from streamer import auth, figures
from streamer.engine import Engine
from streamer.http.openapi import refusals
from tracker import ENTRIES, Entry, Sam3, kept, record

router = auth.guarded(auth.Scope.VIEW, tags=["operations"], responses=refusals(*auth.REFUSALS))


class RunningModel(BaseModel):
    """The model that is loaded."""

    name: str
    title: Annotated[str, Field(description="For people.")]
    knows: Annotated[str | None, Field(description="What it can be asked for; null for a model that is not listed.")]
    heads: Annotated[list[str], Field(description="Of words, exemplars, clicks and memory, those that it has.")]
    text_context: Annotated[
        int, Field(description="Tokens that it reads of a prompt, the first and the last included.")
    ]
    threshold: Annotated[float, Field(description="Of prompts that name none, 0 to 1.")]
    resolution: Annotated[int, Field(description="Side of the square that it looks at, in pixels.")]
    licence: Annotated[str | None, Field(description="Of the weights; null for a model that is not listed.")]


class Look(BaseModel):
    """How long a look took on this machine."""

    seconds: float
    resolution: Annotated[int, Field(description="In pixels.")]
    device: str | None


class OtherModel(BaseModel):
    """A model that is not running."""

    name: str
    title: Annotated[str, Field(description="For people.")]
    downloaded: Annotated[bool, Field(description="Whether its weights are on this machine.")]
    size: Annotated[
        int | None, Field(description="Of its file in bytes; null: not known, or it ships with the server.")
    ]
    licence: Annotated[str, Field(description="Of the weights.")]
    look: Annotated[Look | None, Field(description="As `streamer models bench` measured it; null: not measured.")]


class Models(BaseModel):
    """What is running, and what else could."""

    running: Annotated[RunningModel | None, Field(description="Null while none is loaded.")]
    others: list[OtherModel]


@router.get("/models", response_model=Models)
def models(request: Request) -> dict[str, Any]:
    """Tell which model is running, and which others there are. Nothing is downloaded."""
    engine: Engine = request.app.state.engine
    model = engine.model
    kept_figures = figures.measured()
    others = [entry for entry in ENTRIES if model is None or entry.name != model.name]
    return {
        "running": None if model is None else _running(model),
        "others": [_other(entry, kept_figures) for entry in others],
    }


def _running(model: Sam3) -> dict[str, Any]:
    entry = next((each for each in ENTRIES if each.name == model.name), None)
    return {
        "name": model.name,
        "title": entry.title if entry else model.name,
        "knows": entry.knows if entry else None,
        "heads": sorted(model.config.abilities),
        "text_context": model.config.text_context,
        "threshold": model.threshold,
        "resolution": model.config.image_size,
        "licence": entry.licence if entry else None,
    }


def _other(entry: Entry, kept_figures: dict[str, dict[str, figures.Figure]]) -> dict[str, Any]:
    file = entry.file
    noted = record(file) if file else None
    found = figures.chosen(kept_figures, entry.name, entry.config.image_size)
    return {
        "name": entry.name,
        "title": entry.title,
        "downloaded": file is None or kept(file) is not None,
        "size": (file.size if file else None) or (noted.size if noted else None),
        "licence": entry.licence,
        "look": found and {"seconds": found[1]["look"], "resolution": found[0], "device": found[1].get("device")},
    }

"""``GET /models``: what is running, and what else could; and the two routes that fetch a model and go over to it."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from streamer import auth, figures
from streamer.auth import Scope
from streamer.engines import Engines
from streamer.errors import BadRequest, Conflict, NotFound, NotReady, TooMany
from streamer.http.openapi import refusals
from streamer.models.managing import Download, Models
from streamer.wire import fields
from tracker import Ability, Entry, Sam3, record

viewing = auth.guarded(Scope.VIEW, tags=["operations"], responses=refusals(*auth.REFUSALS))
managing = auth.guarded(Scope.MANAGE, tags=["operations"], responses=refusals(*auth.REFUSALS))
router = APIRouter()

AnyWord = Annotated[bool, Field(description="Whether it takes any words; false: those alone that it was taught.")]
Going = Literal["running", "done", "failed"]


class RunningModel(BaseModel):
    """The model that is loaded."""

    name: str
    title: Annotated[str, Field(description="For people.")]
    knows: Annotated[str | None, Field(description="What it can be asked for; null for a model that is not listed.")]
    any_word: AnyWord
    heads: Annotated[list[str], Field(description="Of words, exemplars, clicks and memory, those that it has.")]
    text_context: Annotated[
        int, Field(description="Tokens that it reads of a prompt, the first and the last included.")
    ]
    threshold: Annotated[float, Field(description="Of prompts that name none, 0 to 1.")]
    resolution: Annotated[int, Field(description="Side of the square that it looks at, in pixels.")]
    resolutions: Annotated[list[int], Field(description="Those that it can look at.")]
    licence: Annotated[str | None, Field(description="Of the weights; null for a model that is not listed.")]


class Look(BaseModel):
    """How long a look took on this machine."""

    seconds: float
    resolution: Annotated[int, Field(description="In pixels.")]
    device: str | None


class ExpectedLook(Look):
    """How long a look takes on this machine."""

    measured: Annotated[bool, Field(description="False: an estimate, an order of magnitude.")]


class ModelDownload(BaseModel):
    """A model's file on its way."""

    state: Going
    done: Annotated[int, Field(description="Bytes that are here.")]
    size: Annotated[int | None, Field(description="Of how many; null: not known yet.")]
    why: Annotated[str | None, Field(description="What went wrong; in general words where the key may not manage.")]


class OtherModel(BaseModel):
    """A model that is not running."""

    name: str
    title: Annotated[str, Field(description="For people.")]
    knows: Annotated[str, Field(description="What it can be asked for.")]
    any_word: AnyWord
    heads: Annotated[list[str], Field(description="Of words, exemplars, clicks and memory, those that it has.")]
    downloaded: Annotated[bool, Field(description="Whether its weights are on this machine.")]
    on_request: Annotated[bool, Field(description="Whether its owner gives it out on request.")]
    size: Annotated[
        int | None, Field(description="Of its file in bytes; null: not known, or it ships with the server.")
    ]
    memory: Annotated[int | None, Field(description="Bytes that loading it takes, about; null: not downloaded.")]
    licence: Annotated[str, Field(description="Of the weights.")]
    resolutions: Annotated[list[int], Field(description="Sides in pixels that it can look at, its own first.")]
    look: Annotated[Look | None, Field(description="As `streamer models bench` measured it; null: not measured.")]
    expected: Annotated[list[ExpectedLook], Field(description="A look at each resolution; empty: not known.")]
    download: Annotated[ModelDownload | None, Field(description="Its last download since the server started.")]


class ModelChange(BaseModel):
    """The last change to another model since the server started."""

    name: str
    resolution: Annotated[int | None, Field(description="In pixels; null: the model's own.")]
    state: Going
    words: Annotated[str, Field(description="What is being done, or was last.")]
    why: Annotated[str | None, Field(description="What went wrong; in general words where the key may not manage.")]


class ModelList(BaseModel):
    """What is running, and what else could."""

    running: Annotated[RunningModel | None, Field(description="Null while none is loaded.")]
    others: list[OtherModel]
    change: ModelChange | None
    may_manage: Annotated[bool, Field(description="Whether this key may fetch models and go over to another.")]


class UseIn(fields.Input):
    """How to use a model."""

    resolution: Annotated[int | None, Field(gt=0, description="Pixels; the model's own if left out.")] = None


@viewing.get("/models", response_model=ModelList)
def models(request: Request) -> dict[str, Any]:
    """Tell which model is running, and which others there are. Nothing is downloaded."""
    engines: Engines = request.app.state.engines
    known: Models = request.app.state.models
    manages = auth.caller_of(request).scope >= Scope.MANAGE
    model, change, tell = engines.model, known.change, _Teller(known, engines.model, manages=manages)
    return {
        "running": None if model is None else _running(model, known),
        "others": [tell.other(each) for each in known.entries if model is None or each.name != model.name],
        "change": change
        and {
            "name": change.name,
            "resolution": change.resolution,
            "state": change.state,
            "words": change.words if manages else "",
            "why": tell.why(change.why),
        },
        "may_manage": manages,
    }


@managing.post(
    "/models/{name}/download",
    status_code=202,
    response_model=ModelList,
    responses=refusals(NotFound, Conflict, TooMany),
)
async def fetch(name: str, request: Request) -> dict[str, Any]:
    """Begin the download of a model, or go on with it. `GET /models` tells how far it is. One at a time."""
    known: Models = request.app.state.models
    known.fetch(name)
    return await asyncio.to_thread(models, request)


@managing.post(
    "/models/{name}/use",
    status_code=202,
    response_model=ModelList,
    responses=refusals(BadRequest, NotFound, Conflict, TooMany, NotReady),
)
async def use(name: str, request: Request, body: UseIn | None = None) -> dict[str, Any]:
    """
    Go over to another model while the present one goes on answering. `GET /models` tells how far that is.

    Sessions keep their sources and prompts; objects are found anew, under new ids. A model that cannot be loaded leaves
    the present one running. One change at a time.
    """
    known: Models = request.app.state.models
    known.use(name, None if body is None else body.resolution)
    return await asyncio.to_thread(models, request)


class _Teller:
    """Tells a caller of models."""

    def __init__(self, known: Models, model: Sam3 | None, *, manages: bool) -> None:
        self._known, self._manages = known, manages
        self._device = None if model is None else model.device.type
        self._figures = figures.measured()

    def why(self, words: str | None) -> str | None:
        """Reasons speak of the disk and the network, of which not everyone may know."""
        return words if words is None or self._manages else "It failed; who may manage is told why."

    def other(self, entry: Entry) -> dict[str, Any]:
        """A model that is not running."""
        known, file = self._known, entry.file
        noted = record(file) if file else None
        found = figures.chosen(self._figures, entry.name, entry.config.image_size)
        fetched = known.downloads.get(entry.name)
        return {
            "name": entry.name,
            "title": entry.title,
            "knows": entry.knows,
            "any_word": not entry.config.taught_words,
            "heads": sorted(entry.config.abilities),
            "downloaded": known.there(entry),
            "on_request": file is not None and file.gated,
            "size": (file.size if file else None) or (noted.size if noted else None),
            "memory": known.memory(entry),
            "licence": entry.licence,
            "resolutions": list(entry.config.resolutions),
            "look": found and {"seconds": found[1]["look"], "resolution": found[0], "device": found[1].get("device")},
            "expected": self._expected(entry),
            "download": fetched and self._download(fetched),
        }

    def _expected(self, entry: Entry) -> list[dict[str, Any]]:
        """What is known of other devices than the one that serves is no answer."""
        speed = self._known.speed()
        looks = [figures.expected(entry, side, self._figures, speed) for side in entry.config.resolutions if speed]
        here = [each for each in looks if self._device in (None, (each.device or "cpu").partition(":")[0])]
        return [dataclasses.asdict(each) for each in here]

    def _download(self, fetched: Download) -> dict[str, Any]:
        return {
            "state": fetched.state,
            "done": fetched.done,
            "size": fetched.size,
            "why": self.why(fetched.why),
        }


def _running(model: Sam3, known: Models) -> dict[str, Any]:
    entry = next((each for each in known.entries if each.name == model.name), None)
    return {
        "name": model.name,
        "title": entry.title if entry else model.name,
        "knows": entry.knows if entry else None,
        "any_word": Ability.WORDS in model.config.abilities and not model.config.taught_words,
        "heads": sorted(model.config.abilities),
        "text_context": model.config.text_context,
        "threshold": model.threshold,
        "resolution": model.config.image_size,
        "resolutions": list(model.config.resolutions),
        "licence": entry.licence if entry else None,
    }


router.include_router(viewing)
router.include_router(managing)

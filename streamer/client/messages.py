"""What the server sends, as typed objects. All coordinates are pixels of the frame or picture they belong to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any
from urllib.parse import unquote

from streamer.client.masks import Box, Mask
from streamer.client.pictures import Picture

# What reading an answer of another shape raises; errors.unreadable makes one sentence of it.
MISREAD = (KeyError, IndexError, TypeError, ValueError, AttributeError)

# Answers about one picture


@dataclass(frozen=True, slots=True)
class Prediction:
    """One object in a picture; ``confidence`` is 0 to 1."""

    confidence: float
    mask: Mask


@dataclass(frozen=True, slots=True)
class PromptResult:
    """
    What one prompt found, most confident first.

    ``text`` is the prompt's, None for boxes and points. ``candidates`` are all masks of visual_segment, best first,
    when they were asked for.
    """

    index: int
    text: str | None
    predictions: tuple[Prediction, ...]
    candidates: tuple[Prediction, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """
    The answer for one picture: one entry a prompt, in their order, to iterate over or to index.

    ``seconds`` is what the server took, ``model`` the one that answered (``nano``, ``sam3``), and ``cached`` says that
    the picture's embedding was there already. ``hint`` is what the model has to say about words it was never taught.
    """

    prompts: tuple[PromptResult, ...]
    seconds: float
    model: str | None = None
    cached: bool = False
    hint: str | None = None

    def __iter__(self) -> Iterator[PromptResult]:
        return iter(self.prompts)

    def __len__(self) -> int:
        return len(self.prompts)

    def __getitem__(self, index: int) -> PromptResult:
        return self.prompts[index]

    @property
    def predictions(self) -> tuple[Prediction, ...]:
        """All of them, prompt by prompt; of visual_segment exactly one a prompt."""
        return tuple(each for prompt in self.prompts for each in prompt.predictions)


def found(data: Any, headers: Mapping[str, str]) -> Found:
    """Read the answer of concept_segment or visual_segment. Raises one of MISREAD."""
    prompts = tuple(
        PromptResult(
            index=int(entry["prompt_index"]),
            text=entry["echo"]["text"] if "echo" in entry else None,
            predictions=_predictions(entry["predictions"]),
            candidates=_predictions(entry.get("candidates", ())),
        )
        for entry in data["prompt_results"]
    )
    return Found(prompts, float(data["time"]), headers.get("x-model"), headers.get("x-cache") == "hit", _hint(headers))


def _hint(headers: Mapping[str, str]) -> str | None:
    return unquote(headers["x-hint"]) if "x-hint" in headers else None


def _predictions(entries: Any) -> tuple[Prediction, ...]:
    return tuple(Prediction(float(each["confidence"]), Mask.read(each["masks"])) for each in entries)


# Live sessions


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """
    A session as the server lists it.

    ``kind`` is webrtc for a camera that sends to the server, url or demo for what the server fetches. ``state`` is
    connecting, live, reconnecting, stalled (the model hangs) or ended, ``reason`` says why, ``since`` when that began.
    ``fps`` is results a second, ``looks`` how often the model looks (None where a server does not say it), ``age_ms``
    how old the frame of the last result is by now, ``received_ms`` the same from its packet's arrival (None where a
    server does not say it), ``dropped`` how many frames have no result. ``prompts`` are the texts (None for a prompt
    of boxes), ``hint`` what the model has to say about them. ``keep``: it is to outlive the server, ``kept``: it
    would if that ended now.
    """

    id: str
    source: str
    state: str
    reason: str
    since: datetime
    fps: float
    age_ms: float | None
    dropped: int
    prompts: tuple[str | None, ...] = ()
    hint: str | None = None
    kind: str = ""
    looks: float | None = None
    received_ms: float | None = None
    keep: bool = False
    kept: bool = False


def session_info(data: Any) -> SessionInfo:
    """Read one entry of ``GET /sessions``. Raises one of MISREAD."""
    return SessionInfo(
        id=str(data["id"]),
        source=str(data["source"]),
        state=str(data["state"]),
        reason=str(data["reason"]),
        since=datetime.fromisoformat(data["since"]),
        fps=float(data["fps"]),
        age_ms=None if data["age_ms"] is None else float(data["age_ms"]),
        dropped=int(data["dropped"]["source"]),
        prompts=tuple(prompt["text"] for prompt in data.get("prompts", ())),
        hint=data.get("hint"),
        kind=str(data.get("kind", "")),
        looks=data.get("looks"),
        received_ms=data.get("received_ms"),
        keep=bool(data.get("keep", False)),
        kept=bool(data.get("kept", False)),
    )


@dataclass(frozen=True, slots=True)
class Frame:
    """
    A frame of a live session.

    ``index`` counts decoded frames from 0, the dropped ones included. ``pts`` is in units of ``time_base`` seconds and
    starts again when ``epoch`` rises. ``rtp_timestamp`` is the packet's own, over WebRTC only. ``width`` and
    ``height`` are in pixels.
    """

    index: int
    epoch: int
    pts: int | None
    time_base: Fraction
    rtp_timestamp: int | None
    width: int
    height: int

    @property
    def seconds(self) -> float | None:
        """The media's own time, since its epoch began."""
        return None if self.pts is None else float(self.pts * self.time_base)


@dataclass(frozen=True, slots=True)
class Tracked:
    """
    One followed object on one frame.

    ``id`` stays the object's own as long as it is followed, and is not given again. ``text`` and ``prompt_index`` are
    those of the prompt it was found for; of an object made by a click or a box ``text`` is None. ``stage`` says how
    the mask was made: keyframe, refine or flow. ``tentative``: seen once, not confirmed yet.
    """

    id: int
    prompt_index: int
    text: str | None
    confidence: float
    box: Box
    mask: Mask
    stage: str
    tentative: bool


@dataclass(frozen=True, slots=True)
class LookedAt:
    """
    The look behind a result's masks: the index of the frame that the model saw, and how it was looked at.

    ``age_ms`` is from that frame's arrival to the publishing of the result. ``stage`` and ``reason`` are the look's.
    """

    index: int
    age_ms: float
    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class Result:
    """
    What became of one frame.

    ``stage`` and ``reason`` say what was done with it and why. ``looked_at`` is the look behind its masks: of this
    very frame, or of an earlier one, whose masks were moved along with the picture (``stage`` is flow then). It is
    None where this scene has not been looked at yet, for an error, and from servers that do not say it. ``ahead``:
    the masks are moved on by one more frame, as this reader asked. ``age_ms`` is from the decoded frame's arrival to
    the publishing of the result, ``received_ms`` from that of its packet (None where it is not known). ``seconds`` is
    what the look, or moving masks along, took. ``dropped_by_source`` counts frames without a result since the
    session began, ``dropped_by_reader`` results that this connection was not sent. ``notes`` has a sentence for each
    prompt that rests, by its place in the list. ``picture`` is there when pictures were asked for. ``error``, when
    not None, says which frame could not be looked at, this one or one shortly before, and why; the next one will be
    tried.
    """

    session: str
    frame: Frame
    objects: tuple[Tracked, ...]
    stage: str | None
    reason: str | None
    age_ms: float
    seconds: float | None
    dropped_by_source: int
    dropped_by_reader: int
    notes: Mapping[int, str]
    picture: Picture | None = None
    error: str | None = None
    looked_at: LookedAt | None = None
    ahead: bool = False
    received_ms: float | None = None


def result(data: Any, picture: Picture | None = None) -> Result:
    """Read a ``result`` message, or the ``error`` message of a frame. Raises one of MISREAD."""
    frame, entries = _frame(data["frame"]), data.get("prompt_results", ())
    return Result(
        session=str(data["session"]),
        frame=frame,
        objects=tuple(_tracked(entry, each, frame) for entry in entries for each in entry["predictions"]),
        stage=data.get("stage"),
        reason=data.get("reason"),
        age_ms=float(data["age_ms"]),
        seconds=data.get("time"),
        dropped_by_source=int(data["dropped"]["source"]),
        dropped_by_reader=int(data["dropped"]["subscriber"]),
        notes={int(entry["prompt_index"]): entry["note"] for entry in entries if "note" in entry},
        picture=picture if picture is not None and picture.frame == frame.index else None,
        error=data["message"] if data["type"] == "error" else None,
        looked_at=_looked_at(data.get("looked_at")),
        ahead=bool(data.get("ahead", 0)),
        received_ms=data.get("received_ms"),
    )


def _looked_at(data: Any) -> LookedAt | None:
    if data is None:
        return None
    return LookedAt(int(data["index"]), float(data["age_ms"]), str(data["stage"]), str(data["reason"]))


def _frame(data: Any) -> Frame:
    return Frame(
        index=int(data["index"]),
        epoch=int(data["epoch"]),
        pts=data["pts"],
        time_base=Fraction(*data["time_base"]),
        rtp_timestamp=data["rtp_timestamp"],
        width=int(data["width"]),
        height=int(data["height"]),
    )


def _tracked(entry: Any, data: Any, frame: Frame) -> Tracked:
    return Tracked(
        id=int(data["object_id"]),
        prompt_index=int(entry["prompt_index"]),
        text=entry["echo"]["text"],
        confidence=float(data["confidence"]),
        box=Box(*(float(edge) for edge in data["box"])),
        mask=Mask.read(data["masks"], (frame.height, frame.width), even_odd=bool(data.get("holes"))),
        stage=str(data["stage"]),
        tentative=bool(data["tentative"]),
    )

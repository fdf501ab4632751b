"""What the client asks, as data: HTTP calls, and the messages of a live session. Nothing is sent here."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, NamedTuple, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import httpx

from streamer.client import errors, messages, pictures
from streamer.client.masks import Box
from streamer.client.messages import Found, Frame, SessionInfo
from streamer.client.pictures import Picture, Source

T = TypeVar("T")
Encoding = Literal["json", "msgpack"]
MaskForm = Literal["rle", "polygon", "none"]
Only = Sequence[str] | Literal["all"]  # prompts by text or id; "" stands for the objects of clicks and boxes
Edges = Box | tuple[float, float, float, float]


class Point(NamedTuple):
    """A click in pixels. ``positive`` means "this belongs to the object"."""

    x: float
    y: float
    positive: bool = True


Clicks = Sequence[Point | tuple[float, float] | tuple[float, float, bool]]


@dataclass(frozen=True, slots=True)
class Prompt:
    """
    A concept to find: words, example boxes, or both. Where only words are needed, a string does.

    ``labels`` goes with ``boxes`` (True: an example, False: a counter-example; left out: all examples). ``threshold``
    is the lowest confidence reported, 0 to 1, the server's own (0.5) when None. ``id`` is your name for the prompt: in
    a live session a prompt with the same id, else with the same words and boxes, keeps its objects.
    """

    text: str | None = None
    boxes: Sequence[Edges] = ()
    labels: Sequence[bool] | None = None
    threshold: float | None = None
    id: str | None = None


Prompts = str | Prompt | Sequence[str | Prompt]


@dataclass(frozen=True, slots=True)
class VisualPrompt:
    """One object of visual_segment: points, a box, or both."""

    points: Clicks = ()
    box: Edges | None = None


# HTTP


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is: ``http(s)://host[:port][/path]``."""

    base: str

    @classmethod
    def read(cls, text: str) -> Address:
        """As people write it; without a scheme it is http. Raises ValueError."""
        base = (text if "://" in text else f"http://{text}").rstrip("/")
        parts = urlsplit(base)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"{text!r} is not the address of a server; write it like http://localhost:8000.")
        return cls(base)

    def results(self, session: str, query: Mapping[str, Any] | None = None) -> str:
        """The WebSocket of a session's results; ``query`` as :func:`reader_query` makes it."""
        url = f"ws{self.base.removeprefix('http')}{_session_path(session)}/results"  # https becomes wss
        return f"{url}?{urlencode(query, doseq=True)}" if query else url


def headers(api_key: str | None) -> dict[str, str]:
    """What every request carries, the WebSocket's too. Raises ValueError for a key that no header can hold."""
    key = (api_key or "").strip()  # from a file it ends in a newline, from an unset variable it is empty
    if not key.isascii() or not key.isprintable():
        raise ValueError("api_key must be printable ASCII; what was given is not shown here.")
    return {"Authorization": f"Bearer {key}"} if key else {}


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One HTTP request, and how its answer is read."""

    method: str
    path: str
    parse: Callable[[httpx.Response], T]
    body: dict[str, Any] | None = None

    def read(self, answer: httpx.Response) -> T:
        """Make of the answer what the caller gets. Raises ClientError for a refusal, or for what is no answer."""
        if not answer.is_success:
            raise errors.of_answer(answer.status_code, answer.headers, answer.content)
        try:
            return self.parse(answer)
        except messages.MISREAD as error:
            raise errors.unreadable(error) from error


def concept_segment(
    image: Source | None, prompts: Prompts, *, threshold: float | None, nms_iou: float | None, image_id: str | None
) -> Call[Found]:
    """``POST /sam3/concept_segment``. Raises as :func:`pictures.image_json`."""
    body = {
        **_picture(image, image_id),
        "prompts": [_prompt_json(prompt) for prompt in _listed(prompts)],
        "format": "rle",
        "output_prob_thresh": _number("threshold", threshold),
        "nms_iou_threshold": _number("nms_iou", nms_iou),
    }
    return Call("POST", "/sam3/concept_segment", _found, _without_none(body))


def visual_segment(
    image: Source | None,
    points: Clicks,
    box: Edges | None,
    prompts: VisualPrompt | Sequence[VisualPrompt] | None,
    *,
    image_id: str | None,
    multimask: bool,
    candidates: bool,
    save_logits: bool,
    load_logits: bool,
) -> Call[Found]:
    """``POST /sam3/visual_segment``. Raises as :func:`pictures.image_json` and :func:`visual_prompts`."""
    body = {
        **_picture(image, image_id),
        "prompts": {"prompts": [_visual_json(prompt) for prompt in visual_prompts(points, box, prompts)]},
        "format": "rle",
        "multimask_output": multimask,
        "return_candidates": candidates,
        "save_logits_to_cache": save_logits,
        "load_logits_from_cache": load_logits,
    }
    return Call("POST", "/sam3/visual_segment", _found, body)


def visual_prompts(
    points: Clicks, box: Edges | None, prompts: VisualPrompt | Sequence[VisualPrompt] | None
) -> Sequence[VisualPrompt]:
    """One object by its points and its box, or several as a list. Raises ValueError for both."""
    if prompts is None:
        return [VisualPrompt(points, box)]
    if points or box is not None:
        raise ValueError("Give points and box for one object, or prompts for several, not both.")
    listed = [prompts] if isinstance(prompts, VisualPrompt) else list(prompts)
    if not listed:
        raise ValueError("prompts is empty: there is nothing to segment.")
    return listed


def embed_image(image: Source, image_id: str | None) -> Call[str]:
    """``POST /sam3/embed_image``. Raises as :func:`pictures.image_json`."""
    return Call("POST", "/sam3/embed_image", lambda answer: str(answer.json()["image_id"]), _picture(image, image_id))


def start(source: str, prompts: Prompts, *, keep: bool = False) -> Call[SessionInfo]:
    """``POST /sessions``."""
    body = {"source": source, "prompts": [_prompt_json(prompt) for prompt in _listed(prompts)], "keep": keep}
    return Call("POST", "/sessions", lambda answer: messages.session_info(answer.json()), body)


def sessions() -> Call[list[SessionInfo]]:
    """``GET /sessions``."""
    return Call("GET", "/sessions", lambda answer: [messages.session_info(each) for each in answer.json()["sessions"]])


def session(id: str) -> Call[SessionInfo]:  # noqa: A002
    """``GET /sessions/{id}``."""
    return Call("GET", _session_path(id), lambda answer: messages.session_info(answer.json()))


def stop(id: str) -> Call[None]:  # noqa: A002
    """``DELETE /sessions/{id}``."""
    return Call("DELETE", _session_path(id), lambda answer: None)


def picture(id: str, index: int | None) -> Call[Picture]:  # noqa: A002
    """``GET /sessions/{id}/frames/….jpg``; None means the newest."""
    name = "latest" if index is None else int(index)
    return Call(
        "GET",
        f"{_session_path(id)}/frames/{name}.jpg",
        lambda answer: Picture(int(answer.headers["X-Frame-Index"]), answer.content),
    )


def _found(answer: httpx.Response) -> Found:
    return messages.found(answer.json(), answer.headers)


def _session_path(id: str) -> str:  # noqa: A002
    return f"/sessions/{quote(id, safe='')}"


def _picture(image: Source | None, image_id: str | None) -> dict[str, Any]:
    if image is None and image_id is None:
        raise ValueError("A picture is needed, or the image_id of one that the server keeps.")
    return _without_none({"image": None if image is None else pictures.image_json(image), "image_id": image_id})


# The messages of a live session


def prompts_message(prompts: Prompts, frame: Frame | int | None) -> dict[str, Any]:
    """Replace the prompts; ``frame`` is the one that new boxes were drawn on."""
    message = {"type": "prompts", "prompts": [_prompt_json(prompt) for prompt in _listed(prompts)]}
    return message if frame is None else {**message, "frame_index": _index(frame)}


def click_message(frame: Frame | int, points: Clicks, object_id: int | None) -> dict[str, Any]:
    """Make an object from points on a frame, or correct one."""
    message = {"type": "click", "frame_index": _index(frame), "points": _points_json(points)}
    return message if object_id is None else {**message, "object_id": int(object_id)}


def box_message(frame: Frame | int, box: Edges) -> dict[str, Any]:
    """Make an object from a box on a frame."""
    return {"type": "box", "frame_index": _index(frame), "box": _box_json(box)}


def remove_message(object_id: int) -> dict[str, Any]:
    """Stop following an object."""
    return {"type": "remove", "object_id": int(object_id)}


def options_message(
    form: MaskForm | None,
    max_fps: float | None,
    only: Only | None,
    ahead: bool | None = None,
    holes: bool | None = None,
    picture_width: int | None = None,
) -> dict[str, Any]:
    """How this reader wants its results; None leaves a setting as it is, a rate or a width of 0 means no limit."""
    moved = None if ahead is None else int(bool(ahead))
    rate = _number("max_fps", max_fps)
    chosen = {"format": form, "max_fps": rate, "ahead": moved, "holes": holes, "picture_width": picture_width}
    message = _without_none({"type": "options", **chosen})
    if only is None:
        return message
    return {**message, "prompts": None if only == "all" else _names(only)}


def reader_query(encoding: Encoding, *, pictures: bool, options: Mapping[str, Any]) -> dict[str, Any]:
    """The WebSocket's query; ``options`` is what the last acknowledgement of options said."""
    kept = {name: options.get(name) for name in ("format", "max_fps", "prompts", "ahead", "holes", "picture_width")}
    asked = {"pictures": 1 if pictures else None, "encoding": None if encoding == "json" else encoding, **kept}
    flags = {name: int(value) for name, value in asked.items() if isinstance(value, bool)}
    return {name: value for name, value in {**asked, **flags}.items() if value is not None}


def _names(only: Only) -> list[str]:
    if isinstance(only, str) or not all(isinstance(name, str) for name in only):
        raise TypeError('only is a list of prompts, each by its text or its id, or "all".')
    return list(only)


def _index(frame: Frame | int) -> int:
    if isinstance(frame, Frame):
        return frame.index
    if not hasattr(frame, "__index__"):
        raise TypeError(f"frame is a result's frame or its index, not {type(frame).__name__}.")
    return int(frame)


# Parts of both


def flat(prompts: Sequence[Prompts]) -> list[str | Prompt]:
    """Prompts given one by one, as a list, or both."""
    return [each for some in prompts for each in _listed(some)]


def _listed(prompts: Prompts) -> Sequence[str | Prompt]:
    return [prompts] if isinstance(prompts, str | Prompt) else prompts


def _prompt_json(prompt: str | Prompt) -> dict[str, Any]:
    if isinstance(prompt, str):
        return {"type": "text", "text": prompt}
    if not isinstance(prompt, Prompt):
        raise TypeError(f"A prompt is a string or a Prompt, not {type(prompt).__name__}.")
    shown = {
        "type": "visual" if prompt.text is None else "text",
        "text": prompt.text,
        "boxes": [_box_json(box) for box in prompt.boxes] or None,
        "box_labels": None if prompt.labels is None else [bool(label) for label in prompt.labels],
        "output_prob_thresh": _number("threshold", prompt.threshold),
        "id": prompt.id,
    }
    return _without_none(shown)


def _visual_json(prompt: VisualPrompt) -> dict[str, Any]:
    if not isinstance(prompt, VisualPrompt):
        raise TypeError(f"Each of prompts is a VisualPrompt, not {type(prompt).__name__}.")
    points = _points_json(prompt.points)
    return _without_none({"points": points or None, "box": None if prompt.box is None else _box_json(prompt.box)})


def _points_json(points: Clicks) -> list[dict[str, Any]]:
    try:
        listed = [Point(*point) for point in points]
    except TypeError:
        raise TypeError("points is a list of (x, y) or (x, y, positive), such as [(310, 200)].") from None
    return [{"x": _number("x", x), "y": _number("y", y), "positive": bool(positive)} for x, y, positive in listed]


def _number(name: str, value: float | None) -> float | None:
    """A plain float, from NumPy's too. Raises ValueError for what is no number."""
    if value is None:
        return None
    found = float(value)
    if not math.isfinite(found):
        raise ValueError(f"{name} is {found}; it must be a number.")
    return found


def _box_json(box: Edges) -> dict[str, float]:
    """By its corners: x and y alone mean the top left corner in one route and the centre in another."""
    edges = list(box)
    if len(edges) != 4:
        raise ValueError(f"A box is its four edges, (x0, y0, x1, y1), not {len(edges)} numbers.")
    return {name: float(_number(name, edge) or 0) for name, edge in zip(("x0", "y0", "x1", "y1"), edges, strict=True)}


def _without_none(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}

"""What readers are sent: results, changes of state, and prompts as listings show them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgpack

from streamer.frame import LeftOut
from streamer.result import FrameInfo, LookedAt, Result
from streamer.wire.fields import MaskFormat
from tracker import Key, Mask, Prompt, Step, Track, prompt_keys

CLICKED = ""  # names, among the prompts that a reader chooses, the objects made by clicks and boxes


def dumps(message: dict[str, Any]) -> str:
    """Compact JSON; NaN and infinity, which JSON has not, are our bug and raise ValueError."""
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def packed(value: Any) -> bytes:
    """A value as MessagePack."""
    done: bytes = msgpack.packb(value)
    return done


def packs(message: dict[str, Any]) -> bytes:
    """A message as MessagePack, the counts of its run lengths as bytes: it is taken apart for that."""
    return packed(_with_bytes(message))


def dumps_around(message: dict[str, Any]) -> tuple[str, str]:
    """A result's JSON before and after the number of results that its reader missed: see :func:`dumps`."""
    head, tail = _halves(message)
    dropped = dumps({"dropped": _of_the_source(message)})
    return f'{dumps(head)[:-1]},{dropped[1:-2]},"subscriber":', f"}},{dumps(tail)[1:]}"


def packs_around(message: dict[str, Any]) -> tuple[bytes, bytes]:
    """A result's MessagePack before and after the number of results that its reader missed: see :func:`packs`."""
    head, tail = _halves(_with_bytes(message))
    packer = msgpack.Packer()
    start = packer.pack_map_header(len(message)) + _pack_inside(head) + packed("dropped")
    start += packer.pack_map_header(len(message["dropped"])) + _pack_inside(_of_the_source(message))
    return start + packed("subscriber"), _pack_inside(tail)


def _of_the_source(message: dict[str, Any]) -> dict[str, int]:
    """What is said of dropped frames, without the number of results that the reader missed."""
    return {name: count for name, count in message["dropped"].items() if name != "subscriber"}


def _halves(message: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What stands before and after ``dropped``."""
    names = list(message)
    place = names.index("dropped")
    return {name: message[name] for name in names[:place]}, {name: message[name] for name in names[place + 1 :]}


def _with_bytes(message: dict[str, Any]) -> dict[str, Any]:
    for entry in message.get("prompt_results", ()):
        for prediction in entry["predictions"]:
            if prediction["format"] == "rle":
                prediction["masks"]["counts"] = prediction["masks"]["counts"].encode("ascii")
    return message


def _pack_inside(fields: dict[str, Any]) -> bytes:
    """The names and values of a map, without its head."""
    return b"".join(packed(each) for pair in fields.items() for each in pair)


def dropped_json(source: int, lost: LeftOut, subscriber: int) -> dict[str, int]:
    """What was dropped; ``late`` and ``corrupt`` are there where they are not 0."""
    rare = {name: count for name, count in (("late", lost.late), ("corrupt", lost.corrupt)) if count}
    return {"source": source, **rare, "subscriber": subscriber}


def _received(frame: FrameInfo, age: float) -> dict[str, float]:
    return {} if frame.decoding is None else {"received_ms": milliseconds(age + frame.decoding)}


def state_message(state: str, reason: str, offer: str | None = None) -> dict[str, Any]:
    """A change of state; ``offer``: where the session's camera is to post a new offer, None: nowhere."""
    return {"type": "state", "state": str(state), "reason": reason, **({} if offer is None else {"offer": offer})}


def frame_json(frame: FrameInfo) -> dict[str, Any]:
    """A frame as results name it."""
    return {
        "index": frame.index,
        "epoch": frame.epoch,
        "pts": frame.pts,
        "time_base": [frame.time_base.numerator, frame.time_base.denominator],
        "rtp_timestamp": frame.rtp_timestamp,
        "width": frame.width,
        "height": frame.height,
    }


def look_json(look: LookedAt | None) -> dict[str, Any] | None:
    """The look behind a result's masks; None: this scene has had none yet."""
    if look is None:
        return None
    return {
        "index": look.index,
        "age_ms": milliseconds(look.age),
        "stage": str(look.stage),
        "reason": look.reason,
    }


def milliseconds(seconds: float) -> float:
    """Seconds as results tell them."""
    return round(seconds * 1000, 1)


def _look(result: Result, step: Step) -> LookedAt | None:
    """The look behind a result: a frame that was looked at itself is its own."""
    if result.presented or result.looked_at is not None:
        return result.looked_at
    return LookedAt(result.frame.index, result.age, step.stage, step.reason)


def masks_json(mask: Mask, form: MaskFormat, *, holes: bool = False) -> Any:
    """A mask as COCO run lengths, as polygons, each a list of [x, y] in pixels, or as None where none is wanted."""
    if form == "none":
        return None
    if form == "rle":
        return {"size": [mask.height, mask.width], "counts": mask.counts.decode("ascii")}
    return [[[x, y] for x, y in polygon] for polygon in mask.polygons(holes=holes)]


def even_odd(form: MaskFormat, *, holes: bool) -> dict[str, bool]:
    """What a prediction says of polygons that leave holes out when they are filled by the even-odd rule."""
    return {"holes": True} if holes and form == "polygon" else {}


def echo_json(index: int, prompt: Prompt | None) -> dict[str, Any]:
    """A prompt as results name it, ``visual`` if it has boxes; None: the entry of objects made by clicks and boxes."""
    text = None if prompt is None else prompt.text
    boxes = 0 if prompt is None else len(prompt.boxes)
    return {"prompt_index": index, "type": _kind(prompt), "text": text, "num_boxes": boxes}


def _kind(prompt: Prompt | None) -> str:
    return "visual" if prompt is None or prompt.boxes or prompt.text is None else "text"


def track_json(track: Track, form: MaskFormat, *, holes: bool = False) -> dict[str, Any]:
    """One followed object on one frame: the documented prediction, and what live video needs."""
    box = track.box
    return {
        "format": form,
        **even_odd(form, holes=holes),
        "confidence": round(float(track.score), 4),
        "masks": masks_json(track.mask, form, holes=holes),
        "object_id": track.id,
        "box": [round(float(edge), 2) for edge in (box.x0, box.y0, box.x1, box.y1)],
        "stage": str(track.stage),
        "tentative": track.tentative,
    }


def wanted(prompt: Prompt | None, names: Sequence[str] | None) -> bool:
    """Whether a reader that chose these names is told of a prompt; None: of the objects made by clicks and boxes."""
    if names is None:
        return True
    if prompt is None:
        return CLICKED in names
    return (prompt.text is not None and prompt.text in names) or (bool(prompt.id) and prompt.id in names)


def prompt_results(
    prompts: Sequence[Prompt],
    tracks: Sequence[Track],
    notes: dict[int, str],
    form: MaskFormat,
    names: Sequence[str] | None = None,
    *,
    holes: bool = False,
) -> list[dict[str, Any]]:
    """
    One entry for each prompt, in order, even when empty, and one more when clicks or boxes made objects.

    With ``names`` only those entries that :func:`wanted` lets through; they keep their ``prompt_index``.
    """
    entries: list[dict[str, Any]] = []
    asked: list[Prompt | None] = [*prompts]
    keys: list[Key | None] = [*prompt_keys(prompts)]
    if any(track.key is None for track in tracks):
        asked.append(None)
        keys.append(None)
    for index, prompt in enumerate(asked):
        if not wanted(prompt, names):
            continue
        own = [track for track in tracks if track.key == keys[index]]
        own.sort(key=lambda track: -track.score)
        entry = {
            "prompt_index": index,
            "echo": echo_json(index, prompt),
            "predictions": [track_json(track, form, holes=holes) for track in own],
        }
        if index in notes and prompt is not None:
            entry["note"] = notes[index]
        entries.append(entry)
    return entries


def result_message(
    result: Result,
    form: MaskFormat = "rle",
    dropped: int = 0,
    names: Sequence[str] | None = None,
    *,
    ahead: bool = False,
    holes: bool = False,
) -> dict[str, Any]:
    """
    What became of a frame; a step that failed gives an error message.

    ``dropped``: results this reader missed; ``names``: the prompts it chose, None for all. ``ahead``: the masks moved
    on by one frame, if this result has them; the message says so. ``holes``: polygons leave them out.
    """
    head = {"session": result.session, "frame": frame_json(result.frame)}
    tail = {
        "age_ms": milliseconds(result.age),
        **_received(result.frame, result.age),
        "dropped": dropped_json(result.dropped, result.lost, dropped),
    }
    if result.step is None:
        return {"type": "error", **head, **tail, "message": result.error}
    step, moved = result.step, result.ahead if ahead else None
    tracks = step.tracks if moved is None else moved
    return {
        "type": "result",
        **head,
        "stage": str(step.stage),
        "reason": step.reason,
        "looked_at": look_json(_look(result, step)),
        **({} if moved is None else {"ahead": 1}),
        **tail,
        "prompt_results": prompt_results(result.prompts, tracks, step.prompt_notes, form, names, holes=holes),
        "time": round(result.seconds, 4),
    }


def result_json(result: Result, form: MaskFormat = "rle", dropped: int = 0) -> str:
    """The same as text."""
    return dumps(result_message(result, form, dropped))


def prompt_json(prompt: Prompt) -> dict[str, Any]:
    """A prompt as listings show it: the documented shape."""
    shown: dict[str, Any] = {"type": _kind(prompt), "text": prompt.text}
    if prompt.id is not None:
        shown["id"] = prompt.id
    if prompt.boxes:
        shown["boxes"] = [{"x0": box.x0, "y0": box.y0, "x1": box.x1, "y1": box.y1} for box in prompt.boxes]
        shown["box_labels"] = list(prompt.labels)
    return {**shown, "output_prob_thresh": prompt.threshold}

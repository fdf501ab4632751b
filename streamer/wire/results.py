"""What readers are sent: results, changes of state, and prompts as listings show them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgpack

from streamer.result import FrameInfo, Result
from streamer.wire.fields import MaskFormat
from tracker import Mask, Prompt, Track

CLICKED = ""  # names, among the prompts that a reader chooses, the objects made by clicks and boxes


def dumps(message: dict[str, Any]) -> str:
    """Compact JSON; NaN and infinity, which JSON has not, are our bug and raise ValueError."""
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def packs(message: dict[str, Any]) -> bytes:
    """A message as MessagePack, the counts of its run lengths as bytes: it is taken apart for that."""
    for entry in message.get("prompt_results", ()):
        for prediction in entry["predictions"]:
            if prediction["format"] == "rle":
                prediction["masks"]["counts"] = prediction["masks"]["counts"].encode("ascii")
    packed: bytes = msgpack.packb(message)
    return packed


def state_message(state: str, reason: str) -> dict[str, Any]:
    """A change of state."""
    return {"type": "state", "state": str(state), "reason": reason}


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


def masks_json(mask: Mask, form: MaskFormat) -> Any:
    """A mask as COCO run lengths, as polygons, each a list of [x, y] in pixels, or as None where none is wanted."""
    if form == "none":
        return None
    if form == "rle":
        return {"size": [mask.height, mask.width], "counts": mask.counts.decode("ascii")}
    return [[[x, y] for x, y in polygon] for polygon in mask.polygons()]


def echo_json(index: int, prompt: Prompt | None) -> dict[str, Any]:
    """A prompt as results name it; None: the entry of objects made by clicks and boxes."""
    text = None if prompt is None else prompt.text
    boxes = 0 if prompt is None else len(prompt.boxes)
    return {"prompt_index": index, "type": "text" if text is not None else "visual", "text": text, "num_boxes": boxes}


def track_json(track: Track, form: MaskFormat) -> dict[str, Any]:
    """One followed object on one frame: the documented prediction, and what live video needs."""
    box = track.box
    return {
        "format": form,
        "confidence": round(float(track.score), 4),
        "masks": masks_json(track.mask, form),
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
) -> list[dict[str, Any]]:
    """
    One entry for each prompt, in order, even when empty, and one more when clicks or boxes made objects.

    With ``names`` only those entries that :func:`wanted` lets through; they keep their ``prompt_index``.
    """
    entries: list[dict[str, Any]] = []
    asked: list[Prompt | None] = [*prompts]
    if any(track.prompt is None for track in tracks):
        asked.append(None)
    for index, prompt in enumerate(asked):
        if not wanted(prompt, names):
            continue
        own = [track for track in tracks if track.prompt == (index if prompt is not None else None)]
        own.sort(key=lambda track: -track.score)
        entry = {
            "prompt_index": index,
            "echo": echo_json(index, prompt),
            "predictions": [track_json(track, form) for track in own],
        }
        if index in notes and prompt is not None:
            entry["note"] = notes[index]
        entries.append(entry)
    return entries


def result_message(
    result: Result, form: MaskFormat = "rle", dropped: int = 0, names: Sequence[str] | None = None
) -> dict[str, Any]:
    """
    What became of a frame; a step that failed gives an error message.

    ``dropped``: results this reader missed; ``names``: the prompts it chose, None for all.
    """
    head = {"session": result.session, "frame": frame_json(result.frame)}
    tail = {
        "age_ms": round(result.age * 1000, 1),
        "dropped": {"source": result.dropped, "subscriber": dropped},
    }
    if result.step is None:
        return {"type": "error", **head, **tail, "message": result.error}
    step = result.step
    return {
        "type": "result",
        **head,
        "stage": str(step.stage),
        "reason": step.reason,
        **tail,
        "prompt_results": prompt_results(result.prompts, step.tracks, step.prompt_notes, form, names),
        "time": round(result.seconds, 4),
    }


def result_json(result: Result, form: MaskFormat = "rle", dropped: int = 0) -> str:
    """The same as text."""
    return dumps(result_message(result, form, dropped))


def prompt_json(prompt: Prompt) -> dict[str, Any]:
    """A prompt as listings show it: the documented shape."""
    shown: dict[str, Any] = {"type": "text" if prompt.text is not None else "visual", "text": prompt.text}
    if prompt.id is not None:
        shown["id"] = prompt.id
    if prompt.boxes:
        shown["boxes"] = [{"x0": box.x0, "y0": box.y0, "x1": box.x1, "y1": box.y1} for box in prompt.boxes]
        shown["box_labels"] = list(prompt.labels)
    return {**shown, "output_prob_thresh": prompt.threshold}

"""visual_segment's prompts and answers: points and boxes in, the model's best mask for each out."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from streamer.errors import BadRequest, TooLarge
from streamer.hosted.embeddings import Asked
from streamer.hosted.schemas import VisualRequest
from streamer.wire.fields import SHARES, MaskFormat, shares
from streamer.wire.results import even_odd, masks_json
from tracker import Box, Logits, Point, Segmentation, SegmentPrompt

SLICE = 16  # objects in one turn on the model thread
MAX_DENSE = 512 * 2**20  # pixels of the dense masks of one binary answer, all together


def prompts(body: VisualRequest, height: int, width: int) -> list[SegmentPrompt]:
    """The tracker's prompts, boxes cut to the picture. Raises BadRequest for a box or a point outside of it."""
    found = []
    for index, each in enumerate(body.prompts):
        prompt = each.prompt()
        box = None if prompt.box is None else cut(prompt.box, height, width, f"prompts[{index}].box")
        for place, point in enumerate(prompt.points):
            _check(point, height, width, f"prompts[{index}].points[{place}]")
        found.append(SegmentPrompt(prompt.points, box))
    return found


def cut(box: Box, height: int, width: int, field: str) -> Box:
    """The part of a box inside the picture. Raises BadRequest naming ``field`` when there is none, or hardly any."""
    if box.tiny(height, width):
        raise BadRequest(
            f"{field}: it is less than a pixel wide or high, or the first alone.",
            detail=f"Boxes are in pixels of the picture ({width}×{height}), not in shares of it.",
            field=field,
        )
    inside = Box(max(box.x0, 0.0), max(box.y0, 0.0), min(box.x1, float(width)), min(box.y1, float(height)))
    if inside.x0 >= inside.x1 or inside.y0 >= inside.y1:
        raise BadRequest(f"{field}: the box lies outside the picture of {width}×{height} pixels.", field=field)
    return inside


def _check(point: Point, height: int, width: int, field: str) -> None:
    if not (0 <= point.x <= width and 0 <= point.y <= height):
        where = f"({point.x:g}, {point.y:g})"
        raise BadRequest(f"{field}: {where} lies outside the picture of {width}×{height} pixels.", field=field)


def hint(body: VisualRequest) -> str | None:
    """What looks like a mistake and is no error: points that are shares of the picture."""
    doubtful = any(shares([point.point() for point in each.points or ()]) for each in body.prompts)
    return SHARES if doubtful else None


def primed(prompts: Sequence[SegmentPrompt], earlier: Sequence[Logits | None]) -> list[SegmentPrompt]:
    """Each prompt with what was answered to its beginning."""
    return [replace(prompt, logits=logits) for prompt, logits in zip(prompts, earlier, strict=True)]


async def segment(asked: Asked, prompts: Sequence[SegmentPrompt], body: VisualRequest) -> Segmentation:
    """Ask the model, SLICE objects a turn, so that live streams come in between. What is answered with is cut after."""
    parts = []
    for start in range(0, len(prompts), SLICE):
        await asked.there()
        part = prompts[start : start + SLICE]
        segment, take_turn = asked.model.segment, asked.engine.take_turn
        parts.append(await take_turn(segment, asked.embedding, part, multimask=body.multimask_output))
    found = Segmentation.joined(parts)
    masks = found.ious.shape[1] if body.return_candidates else 1
    return await asyncio.to_thread(asked.model.cut, asked.embedding, prompts, found, masks=masks)


def answer(asked: Asked, found: Segmentation, body: VisualRequest) -> dict[str, Any]:
    """
    The documented ``prompt_results``, and ``predictions``, which is what public clients read.

    One prediction for each prompt in both, the best mask; with ``return_candidates`` all masks beside it, best first.
    """
    form: MaskFormat = "rle" if body.format == "rle" else "polygon"
    height, width = asked.size
    answers: list[dict[str, Any]] = []
    best: list[dict[str, Any]] = []
    for index, (logits, scores) in enumerate(zip(found.logits, found.ious.tolist(), strict=True)):
        wanted = len(scores) if body.return_candidates else 1
        masks = asked.model.masks(logits[:wanted], height, width)
        candidates = [
            {
                "format": form,
                **even_odd(form, holes=body.holes),
                "confidence": round(min(max(score, 0.0), 1.0), 4),
                "masks": masks_json(mask, form, holes=body.holes),
            }
            for score, (mask, _) in zip(scores, masks, strict=False)
        ]
        best.append(candidates[0])
        answers.append({"prompt_index": index, "predictions": candidates[:1]})
        if body.return_candidates:
            answers[-1]["candidates"] = candidates
    return {"prompt_results": answers, "predictions": best}


def check_dense(number: int, height: int, width: int) -> None:
    """Raises TooLarge when so many dense masks would have more than MAX_DENSE pixels."""
    if number * height * width > MAX_DENSE:
        raise TooLarge(
            f"{number} dense masks of {width}×{height} pixels are too large an answer.",
            detail="Ask for fewer at once, or for format rle.",
        )


def archive(asked: Asked, found: Segmentation) -> bytes:
    """A compressed npz: ``masks`` bool (N, height, width), ``low_res_masks`` (N, S, S) and ``scores`` (N,) float32."""
    height, width = asked.size
    best = found.logits[:, 0]
    masks = [mask.dense() for mask, _ in asked.model.masks(best, height, width)]
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer, masks=np.stack(masks), low_res_masks=best.float().cpu().numpy(), scores=found.ious[:, 0].cpu().numpy()
    )
    return buffer.getvalue()

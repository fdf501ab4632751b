"""
How good nano is, on worlds never trained on, through the same code that serves.

    python -m tracker.training.evaluate --pictures 300

F1 at mask IoU 0.5, mean IoU of the matched masks, the share of absent prompts answered with nothing, F1 with attributes
("big", "left", "striped"), the IoU from one click and from a box. ``--renderer plain`` asks about the simpler
worlds that the demo shows, ``second`` and ``third`` about pictures drawn by other code than the one that training uses
(``third``: three plain shapes), and ``small`` about fourteen small shapes on mottled ground.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import linear_sum_assignment

from tracker.checkpoints.loading import load_model, set_threads
from tracker.model.features import Embedding, Logits, SegmentPrompt
from tracker.model.sam3 import Sam3
from tracker.model.vocabulary import COLORS, HELD_OUT_KINDS, KINDS, PATTERNS, PLACES, SHAPES, SIZES
from tracker.stream import answers
from tracker.stream.params import DEFAULTS
from tracker.training.clicks import inside, on_nothing, yesterday
from tracker.training.data import FIRST_TRAINING_SEED, Supply, draw_still
from tracker.types import Box, Detection, Mask, Point, Prompt
from tracker.worlds import second_renderer, things, third_renderer
from tracker.worlds.looks import Picture
from tracker.worlds.objects import WorldObject, box_around
from tracker.worlds.objects import iou as overlap
from tracker.worlds.things import HELD_OUT_STYLE, Thing
from tracker.worlds.variety import PLAIN, WIDE
from tracker.worlds.worlds import Video


@dataclass(slots=True)
class Tally:
    """What was counted so far."""

    hits: int = 0
    false_alarms: int = 0
    misses: int = 0
    ious: list[float] = field(default_factory=list)  # of matched masks
    absent: int = 0
    absent_empty: int = 0
    clicks: list[float] = field(default_factory=list)
    boxes: list[float] = field(default_factory=list)
    attribute_hits: int = 0
    attribute_errors: int = 0  # false alarms and misses
    exemplar_hits: int = 0
    exemplar_errors: int = 0  # false alarms and misses
    counter_hits: int = 0
    counter_errors: int = 0  # false alarms and misses
    stale: list[float] = field(default_factory=list)  # IoU from yesterday's mask and box
    there: list[bool] = field(default_factory=list)  # whether what is there was said to be
    gone: list[bool] = field(default_factory=list)  # whether what is not there was said not to be

    def figures(self) -> dict[str, float]:
        """The figures by name, each 0 to 1."""
        return {
            "F1 @ IoU 0.5": 2 * self.hits / max(1, 2 * self.hits + self.false_alarms + self.misses),
            "mean IoU of matches": float(np.mean(self.ious or [0.0])),
            "absent prompts empty": self.absent_empty / max(1, self.absent),
            "F1 with attributes": 2 * self.attribute_hits / max(1, 2 * self.attribute_hits + self.attribute_errors),
            "IoU from one click": float(np.mean(self.clicks or [0.0])),
            "IoU from a box": float(np.mean(self.boxes or [0.0])),
            "F1 from an exemplar box": 2 * self.exemplar_hits / max(1, 2 * self.exemplar_hits + self.exemplar_errors),
            "F1 with a negative example": 2 * self.counter_hits / max(1, 2 * self.counter_hits + self.counter_errors),
            "IoU from a mask of the last look": float(np.mean(self.stale or [0.0])),
            "object score right": float(np.mean([np.mean(some or [False]) for some in (self.there, self.gone)])),
        }


Draw = Callable[[np.random.Generator, int], tuple[Picture, list[WorldObject]]]
RENDERERS: dict[str, Draw] = {
    "wide": draw_still,
    "plain": partial(draw_still, supply=Supply(variety=PLAIN)),
    "second": second_renderer.draw_still,
    "third": third_renderer.draw_still,
    "small": partial(third_renderer.draw_still, small=True),
}


def evaluate(model: Sam3, pictures: int = 300, first_seed: int = 0, draw: Draw = draw_still) -> Tally:
    """Ask ``model`` about ``pictures`` stills: names that are there, one that is not, an exemplar, clicks, boxes."""
    if first_seed + pictures > FIRST_TRAINING_SEED:
        raise ValueError(f"seeds from {FIRST_TRAINING_SEED} on were trained on")
    tally = Tally()
    for seed in range(first_seed, first_seed + pictures):
        embedding, objects, rng = ask_words(model, seed, tally, draw)
        seen = [thing for thing in objects if thing.countable]
        if seen:
            _ask_attribute(model, embedding, rng, objects, tally)
            _ask_exemplar(model, embedding, seen[rng.integers(len(seen))], objects, tally)
        for thing in seen:
            _point_at(model, embedding, rng, thing, tally)
        if seen:
            _ask_counter_example(model, embedding, seen[rng.integers(len(seen))], objects, tally)
            _look_again(model, embedding, rng, seen[rng.integers(len(seen))], objects, tally)
    return tally


def ask_words(
    model: Sam3, seed: int, tally: Tally, draw: Draw = draw_still
) -> tuple[Embedding, list[WorldObject], np.random.Generator]:
    """Ask about the still of one seed by words; returns its embedding, its objects and its random numbers."""
    rng = np.random.default_rng((seed, 0))
    image, objects = draw(rng, seed)
    embedding = model.embed(image)
    seen = [thing for thing in objects if thing.countable]
    present = sorted({name for thing in seen for name in _names(thing) if name})
    everything = [f"{color} {shape}" for color in COLORS for shape in SHAPES] + list(SHAPES)
    if any(thing.shape in KINDS for thing in objects):
        everything = list(KINDS)
    absent = [name for name in everything if not any(thing.matches(name) for thing in objects)]
    texts = [str(text) for text in rng.permutation(present)[:3]] + [str(rng.choice(absent))]
    for text, found in zip(texts, model.concept_segment(embedding, [Prompt(text) for text in texts]), strict=True):
        if text in absent:
            tally.absent += 1
            tally.absent_empty += not found
        truth = [thing.mask for thing in seen if thing.matches(text)]
        crumbs = [thing.mask for thing in objects if not thing.countable and thing.matches(text)]
        hits, alarms, ious = compare(found, truth, crumbs)
        tally.hits += hits
        tally.false_alarms += alarms
        tally.misses += len(truth) - hits
        tally.ious += ious
    return embedding, objects, rng


def _names(thing: WorldObject) -> tuple[str, ...]:
    return (thing.name, thing.shape, f"{thing.color} thing") if thing.color else (thing.shape,)


def evaluate_things(model: Sam3, found: list[Thing], pictures: int) -> dict[str, float]:
    """F1 by name on styles that were taught and on one that was not, and clicks on things whose names were not."""
    kinds = {
        "known styles": [each for each in found if each.name in KINDS and each.style != HELD_OUT_STYLE],
        "held-out style": [each for each in found if each.name in KINDS and each.style == HELD_OUT_STYLE],
        "held-out names": [each for each in found if each.name in HELD_OUT_KINDS],
    }
    figures: dict[str, float] = {}
    for kind, chosen in kinds.items():
        shown = evaluate(model, pictures, draw=partial(_draw_things, chosen=chosen)).figures()
        names = ("F1 @ IoU 0.5", "absent prompts empty") if kind != "held-out names" else ()
        for name in (*names, "IoU from one click", "IoU from a box"):
            figures[f"things, {kind}: {name}"] = shown[name]
    return figures


def _draw_things(rng: np.random.Generator, seed: int, chosen: list[Thing]) -> tuple[Picture, list[WorldObject]]:
    width, height = (320, 240) if rng.random() < 0.5 else (448, 336)
    frame = Video(seed, width, height, objects=(1, 6), things=chosen, share=1.0, variety=WIDE).next()
    return frame.image, frame.objects


def _ask_attribute(
    model: Sam3, embedding: Embedding, rng: np.random.Generator, objects: list[WorldObject], tally: Tally
) -> None:
    """An attribute and a name, such as "big star", about which there is no doubt for any object."""
    seen = [thing for thing in objects if thing.countable]
    texts = sorted(
        f"{word} {noun}"
        for thing in seen
        for word in (*PATTERNS, *SIZES, *PLACES)
        if thing.matches(word)
        for noun in (thing.shape or "thing", "thing")
    )
    sure = [text for text in texts if all(other.answers(text) is not None for other in seen)]
    if sure:
        text = str(rng.choice(sure))
        truth = [thing.mask for thing in seen if thing.matches(text)]
        crumbs = [thing.mask for thing in objects if not thing.countable]
        hits, alarms, _ = compare(model.concept_segment(embedding, [Prompt(text)])[0], truth, crumbs)
        tally.attribute_hits += hits
        tally.attribute_errors += alarms + len(truth) - hits


def _ask_exemplar(
    model: Sam3, embedding: Embedding, example: WorldObject, objects: list[WorldObject], tally: Tally
) -> None:
    same = [thing for thing in objects if thing.name == example.name]
    prompt = Prompt(boxes=(box_around(example.mask),), labels=(True,))
    truth = [thing.mask for thing in same if thing.countable]
    crumbs = [thing.mask for thing in same if not thing.countable]
    hits, alarms, _ = compare(model.concept_segment(embedding, [prompt])[0], truth, crumbs)
    tally.exemplar_hits += hits
    tally.exemplar_errors += alarms + len(truth) - hits


def _ask_counter_example(
    model: Sam3, embedding: Embedding, example: WorldObject, objects: list[WorldObject], tally: Tally
) -> None:
    """Everything but what looks like this one."""
    seen = [thing for thing in objects if thing.countable]
    truth = [thing.mask for thing in seen if thing.name != example.name]
    if truth:
        prompt = Prompt("thing", boxes=(box_around(example.mask),), labels=(False,))
        crumbs = [thing.mask for thing in objects if not thing.countable]
        hits, alarms, _ = compare(model.concept_segment(embedding, [prompt])[0], truth, crumbs)
        tally.counter_hits += hits
        tally.counter_errors += alarms + len(truth) - hits


def _look_again(
    model: Sam3,
    embedding: Embedding,
    rng: np.random.Generator,
    thing: WorldObject,
    objects: list[WorldObject],
    tally: Tally,
) -> None:
    """A mask and box of the last look, as following feeds them back: of a thing, and over nothing at all."""
    height, width = thing.mask.shape
    previous, (cx, cy, w, h) = yesterday(rng, thing.mask)
    box = Box((cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height)
    found = model.segment(embedding, [SegmentPrompt(box=box, logits=_fitting(model, previous))])
    tally.stale.append(iou(model.masks(found.logits[:, 0], height, width)[0][0], Mask.from_dense(thing.mask)))
    tally.there.append(float(found.present[0]) >= DEFAULTS.present)
    corners, _, previous, given, _ = on_nothing(rng, objects)
    if given:  # there is room for nothing
        (x0, y0), (x1, y1) = (corners[:2] * (width, height)).tolist()
        asked = SegmentPrompt(box=Box(x0, y0, x1, y1), logits=_fitting(model, previous))
        tally.gone.append(float(model.segment(embedding, [asked]).present[0]) < DEFAULTS.present)


def _fitting(model: Sam3, logits: npt.NDArray[np.float32]) -> Logits:
    """Logits on training's grid, on that of the model that is asked."""
    return torch.from_numpy(cv2.resize(logits, (model.side, model.side), interpolation=cv2.INTER_LINEAR))


def _point_at(model: Sam3, embedding: Embedding, rng: np.random.Generator, thing: WorldObject, tally: Tally) -> None:
    height, width = thing.mask.shape
    x, y = inside(rng, thing.mask) * (width, height)
    truth = Mask.from_dense(thing.mask)
    click, box = SegmentPrompt(points=(Point(x, y),)), SegmentPrompt(box=box_around(thing.mask))
    clicked, boxed = (answers.ask(model, embedding, prompt) for prompt in (click, box))
    tally.clicks.append(iou(model.masks(clicked.logits[:, 0], height, width)[0][0], truth))
    tally.boxes.append(iou(model.masks(boxed.logits[:, 0], height, width)[0][0], truth))


def compare(
    found: Iterable[Detection], truth: list[np.ndarray], crumbs: list[np.ndarray]
) -> tuple[int, int, list[float]]:
    """
    Match detections with the truth, one to one, by mask IoU ≥ 0.5.

    Returns hits, false alarms and the hits' IoUs. A detection that is mostly a crumb, something too hidden to ask for,
    is no false alarm.
    """
    masks = [detection.mask for detection in found]
    wanted = [Mask.from_dense(mask) for mask in truth]
    table = np.array([[iou(mask, other) for other in wanted] for mask in masks]).reshape(len(masks), len(wanted))
    rows, columns = linear_sum_assignment(-table)
    pairs = [(row, table[row, column]) for row, column in zip(rows, columns, strict=True) if table[row, column] >= 0.5]
    matched = {row for row, _ in pairs}
    alarms = 0
    for row, mask in enumerate(masks):
        if row not in matched:
            dense = mask.dense()
            alarms += not any((dense & crumb).sum() >= 0.5 * dense.sum() for crumb in crumbs)
    return len(pairs), alarms, [float(value) for _, value in pairs]


def iou(a: Mask, b: Mask) -> float:
    """Intersection over union of two masks of one size; 0 if both are empty."""
    return overlap(a.dense(), b.dense())


def main() -> None:
    """Read the command line, evaluate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--model", default="nano", help="whose weights those of --checkpoint are")
    parser.add_argument("--checkpoint", type=Path, help="other weights than the ones in the package")
    parser.add_argument("--renderer", choices=RENDERERS, default="wide")
    parser.add_argument("--things", type=Path, help="pictures of things, as things.py makes them: ask about these too")
    parser.add_argument("--json", action="store_true", help="print one JSON object with the counts too")
    arguments = parser.parse_args()
    set_threads(1)
    draw = RENDERERS[arguments.renderer]
    model = load_model(arguments.model, checkpoint=arguments.checkpoint)
    tally = evaluate(model, arguments.pictures, arguments.first_seed, draw)
    figures = tally.figures()
    if arguments.things is not None:
        figures |= evaluate_things(model, things.load(arguments.things), arguments.pictures)
    if arguments.json:
        counts = {name: value for name, value in asdict(tally).items() if isinstance(value, int)}
        print(json.dumps({"figures": figures, "counts": counts, "pictures": arguments.pictures}))
        return
    print(f"{arguments.pictures} pictures, seeds from {arguments.first_seed}")
    for name, value in figures.items():
        print(f"{name:48} {value:.3f}")


if __name__ == "__main__":
    main()

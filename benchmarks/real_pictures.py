"""
Clicks and boxes on real pictures that nano was never shown: ``python -m benchmarks.real_pictures``.

The masks were drawn by hand (tests/data/real); the pictures come from scikit-image and Debian's opencv-doc. The column
*one thing* is the share of clicks whose mask is one thing, as ``benchmarks/support/one_thing.py`` defines it.
With ``--clips``: following and moving masks along on real clips instead (benchmarks/real_clips.py explains the tables).
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks import real_clips
from benchmarks.first_light import table
from benchmarks.support import one_thing, real_overlays
from benchmarks.support import real_clips as clips
from benchmarks.support.real_pictures import PARTS, RealObject, RealPicture, load
from tracker import Embedding, Mask, Point, Sam3, SegmentPrompt, load_model, set_threads
from tracker.stream import answers
from tracker.training.evaluate import iou
from tracker.worlds.objects import box_around

LITTLE = 0.25  # IoU: a mask below it is one thing only because it covers little of it

HEAD = ["picture", "masks", "IoU from one click", "IoU from a box", "one thing"]


class Answered(NamedTuple):
    """What the model answered for one object."""

    label: str
    click: float  # IoU of the answer to one click
    box: float  # IoU of the answer to a box
    fault: str | None  # why the click's answer is not one thing
    mask: npt.NDArray[np.bool_]  # the click's answer, (height, width)


def measure(model: Sam3, pictures: list[RealPicture]) -> list[tuple[RealPicture, list[Answered]]]:
    """Each picture with what was answered for its objects, in their order."""
    found = []
    for picture in pictures:
        embedding = model.embed(picture.image.copy())
        found.append((picture, [_ask(model, embedding, each, picture) for each in picture.objects]))
    return found


def _ask(model: Sam3, embedding: Embedding, each: RealObject, picture: RealPicture) -> Answered:
    truth, (height, width) = Mask.from_dense(each.mask), each.mask.shape
    x, y = each.click
    click = SegmentPrompt(points=(Point(x, y),))
    box = SegmentPrompt(box=box_around(each.mask))
    found = (answers.ask(model, embedding, prompt) for prompt in (click, box))
    first, second = (model.masks(each.logits[:, 0], height, width)[0][0] for each in found)
    dense = first.dense().astype(bool)
    others = [other.mask for other in picture.objects if other is not each]
    fault = one_thing.fault(dense, each.mask, others)
    return Answered(each.label, iou(first, truth), iou(second, truth), fault, dense)


def row(name: str, answered: list[Answered]) -> list[str]:
    """A row of the table: means over masks."""
    clicks, boxes = np.mean([one.click for one in answered]), np.mean([one.box for one in answered])
    alone = np.mean([one.fault is None for one in answered])
    return [name, str(len(answered)), f"{clicks:.3f}", f"{boxes:.3f}", f"{alone:.2f}"]


def totals(found: list[tuple[RealPicture, list[Answered]]]) -> list[list[str]]:
    """A row for each part of the masks and one for all of them."""
    parts = {part: [one for picture, each in found if picture.part == part for one in each] for part in PARTS}
    rows = [row(f"{part} part", each) for part, each in parts.items() if each]
    return [*rows, row("all", [one for each in parts.values() for one in each])]


def faults(answered: Iterable[Answered]) -> str:
    """What kept clicks from one thing, counted; and how many answers are one thing and little of it."""
    every = list(answered)
    counted = Counter(one.fault for one in every)
    little = sum(one.fault is None and one.click < LITTLE for one in every)
    why = ", ".join(f"{name} {counted[name]}" for name in one_thing.FAULTS)
    return f"not one thing: {why}; one thing with an IoU below {LITTLE}: {little}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--checkpoint", type=Path, help="other weights than the ones in the package")
    parser.add_argument(
        "--pictures", type=Path, metavar="FOLDER", help="save each click's answer there, to be looked at"
    )
    parser.add_argument("--clips", action="store_true", help="following and moving masks along on real clips")
    arguments = parser.parse_args()
    set_threads(1)
    model = load_model(arguments.model, checkpoint=arguments.checkpoint)
    if arguments.clips:
        print(real_clips.report(model, [clips.load(entry) for entry in clips.entries()]))
        return
    found = measure(model, load())
    print(table(HEAD, [*(row(picture.name, each) for picture, each in found), *totals(found)]))
    print(faults(one for _, each in found for one in each))
    for picture, each in found if arguments.pictures else []:
        captions = [f"{one.label} {one.click:.2f} {one.fault or ''}" for one in each]
        real_overlays.save(arguments.pictures, picture, [one.mask for one in each], captions)


if __name__ == "__main__":
    main()

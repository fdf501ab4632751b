"""
Clicks and boxes on real pictures that nano was never shown: ``python -m benchmarks.real_pictures``.

The masks were drawn by hand (tests/data/real); the pictures come from scikit-image and Debian's opencv-doc.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from benchmarks.first_light import table
from benchmarks.support.real_pictures import RealObject, RealPicture, load
from tracker import Embedding, Mask, Point, Sam3, SegmentPrompt, load_model, set_threads
from tracker.training.evaluate import iou
from tracker.worlds.objects import box_around


def measure(model: Sam3, pictures: list[RealPicture]) -> dict[str, list[tuple[str, float, float]]]:
    """By picture: the label of each object, and the IoU from one click and from a box."""
    found: dict[str, list[tuple[str, float, float]]] = {}
    for picture in pictures:
        embedding = model.embed(picture.image.copy())
        found[picture.name] = [(each.label, *_ask(model, embedding, each)) for each in picture.objects]
    return found


def _ask(model: Sam3, embedding: Embedding, each: RealObject) -> tuple[float, float]:
    truth, (height, width) = Mask.from_dense(each.mask), each.mask.shape
    x, y = each.click
    click = SegmentPrompt(points=(Point(x, y),))
    answers = (
        model.segment(embedding, [click], multimask=True),
        model.segment(embedding, [SegmentPrompt(box=box_around(each.mask))]),
    )
    first, second = (iou(model.masks(answer.logits[:, 0], height, width)[0][0], truth) for answer in answers)
    return first, second


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, help="other weights of nano")
    arguments = parser.parse_args()
    set_threads(1)
    found = measure(load_model("nano", checkpoint=arguments.checkpoint), load())
    rows = [
        [name, str(len(each)), f"{np.mean([one[1] for one in each]):.3f}", f"{np.mean([one[2] for one in each]):.3f}"]
        for name, each in found.items()
    ]
    every = [one for each in found.values() for one in each]
    total = [f"{np.mean([one[place] for one in every]):.3f}" for place in (1, 2)]
    print(
        table(["picture", "masks", "IoU from one click", "IoU from a box"], [*rows, ["all", str(len(every)), *total]])
    )


if __name__ == "__main__":
    main()

"""
What one look and one detection take: multiplications counted, and seconds on this machine.

``python -m benchmarks.cost`` takes the full-size model with random weights, which take as long as any. It counts three
ways: as the wheel computes, as our model does with weights that may change, and folded, as it serves. A look is the
image encoder, its neck for clicks, and five objects refined; a detection is that of one word, and its neck. The image
encoder is counted, and run only with ``--encoder`` (40 s at 1008 pixels), or where it is small; everything else is run
and timed. ``--without-clicks``: as where a file has no weights for clicks and memory, and nothing is computed for them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.first_light import machine, table
from tracker import Ability, Box, Prompt, Sam3, SegmentPrompt, set_threads
from tracker.model.abilities import able
from tracker.model.backbone import positions
from tracker.model.students import Student

REPEATS = 3  # the fastest counts: what else runs on the machine only adds
HEAD = ["pixels", "part", "GFLOP, wheel", "GFLOP", "GFLOP, folded", "change", "ms", "ms, folded"]
SIZE = 480, 640  # of the picture, in which boxes are meant
OBJECTS = 5
LOOK, DETECTION = ("encoder", "neck for clicks", "five objects"), ("neck for concepts", "one word")
NECKS = ("neck for clicks", "neck for concepts")


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one part: two operations for each multiplication, in thousands of millions; milliseconds, NaN if not run."""

    gflop: float
    ms: float = float("nan")

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.gflop + other.gflop, self.ms + other.ms)


def counted(call: Callable[[], object], *, timed: bool = True) -> Cost:
    """Run and count; ``timed``: several times, by the processor's time, the fastest of which is kept."""
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        call()
    spent = [float("nan")]
    for _ in range(REPEATS if timed else 0):
        began = time.process_time()
        with torch.inference_mode():
            call()
        spent.append(1000 * (time.process_time() - began))
    return Cost(counter.get_total_flops() / 1e9, min(spent[1:], default=spent[0]))


def encoder(model: Sam3, *, run: bool) -> Cost:
    """The image encoder's, of numbers without values unless it is run."""
    see: Any = model.backbone
    call = see.trunk.unstretched if small(model) and see.neck.folded else see.trunk
    side = model.config.image_size
    if run:
        pixels = torch.zeros(1, 3, side, side)
        return counted(lambda: call(pixels))
    with FakeTensorMode(allow_non_fake_inputs=True):
        pixels = torch.zeros(1, 3, side, side)
        return counted(lambda: call(pixels), timed=False)


def small(model: Sam3) -> bool:
    """Whether the encoder is one of those that take less than the rest of the model."""
    return isinstance(model.network.backbone.vision_backbone.trunk, Student)


@torch.inference_mode()
def seen(model: Sam3) -> Tensor:
    """What an encoder makes of a picture: a small one's own answer, or a map like the ViT's."""
    side, grid = model.config.image_size, model.config.grid
    if small(model):
        return model.backbone(torch.zeros(1, 3, side, side))[0]
    channels = model.network.backbone.vision_backbone.trunk.channel_list[-1]
    return torch.randn(1, channels, grid, grid).contiguous(memory_format=torch.channels_last)


def wheels(model: Sam3, trunk: Tensor) -> dict[str, Cost]:
    """Both necks as the wheel computes them: for every picture, with a level that nobody reads."""
    vision, decoder = model.network.backbone.vision_backbone, model.interactive.sam_mask_decoder

    def clicks() -> None:
        fine, middle, *_ = [layers(trunk) for layers in vision.sam2_convs]
        decoder.conv_s0(fine), decoder.conv_s1(middle)

    return {
        "neck for clicks": counted(clicks, timed=False),
        "neck for concepts": counted(lambda: [layers(trunk) for layers in vision.convs], timed=False),
    }


@torch.inference_mode()
def parts(model: Sam3, trunk: Tensor) -> dict[str, Cost]:
    """All but the encoder, as the model computes it now."""
    see: Any = model.backbone
    grid, side = model.config.grid, model.side
    levels = model.concepts(trunk)
    places = positions(model.network, levels[2])
    words = {
        "neck for concepts": counted(lambda: model.concepts(trunk)),
        "one word": counted(lambda: model.detector.detect(levels, places, SIZE, [Prompt("person")], None)),
    }
    if not able(model.config, Ability.CLICKS):
        return words
    features = see.neck(trunk, grid)
    objects = [
        SegmentPrompt(box=Box(90 * place, 100, 90 * place + 80, 300), logits=torch.zeros(side, side))
        for place in range(OBJECTS)
    ]
    return {
        "neck for clicks": counted(lambda: see.neck(trunk, grid)),
        "five objects": counted(lambda: model.segmenter.segment(features, SIZE, objects, False, model.speed)),
        **words,
    }


def measure(model: Sam3, sides: Sequence[int], *, run: bool = False) -> dict[int, dict[str, list[Cost]]]:
    """By resolution and part: what the wheel takes, what the model takes, and what it takes folded. It stays folded."""
    found: dict[int, dict[str, list[Cost]]] = {side: {} for side in sides}
    for folded in (False, True):
        if folded:
            model.fold()
        for side, row in found.items():
            model.resize(side)
            trunk = seen(model)
            wheel = {} if folded else wheels(model, trunk)
            costs = {"encoder": encoder(model, run=run or small(model)), **parts(model, trunk)}
            for part, cost in costs.items():
                row.setdefault(part, [wheel.get(part, cost)]).append(cost)
    return found


def rows(found: dict[int, dict[str, list[Cost]]]) -> list[list[str]]:
    """The table: each part, and sums of them."""
    cells = []
    for side, by_part in found.items():
        sums = {"a look": LOOK, "a detection": DETECTION, "both necks": NECKS}
        for part in (*LOOK, "a look", *DETECTION, "a detection", "both necks"):
            there = [by_part[name] for name in sums.get(part, (part,)) if name in by_part]
            if not there:
                continue
            ways = [sum(each[1:], each[0]) for each in zip(*there, strict=True)]
            _, plain, folded = ways
            change = f"{100 * (folded.gflop / plain.gflop - 1):+.0f} %"
            times = [f"{each.ms:.0f}" if each.ms == each.ms else "–" for each in (plain, folded)]
            counts = [f"{each.gflop:.1f}" for each in ways]
            cells.append([str(side), part, *counts, change, *times])
    return cells


def main(given: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="sam3", help="a name; its weights are random")
    parser.add_argument("--resolutions", type=int, nargs="+", metavar="PIXELS", help="default: all that the model has")
    parser.add_argument("--encoder", action="store_true", help="run the image encoder too")
    parser.add_argument("--without-clicks", action="store_true", help="without weights for clicks and memory")
    arguments = parser.parse_args(given)
    set_threads(1)
    model = Sam3.untrained(arguments.model, device="cpu")
    if arguments.without_clicks:
        model.restrict({Ability.WORDS, Ability.EXEMPLARS})
    print(f"{machine()}; {torch.backends.cpu.get_cpu_capability()}, one thread", flush=True)
    found = measure(model, arguments.resolutions or model.config.resolutions, run=arguments.encoder)
    print(table(HEAD, rows(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

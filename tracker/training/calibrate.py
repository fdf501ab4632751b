"""
The last part of the recipe: set how readily nano says that something is there at all.

    python -m tracker.training.calibrate --out runs/nano

A detection's score is the presence score times its own. Training leaves the presence score too ready to say yes. This
moves its bias, and nothing else, to where F1 is best while at least MOST_ABSENT of the prompts for absent things are
answered with nothing, on plain worlds, which the synthetic camera shows, of the training range: the evaluation's stay
unseen.
"""

from __future__ import annotations

import argparse
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import torch

from tracker.checkpoints import weights
from tracker.checkpoints.loading import load_model, set_threads
from tracker.model.sam3 import Sam3
from tracker.training.data import FIRST_TRAINING_SEED, Supply, draw_still
from tracker.training.evaluate import Tally, ask_words
from tracker.training.recipe import MODEL, RECIPES
from tracker.worlds.variety import PLAIN

AVERAGED = "nano-mean.safetensors"  # what is calibrated: the mean of the weights before and after clicks
MOST_ABSENT = 0.93
SHIFTS = (0.0, -0.25, -0.5, -0.75, -1.0, -1.25, -1.5, -2.0, -2.5)  # of the presence logit


def calibrate(model: Sam3, pictures: int) -> float:
    """Shift the presence bias of ``model`` in place to the best of SHIFTS; returns the shift."""
    bias: Any = model.network.transformer.decoder.presence_token_head.layers[-1].bias
    start = bias.detach().clone()
    figures: dict[float, dict[str, float]] = {}
    plain = partial(draw_still, supply=Supply(variety=PLAIN))
    for shift in SHIFTS:
        with torch.no_grad():
            bias.copy_(start + shift)
        tally = Tally()
        for seed in range(FIRST_TRAINING_SEED, FIRST_TRAINING_SEED + pictures):
            ask_words(model, seed, tally, plain)
        figures[shift] = tally.figures()
        shown = figures[shift]
        print(
            f"shift {shift:5}  F1 {shown['F1 @ IoU 0.5']:.3f}  absent empty {shown['absent prompts empty']:.3f}",
            flush=True,
        )
        if shown["absent prompts empty"] > 0.97:
            break
    best = choose(figures)
    with torch.no_grad():
        bias.copy_(start + best)
    return best


def choose(figures: dict[float, dict[str, float]]) -> float:
    """The shift with the best F1 among those that leave enough absent prompts empty; if none does, the emptiest."""
    enough = [shift for shift, shown in figures.items() if shown["absent prompts empty"] >= MOST_ABSENT]
    if not enough:
        return max(figures, key=lambda shift: figures[shift]["absent prompts empty"])
    return max(enough, key=lambda shift: figures[shift]["F1 @ IoU 0.5"])


def main() -> None:
    """Read the command line, calibrate, and write the finished model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/nano"))
    parser.add_argument("--recipe", choices=RECIPES, default="cpu")
    arguments = parser.parse_args()
    set_threads(1)
    source, finished = arguments.out / AVERAGED, arguments.out / "nano-finished.safetensors"
    model = load_model(MODEL.name, checkpoint=source, fold=False)
    shift = calibrate(model, RECIPES[arguments.recipe].calibration)
    if shift:
        weights.save(model.network, finished)
    else:
        shutil.copy(source, finished)
    print(f"presence shifted by {shift}: {finished}")


if __name__ == "__main__":
    main()

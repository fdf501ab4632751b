"""
Go on with a run of which only the weights are left.

    python -m tracker.training.resume nano.safetensors --spent 75 --out runs/nano
    python -m tracker.training.train --recipe cpu --out runs/nano

The first writes the state that the second goes on from: these weights, after ``--spent`` minutes of training time. The
optimiser and the dense losses' own layer begin anew, and the learning rate warms up again.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from tracker.checkpoints import weights
from tracker.training.recipe import RECIPES, Recipe
from tracker.training.train import Run


def resume(recipe: Recipe, checkpoint: Path, minutes: float, out: Path) -> Run:
    """A run with the weights of ``checkpoint``, ``minutes`` into its time, saved in ``out``. Raises WeightsError."""
    out.mkdir(parents=True, exist_ok=True)
    if (out / "state.pt").exists():
        raise FileExistsError(f"{out} holds the state of a run: train.py goes on with it as it is")
    run = Run(recipe, out, torch.device("cpu"))
    weights.load(run.model, checkpoint)
    run.kept = {name: value.detach().clone() for name, value in run.model.state_dict().items()}
    run.seconds = minutes * 60
    run.save()
    return run


def main() -> None:
    """Read the command line and write the state."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--spent", type=float, required=True, help="minutes of training time that made them")
    parser.add_argument("--recipe", choices=RECIPES, default="cpu")
    parser.add_argument("--out", type=Path, default=Path("runs/nano"))
    arguments = parser.parse_args()
    resume(RECIPES[arguments.recipe], arguments.checkpoint, arguments.spent, arguments.out)


if __name__ == "__main__":
    main()

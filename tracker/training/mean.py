"""
The mean of nano's weights at several times of its training.

    python -m tracker.training.mean before.safetensors after.safetensors --out runs/nano/nano.safetensors

What is learnt last unsettles a little of what was learnt before. Of weights that lie on one way, not of runs of their
own, the mean is often better than each (Izmailov et al. 2018; Wortsman et al. 2022).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from tracker.checkpoints import weights
from tracker.training import network


def mean(checkpoints: Sequence[Path]) -> Any:
    """A network with the mean of these weights; what is counted, not learnt, is the last one's. Raises WeightsError."""
    model = network.fresh()
    states = []
    for each in checkpoints:
        weights.load(model, each)
        states.append({name: value.clone() for name, value in model.state_dict().items()})
    last = states[-1]
    together = {
        name: torch.stack([state[name] for state in states]).mean(0) if value.is_floating_point() else value
        for name, value in last.items()
    }
    model.load_state_dict(together)
    return model


def main() -> None:
    """Read the command line and write the mean."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    weights.save(mean(arguments.checkpoints), arguments.out)


if __name__ == "__main__":
    main()

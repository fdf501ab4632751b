"""A weights file for commands that load one themselves: random, so what is found means nothing."""

from __future__ import annotations

from pathlib import Path

from tests.support.models import untrained
from tracker.checkpoints.weights import save


def random_weights(folder: Path) -> Path:
    """Write nano's layout with random values into a folder."""
    path = folder / "random.safetensors"
    save(untrained().network, path)
    return path

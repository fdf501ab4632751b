"""From a model's name to a model that answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import torch

from tracker.checkpoints import weights
from tracker.checkpoints.download import download
from tracker.model import precision
from tracker.model.compute import device_named
from tracker.model.configs import CONFIGS, config_named, entry_named
from tracker.model.sam3 import Sam3
from tracker.types import TrackerError

NANO_WEIGHTS = Path(__file__).parents[1] / "assets" / "nano.safetensors"


def load_model(
    name: str = "nano",
    *,
    checkpoint: Path | None = None,
    device: str | None = None,
    progress: Callable[[str], None] | None = None,
    half: bool = True,
    fold: bool = True,
) -> Sam3:
    """
    Load a model of the registry by its name: from ``checkpoint``, else what ships with this project or its download.

    ``checkpoint`` is a file or a folder, in upstream's layout or in that of ``transformers``. ``progress`` is told in
    words what happens. ``half``: on CUDA the text encoder's matrices are kept in bf16, with the same answers (those of
    the image encoder are a question of speed, and come later); on a CPU everything is fp32. ``fold``: layers
    without a bend between them become one, with the same answers; what is trained on keeps them.

    Raises :class:`WeightsError` if the weights are damaged, of another model or cannot be had, and
    :class:`TrackerError` for an unknown name or device.
    """
    config, target = config_named(name), device_named(device)
    if checkpoint is None:
        checkpoint = weights_of(name, progress)
    if progress:
        progress(f"building {name}")
    model = Sam3(config, torch.device("cpu"))
    weights.load(model.network, Path(checkpoint), progress)
    if half and target.type == "cuda":
        precision.halve_text(model.network, target)
    if target.type != "cpu":
        model.move(target)
    if fold:
        model.fold()
    if progress:
        progress(f"{name} has {precision.describe(model.network)}")
    return model


def weights_of(name: str, progress: Callable[[str], None] | None = None) -> Path:
    """Where the weights of a model lie: shipped, or fetched if need be. Raises :class:`TrackerError`."""
    if config_named(name) not in CONFIGS:
        raise TrackerError(f"{name} has no weights of its own yet: give it a checkpoint")
    entry = entry_named(name)
    return NANO_WEIGHTS if entry.file is None else download(entry.file, progress)


def set_threads(count: int) -> None:
    """
    How many threads one operation of the model may use on the CPU; leave a core to decoders and the event loop.

    OpenCV gets none of its own in the whole process: what it does here takes a millisecond, and its threads spin.
    """
    torch.set_num_threads(max(1, count))
    cv2.setNumThreads(1)

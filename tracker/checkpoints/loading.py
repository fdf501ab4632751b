"""From a model's name to a model that answers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import torch

from tracker.checkpoints import finding, weights
from tracker.checkpoints.recognition import recognise
from tracker.model import precision
from tracker.model.compute import device_named
from tracker.model.sam3 import Sam3


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
    Load the model that ``name`` names: one of the registry, a weights file or folder, or ``owner/repository[/file]``.

    A name of the registry is shipped, in the Hugging Face cache, or fetched into it; a file says by its keys what it
    is. ``checkpoint`` is a file or folder of the model ``name`` in place of that. ``progress`` is told in words what
    happens. ``half``: on CUDA the text encoder's matrices are kept in bf16, with the same answers (those of
    the image encoder are a question of speed, and come later); on a CPU everything is fp32. ``fold``: layers
    without a bend between them become one, with the same answers; what is trained on keeps them.

    Raises :class:`WeightsError` if the weights are damaged, of another model or cannot be had, and
    :class:`TrackerError` for an unknown name or device.
    """
    target, say = device_named(device), progress or _nothing
    config, path = finding.find(name, checkpoint, progress)
    say(f"reading {path}")
    tensors = weights.read(path, progress)
    config = config or recognise(tensors, path).config
    say(f"building {config.name}")
    model = Sam3(config, torch.device("cpu"))
    has = weights.load(model.network, path, progress, tensors=tensors)
    model.restrict(has)
    del tensors
    if half and target.type == "cuda":
        precision.halve_text(model.network, target)
    if target.type != "cpu":
        model.move(target)
    if fold:
        model.fold()
    say(f"{config.name} has {precision.describe(model.network)}")
    return model


def set_threads(count: int | None) -> None:
    """
    How many threads one operation of the model may use on the CPU; None leaves a core to decoders and the event loop.

    OpenCV gets none of its own in the whole process: what it does here takes a millisecond, and its threads spin.
    """
    torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1 if count is None else count))
    cv2.setNumThreads(1)


def _nothing(words: str) -> None:
    """Nobody wants to know."""

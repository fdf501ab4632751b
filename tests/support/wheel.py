"""Asking the sam3 wheel in its own way, and the pictures that both are asked about."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tracker import Box, Prompt, Sam3

HEIGHT, WIDTH = 96, 128
EXEMPLAR = Prompt(boxes=(Box(10, 20, 50, 60), Box(60, 10, 100, 40)), labels=(True, False), threshold=0.0)


def image(seed: int = 0, height: int = HEIGHT, width: int = WIDTH) -> npt.NDArray[np.uint8]:
    rough = np.random.default_rng(seed).integers(0, 255, (height // 8, width // 8, 3), np.uint8)
    return rough.repeat(8, 0).repeat(8, 1)


def upstream(model: Sam3) -> object:
    from sam3.model.sam3_image_processor import Sam3Processor

    return Sam3Processor(model.network, resolution=model.config.image_size, device="cpu", confidence_threshold=0.0)


def chw(picture: npt.NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)

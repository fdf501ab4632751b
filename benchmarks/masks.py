"""
What masks cost between the model and the wire.

``python -m benchmarks.masks`` encodes 16 objects of 1920×1080 with pycocotools and with rlemasklib, whole pictures and
only the parts that hold something, and makes masks of logits as the tracker does.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

import cv2
import numpy as np
import torch
from pycocotools import mask as coco

from benchmarks.first_light import machine, table
from tracker import rle, set_threads
from tracker.model import postprocess, run_lengths

HEIGHT, WIDTH, OBJECTS, SIDE = 1080, 1920, 16, 56


def objects(seed: int = 0) -> list[np.ndarray]:
    """Disks with rough edges, a twentieth to a sixth of the picture's width."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(OBJECTS):
        radius = int(rng.integers(WIDTH // 20, WIDTH // 6)) // 2
        x, y = int(rng.integers(radius, WIDTH - radius)), int(rng.integers(radius, HEIGHT - radius))
        angles = np.linspace(0, 2 * np.pi, 90, endpoint=False)
        reach = radius * (1 + 0.05 * rng.standard_normal(90))
        outline = np.stack([x + reach * np.cos(angles), y + reach * np.sin(angles)], 1).astype(np.int32)
        canvas = np.zeros((HEIGHT, WIDTH), np.uint8)
        cv2.fillPoly(canvas, [outline], 1)
        found.append(canvas.astype(bool))
    return found


def part(dense: np.ndarray) -> tuple[np.ndarray, int, int]:
    """What a mask's tight box holds, and its top and left."""
    rows, columns = np.flatnonzero(dense.any(1)), np.flatnonzero(dense.any(0))
    return dense[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], int(rows[0]), int(columns[0])


def logits(masks: list[np.ndarray]) -> torch.Tensor:
    """The same objects as (N, SIDE, SIDE) logits."""
    small = [cv2.resize(mask.astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA) for mask in masks]
    return torch.from_numpy(np.stack(small)) * 16 - 8


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=30)
    repeats = parser.parse_args().repeats
    set_threads(1)
    masks = objects()
    parts, model = [part(mask) for mask in masks], logits(masks)
    ways: dict[str, Callable[[], object]] = {
        "pycocotools, whole pictures": lambda: [coco.encode(np.asfortranarray(mask.view(np.uint8))) for mask in masks],
        "rlemasklib, whole pictures": lambda: [rle.encode(mask) for mask in masks],
        "rlemasklib, parts": lambda: [rle.encode_part(*each, HEIGHT, WIDTH) for each in parts],
        "scaling logits and encoding": lambda: postprocess.to_masks(model, HEIGHT, WIDTH),
        "the same as on a GPU, here on the CPU": lambda: run_lengths.scaled(model, HEIGHT, WIDTH),
    }
    print(f"{machine()}; load before: {os.getloadavg()[0]:.1f}; one thread, median of {repeats}")
    rows = []
    for name, way in ways.items():
        spent = []
        for _ in range(repeats + 3):
            began = time.perf_counter()
            way()
            spent.append(1000 * (time.perf_counter() - began))
        rows.append([name, f"{np.median(spent[3:]):.2f}"])
    print(table([f"{OBJECTS} masks of {WIDTH}×{HEIGHT}", "ms"], rows))


if __name__ == "__main__":
    main()

"""Every number of the recipe that makes nano, in one place, for three kinds of machine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
    """What train.py, train_memory.py and calibrate.py go by."""

    # Detector, clicks and boxes: train.py
    minutes: float = 240  # training time in all
    pictures: int = 8  # a step, shared out among the processes
    prompts: int = 4  # a picture
    clicks: int = 6  # a picture
    rate: float = 6e-4  # highest learning rate
    warmup: int = 200  # steps
    let_down: float = 0.35  # the last share of the time, in which the rate falls to nearly nothing
    weight_decay: float = 0.02
    clip: float = 1.0  # gradient norm
    average: float = 0.998  # of the weights that are kept (exponential moving average)
    dense: float = 2.0  # weight of the dense losses
    workers: int = 1  # processes that draw pictures, for each one that learns
    seed: int = 1

    # Following by memory: train_memory.py
    memory_minutes: float = 20
    frames: int = 8  # of a clip
    objects: int = 4  # followed in a clip, at most
    memory_rate: float = 4e-4
    memory_warmup: int = 60  # steps
    same: float = 0.3  # weight of telling objects apart by their pointers
    temperature: float = 0.1  # of that
    memory_pictures: int = 4  # of the clicks and boxes beside each clip
    memory_clicks: int = 16  # a picture
    again: int = 2  # lessons on clips seen before, for each on a new one: drawing and embedding it are a third of one

    # How readily it says that something is there: calibrate.py
    calibration: int = 150  # pictures


RECIPES = {
    "smoke": Recipe(minutes=0.3, memory_minutes=0.2, pictures=2, frames=3, memory_pictures=1, again=0, calibration=2),
    "cpu": Recipe(),
    "gpu": Recipe(
        minutes=22, memory_minutes=5, pictures=96, rate=1.2e-3, average=0.999, workers=14, memory_pictures=16, again=0
    ),
}

"""A model for the server's settings: loaded, made fast, and warmed up."""

from __future__ import annotations

import logging
from collections.abc import Callable

from streamer.config import Config
from tracker import Sam3, Tracker, accelerate, load_model, plain, set_threads, warm_up

Say = Callable[[str], None]
log = logging.getLogger(__name__)


def load(config: Config, device: str | None) -> Sam3:
    """The model that the settings name, ready on a device. On its thread: torch keeps a number of threads for each."""
    set_threads(config.threads)
    model = read(config, device)
    quicken(config, model)
    return model


def read(config: Config, device: str | None, say: Say = log.info) -> Sam3:
    """
    The model that the settings name, on a device, as its weights are; ``say`` is told in words what happens.

    Raises what loading raises, and Unable where it cannot follow objects in the way that is asked for.
    """
    model = load_model(
        config.model,
        checkpoint=config.checkpoint,
        device=device,
        progress=say,
        half=not config.plain,
    )
    Tracker(model, follower=config.follower)  # says at once what the model cannot do
    if config.resolution is not None:
        model.resize(config.resolution)
    return model


def quicken(config: Config, model: Sam3) -> None:
    """Switch on what makes it faster, unless the settings say otherwise. What is compiled belongs to this thread."""
    if config.plain:
        plain(model)
    else:
        accelerate(model, say=log.info)


def warm(model: Sam3, say: Say = log.info) -> float:
    """
    Ask everything once, so that /readyz says yes to what answers at once.

    Returns the seconds that it took on the CPU; 0 elsewhere, where parts were compiled meanwhile.
    """
    seconds = sum(warm_up(model, say).values())
    return seconds if model.device.type == "cpu" else 0.0

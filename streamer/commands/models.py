"""``streamer models``: list the models there are, fetch one, and measure one on this machine."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np

from streamer import figures
from streamer.errors import BadRequest
from tracker import (
    ENTRIES,
    Entry,
    Prompt,
    Sam3,
    TrackerError,
    download,
    gigabytes,
    kept,
    load_model,
    on_the_hub,
    record,
    set_threads,
)

RUNS = 3  # of each measurement, after one that does not count; the least is kept: other work only adds to it
HEIGHT, WIDTH = 480, 640  # of the picture that is measured with


def show() -> int:
    """Print a line for each model."""
    measured = figures.measured()
    speed = figures.speed(measured)
    rows = [
        ("model", "here", "size", "memory", "a look here", "can do", "licence"),
        *(_row(each, measured, speed) for each in ENTRIES),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def get(name: str) -> int:
    """Fetch a model's file, or go on with it. Raises BadRequest in words for what cannot be had."""
    try:
        file = on_the_hub(name)
        path = download(file, _say)
    except TrackerError as error:
        raise BadRequest(str(error)) from None
    noted = record(file)
    if file.sha256 is None and noted is not None:
        _say(f"its SHA-256 is not known here; the hub says {noted.sha256} (unpinned)")
    print(path)
    return 0


def bench(name: str, resolutions: Sequence[int]) -> int:
    """Measure a look and a detection of one word, and keep the figures. Raises BadRequest for an unknown model."""
    try:
        set_threads(None)  # as the server does
        entry = next((each for each in ENTRIES if each.name == name), None)
        random = entry is not None and entry.file is not None and kept(entry.file) is None
        model = Sam3.untrained(name) if random else load_model(name, progress=_say)
        if random:
            model.fold()
            _say(f"{name} is not downloaded: measured with random weights, which take as long")
        memory = sum(each.numel() * each.element_size() for each in model.network.parameters())
        for side in resolutions or model.config.resolutions:
            model.resize(side)
            look, detection = measure(model)
            figure = {"look": look, "detection": detection, "memory": memory, "device": str(model.device)}
            try:
                figures.keep(model.name, side, figure)
            except (OSError, RuntimeError) as error:
                _say(f"the figure could not be kept: {error}")
            words = f"look {look:.3f} s, detection of one word {detection:.3f} s"
            print(f"{model.name} at {side} px on {model.device}: {words}", flush=True)
    except TrackerError as error:
        raise BadRequest(str(error)) from None
    return 0


def measure(model: Sam3) -> tuple[float, float]:
    """Seconds of a look (a picture embedded) and of a detection of one word on it, the least of ``RUNS``."""
    image = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    prompts = [Prompt("thing", threshold=1.0)]  # nothing is found: what finding costs depends on the picture

    look = _least(lambda: model.embed(image))
    both = itertools.cycle([model.embed(image), model.embed(image)])  # what is known of one does not serve the other

    def detect() -> None:
        model.detector.forget()  # the word is a new one too
        model.detect(next(both), prompts)

    return look, _least(detect)


def _least(work: Callable[[], object]) -> float:
    work()
    taken = []
    for _ in range(RUNS):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)


def _row(entry: Entry, measured: dict[str, dict[str, figures.Figure]], speed: figures.Speed) -> tuple[str, ...]:
    file = entry.file
    if file is None:
        here, size = "ships", ""
    else:
        noted = record(file)
        here = "no" if kept(file) is None else "yes" if file.sha256 else "yes, unpinned"
        bytes_ = file.size or (noted.size if noted else None)
        size = "" if bytes_ is None else f"{bytes_ / 1e9:.1f} GB"
        here += ", on request" if file.gated and here == "no" else ""
    found, memory = figures.chosen(measured, entry.name, entry.config.image_size), ""
    if found is None:
        about = figures.expected(entry, entry.config.image_size, measured, speed)
        look = f"about {about.seconds:g} s at {about.resolution} px on {about.device}, estimated"
    else:
        side, figure = found
        look = f"{figure['look']:.2f} s at {side} px, measured"
        memory = gigabytes(figure["memory"]) if "memory" in figure else ""
    return entry.name, here, size, memory, look, ", ".join(sorted(entry.config.abilities)), entry.licence


def _say(words: str) -> None:
    print(f"streamer: {words}", file=sys.stderr, flush=True)

"""What ``streamer models bench`` measured on this machine, kept between runs; and what a look takes that was not."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tracker import ENTRIES, Entry

SIDE, PRODUCTS = 1024, 0.5  # of the matrices whose product tells a machine's speed, and seconds that are spent on it
TELLING = 10  # GFLOP of a look, at least, that tells a machine's speed: most of a smaller one's time is not computing

Figure = dict[str, Any]  # look, detection: seconds; memory: bytes of the weights; device


def measured() -> dict[str, dict[str, Figure]]:
    """By model and by resolution in pixels, both as text; nothing where nothing was kept or it cannot be read."""
    try:
        found = json.loads(_place().read_text(encoding="utf-8"))
    except (OSError, ValueError, RuntimeError):
        return {}
    models = (
        {name: sides for name, sides in found.items() if isinstance(sides, dict)} if isinstance(found, dict) else {}
    )
    return {name: {side: each for side, each in sides.items() if _right(side, each)} for name, sides in models.items()}


def chosen(figures: dict[str, dict[str, Figure]], name: str, resolution: int) -> tuple[int, Figure] | None:
    """A model's figure at a resolution, or at the first that was measured, with that; None where none was."""
    mine = figures.get(name, {})
    side = str(resolution) if str(resolution) in mine else next(iter(mine), None)
    return None if side is None else (int(side), mine[side])


@dataclass(frozen=True, slots=True)
class Speed:
    """GFLOP a second of a device."""

    gflop: float
    device: str


@dataclass(frozen=True, slots=True)
class Expected:
    """Seconds of a look at a resolution in pixels; ``measured``: with that model at that resolution."""

    seconds: float
    resolution: int
    device: str | None
    measured: bool


def speed(figures: dict[str, dict[str, Figure]], seconds: float = PRODUCTS) -> Speed:
    """Of the largest look that was measured, else of a product of matrices, on which ``seconds`` are spent."""
    known = [(each, figures.get(each.name, {}).get(str(each.config.image_size))) for each in ENTRIES]
    looks = [
        (entry.gflop, figure["look"], figure.get("device", "cpu"))
        for entry, figure in known
        if figure and entry.gflop >= TELLING
    ]
    if looks:
        gflop, took, device = max(looks)
        return Speed(gflop / took, device)
    matrix = np.random.default_rng(0).random((SIDE, SIDE), np.float32)
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while not taken or time.perf_counter() < end:
        began = time.perf_counter()
        np.matmul(matrix, matrix)
        taken.append(time.perf_counter() - began)
    return Speed(2 * SIDE**3 / 1e9 / min(taken), "cpu")


def expected(entry: Entry, side: int, figures: dict[str, dict[str, Figure]], speed: Speed) -> Expected:
    """
    What a look of a model at ``side`` pixels takes: measured; else estimated, by the number of its pixels, from the
    largest at which it was measured, or from what it computes and the speed of this machine.
    """
    mine = figures.get(entry.name, {})
    if str(side) in mine:
        return Expected(mine[str(side)]["look"], side, mine[str(side)].get("device"), measured=True)
    if mine:
        nearest = max(mine, key=int)
        seconds, at, device = mine[nearest]["look"], int(nearest), mine[nearest].get("device")
    else:
        seconds, at, device = entry.gflop / speed.gflop, entry.config.image_size, speed.device
    about = float(f"{seconds * (side / at) ** 2:.1g}")  # models differ in how much of a machine's speed they use
    return Expected(about, side, device, measured=False)


def keep(name: str, side: int, figure: Figure) -> None:
    """Note a figure. Raises OSError, and RuntimeError where there is no home folder."""
    figures = measured()
    figures[name] = {**figures.get(name, {}), str(side): figure}
    place = _place()
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(figures, indent=1), encoding="utf-8")


def _right(side: str, figure: object) -> bool:
    return (
        side.isdecimal() and isinstance(figure, dict) and isinstance(figure.get("look"), float) and figure["look"] > 0
    )


def _place() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "sam3-streamer" / "figures.json"

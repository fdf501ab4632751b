"""What ``streamer models bench`` measured on this machine, kept between runs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

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

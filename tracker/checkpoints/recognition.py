"""Which model of the registry a weights file is of, by its keys and the shapes of its tensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from tracker.checkpoints.keymap import DETECTOR, TRACKER, with_prefixes
from tracker.checkpoints.layouts import layout_of
from tracker.checkpoints.listing import listing
from tracker.model.configs import ENTRIES, Entry
from tracker.types import WeightsError

# Of other networks than are built here: what their keys contain, and what to say.
OTHERS = {
    "vision_backbone.propagation_convs.": (
        "SAM 3.1 Multiplex (sam3.1_multiplex.pt, or a model made of it): its image encoder has a third neck, and its "
        "tracker follows sixteen objects at once, neither of which is built here. Take SAM 3's own sam3.pt"
    ),
}
# The parts of SAM 3 as its checkpoint names them: what is none of them nobody here can place.
_PARTS = (
    *(
        f"{DETECTOR}{part}."
        for part in ("backbone", "transformer", "geometry_encoder", "segmentation_head", "dot_prod_scoring")
    ),
    TRACKER,
)


def recognise(tensors: Mapping[str, Tensor], path: Path) -> Entry:
    """
    The model that ``tensors`` are of, read from ``path``, with keys as the file has them.

    Raises :class:`WeightsError` for one that is known and not served, and for one that is not known: with the keys that
    were not understood, and how it differs from the model that it resembles most.
    """
    if not tensors:
        raise WeightsError(f"{path} holds no tensors")
    for part, words in OTHERS.items():
        if any(part in key for key in tensors):
            raise WeightsError(f"{path} is of {words}.")
    layout = layout_of(tensors)
    named = with_prefixes(tensors) if layout is None else layout.tidy(tensors)
    misfits: dict[str, list[str]] = {}
    there: dict[str, int] = {}  # how many marks the file has, if in another shape
    for entry in ENTRIES:
        marks: dict[str, tuple[int, ...]] = {}
        for key, shape in entry.marks.items():
            marks |= {key: shape} if layout is None else layout.shapes(key, torch.empty(shape, device="meta"))
        misfits[entry.name] = [
            f"{key} {tuple(named[key].shape) if key in named else 'missing'} instead of {shape}"
            for key, shape in marks.items()
            if key not in named or named[key].shape != shape
        ]
        there[entry.name] = len(marks.keys() & named.keys())
    fitting = [entry for entry in ENTRIES if not misfits[entry.name]]
    if fitting:
        return max(fitting, key=lambda entry: len(entry.marks))
    why = _why(named, misfits, there, known=layout is not None)
    raise WeightsError(f"{path} is of no model that is known here: {why}")


def _why(
    named: Mapping[str, Tensor], misfits: Mapping[str, list[str]], there: Mapping[str, int], *, known: bool
) -> str:
    strange = [] if known else sorted(key for key in named if not key.startswith(_PARTS))
    if len(strange) == len(named):
        return listing("not understood", strange)
    nearest = min(misfits, key=lambda name: (-there[name], len(misfits[name])))
    return "; ".join(filter(None, [listing("not understood", strange), f"unlike {nearest}: {misfits[nearest][0]}"]))

"""
The published files with MobileCLIP's text encoder: upstream's ``sam3.pt``, but for the names in that encoder.

SAM3-LiteText and EfficientSAM3 (SimonZeng7108/efficientsam3, ``text_encoder_student.py``, ``mobile_clip.py``).

Their tables of positions have 16 rows, or the 77 that CLIP's had: of those, rows are learned one by one and the first
16 are what their own code takes (``set_context_length``). No other table is cut: padding is read like words, so a file
for 32 tokens gives other features than it was trained to with 16.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor

from tracker.checkpoints.keymap import KeyMap, with_prefixes
from tracker.checkpoints.mobileclip_names import (
    EFFICIENTSAM3_MODULES,
    EFFICIENTSAM3_PARAMETERS,
    EFFICIENTSAM3_POSITIONS,
    TEXT,
)
from tracker.types import WeightsError

CLIP_CONTEXT = 77  # tokens
_MARK = "encoder.positional_embedding.pos_embed.pos_embed"
_MAP = KeyMap(EFFICIENTSAM3_MODULES, EFFICIENTSAM3_PARAMETERS, rest=True)
source, shapes, absent, to_theirs = _MAP.source, _MAP.shapes, _MAP.absent, _MAP.to_theirs


def is_theirs(keys: Iterable[str]) -> bool:
    """Whether these are keys of such a file."""
    return any(key.endswith(_MARK) for key in keys)


def tidy(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Their tensors with upstream's prefixes, and without the one of training, which their own code drops too."""
    return with_prefixes({key.replace("student_trunk.", ""): each for key, each in tensors.items()})


def from_theirs(theirs: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """As :meth:`KeyMap.from_theirs`. Raises :class:`WeightsError` for a text encoder of another context length."""
    table, ours = theirs.get(EFFICIENTSAM3_POSITIONS), wanted.get(f"{TEXT}.encoder.positional_embedding")
    if table is not None and ours is not None and table.ndim == 4 and table.shape[2] == CLIP_CONTEXT:
        theirs = {**theirs, EFFICIENTSAM3_POSITIONS: table[:, :, : len(ours)]}
    refuse_other_contexts(theirs, wanted, EFFICIENTSAM3_POSITIONS)
    return _MAP.from_theirs(theirs, wanted)


def refuse_other_contexts(theirs: Mapping[str, Tensor], wanted: Mapping[str, Tensor], key: str) -> None:
    """Raise :class:`WeightsError` if ``key``, a table of positions, is one of another length than is wanted."""
    table, ours = theirs.get(key), wanted.get(f"{TEXT}.encoder.positional_embedding")
    if table is None or ours is None or table.ndim != 4 or table.shape[2] == len(ours):
        return  # what else is wrong is found where every tensor is accounted for
    raise WeightsError(
        f"its text encoder was made for {table.shape[2]} tokens and this model reads {len(ours)}: "
        "padding is read like words, so it cannot be cut; take the file that was made for as many"
    )

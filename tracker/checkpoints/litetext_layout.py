"""
SAM3-LiteText as ``transformers`` reads and writes it: its SAM 3, but for the text encoder.

``Sam3LiteTextModel`` has a detector alone and writes its keys without the prefix that they have in a
``Sam3VideoModel``; a whole model has the tracker of that one beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor

from tracker.checkpoints import transformers_layout
from tracker.checkpoints.keymap import KeyMap
from tracker.checkpoints.mobileclip_layout import refuse_other_contexts
from tracker.checkpoints.mobileclip_names import LITETEXT_MODULES, LITETEXT_PARAMETERS, LITETEXT_POSITIONS
from tracker.checkpoints.transformers_names import MODULES, PARAMETERS, PREFIXES, TWICE

_MAP = KeyMap((*LITETEXT_MODULES, *MODULES), (*LITETEXT_PARAMETERS, *PARAMETERS), TWICE)
source, shapes, absent, to_theirs = _MAP.source, _MAP.shapes, _MAP.absent, _MAP.to_theirs
_DETECTOR = "detector_model."


def is_theirs(keys: Iterable[str]) -> bool:
    """Whether these are keys of a ``transformers`` checkpoint of LiteText."""
    return any(key in (LITETEXT_POSITIONS, LITETEXT_POSITIONS.removeprefix(_DETECTOR)) for key in keys)


def tidy(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Their tensors, each part with its prefix."""
    return {
        key if key.startswith(PREFIXES) else _DETECTOR + key: each
        for key, each in transformers_layout.tidy(tensors).items()
    }


def from_theirs(theirs: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """As :meth:`KeyMap.from_theirs`. Raises :class:`WeightsError` for a text encoder of another context length."""
    refuse_other_contexts(theirs, wanted, LITETEXT_POSITIONS)
    return _MAP.from_theirs(theirs, wanted)

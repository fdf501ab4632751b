"""
The other layout of a SAM3 checkpoint: the one that ``transformers`` reads and writes.

Upstream's ``sam3.pt`` holds ``detector.…`` and ``tracker.…``; ``transformers``' ``Sam3VideoModel`` holds the same
weights as ``detector_model.…``, ``tracker_model.…`` and ``tracker_neck.…``.
:mod:`tracker.checkpoints.transformers_names` has the place of every key.
tests/unit/tracker/checkpoints/test_transformers_layout.py holds both against a real ``Sam3VideoModel``,
tests/agreement/test_agreement.py against its answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor

from tracker.checkpoints.keymap import KeyMap
from tracker.checkpoints.transformers_names import MODULES, PARAMETERS, PREFIXES, TWICE

_MAP = KeyMap(MODULES, PARAMETERS, TWICE)
source, shapes, absent = _MAP.source, _MAP.shapes, _MAP.absent
from_theirs, to_theirs = _MAP.from_theirs, _MAP.to_theirs


def is_theirs(keys: Iterable[str]) -> bool:
    """Whether these are keys of a ``transformers`` checkpoint."""
    return any(key.startswith(PREFIXES) for key in keys)


def tidy(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Their tensors under the names a ``Sam3VideoModel`` has for them: ``save_pretrained`` writes one prefix twice."""
    return {key.replace("tracker_model.tracker_model.", "tracker_model.", 1): each for key, each in tensors.items()}

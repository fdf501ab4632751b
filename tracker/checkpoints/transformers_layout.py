"""
The other layout of a SAM3 checkpoint: the one that ``transformers`` reads and writes.

Upstream's ``sam3.pt`` holds ``detector.…`` and ``tracker.…``; ``transformers``' ``Sam3VideoModel`` holds the same
weights as ``detector_model.…``, ``tracker_model.…`` and ``tracker_neck.…``.
:mod:`tracker.checkpoints.transformers_names` has the place of every key; here :func:`source` says how a tensor is made
of theirs. tests/unit/tracker/checkpoints/test_transformers_layout.py holds both against a real ``Sam3VideoModel``,
tests/agreement/test_agreement.py against its answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from tracker.checkpoints.transformers_names import MODULES, PARAMETERS, PREFIXES, ROWS, TWICE, How


@dataclass(frozen=True, slots=True)
class Source:
    """Where a tensor of upstream's layout comes from: ``keys`` of theirs, none if they have no such tensor."""

    how: How
    keys: tuple[str, ...]
    row: int = 0


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.escape(template).replace(r"\#", r"(\d+)"))


def _filled(template: str, numbers: Iterable[str | None]) -> str:
    for number in numbers:
        template = template.replace("#", number or "", 1)
    return template


_MODULES = tuple(
    (_pattern(f"{prefix}.{ours}{'_' if ours.endswith('in_proj') else '.'}@").pattern, f"{theirs_prefix}.{theirs}")
    for prefix, theirs_prefix, rows in MODULES
    for ours, theirs in rows
)
_MODULE_PATTERNS = tuple((re.compile(pattern.replace("@", "(weight|bias)")), theirs) for pattern, theirs in _MODULES)
_PARAMETER_PATTERNS = tuple((_pattern(ours), theirs, how) for ours, theirs, how in PARAMETERS)


def source(key: str) -> Source | None:
    """What a key of upstream's layout (``detector.…``, ``tracker.…``) is made of; None for a key nobody knows."""
    for pattern, theirs, how in _PARAMETER_PATTERNS:
        if match := pattern.fullmatch(key):
            if theirs is None:
                return Source(how, ())
            row = int(match[1]) if how is How.ROW else 0
            return Source(how, (_filled(theirs, match.groups()),), row)
    for pattern, theirs in _MODULE_PATTERNS:
        if match := pattern.fullmatch(key):
            *numbers, part = match.groups()
            name = f"{_filled(theirs, numbers)}.{part}"
            if "*" in name:
                return Source(How.SPLIT, tuple(name.replace("*", each) for each in "qkv"))
            return Source(How.SAME, (name,))
    return None


def is_theirs(keys: Iterable[str]) -> bool:
    """Whether these are keys of a ``transformers`` checkpoint."""
    return any(key.startswith(PREFIXES) for key in keys)


def tidy(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Their tensors under the names a ``Sam3VideoModel`` has for them: ``save_pretrained`` writes one prefix twice."""
    return {key.replace("tracker_model.tracker_model.", "tracker_model.", 1): each for key, each in tensors.items()}


def shapes(key: str, present: Tensor) -> dict[str, tuple[int, ...]]:
    """What theirs must hold for a key of upstream's layout that has ``present`` in the model: names and shapes."""
    place = source(key)
    if place is None:
        return {key: tuple(present.shape)}
    if place.how is How.ROW:
        return {place.keys[0]: (ROWS, *present.shape[1:])}
    return {name: tuple(each.shape) for name, each in zip(place.keys, _theirs(place.how, present), strict=True)}


def absent(keys: Iterable[str]) -> dict[How, list[str]]:
    """Which of these keys a checkpoint may leave out, by the reason why."""
    found: dict[How, list[str]] = {}
    for key in sorted(keys):
        place = source(key)
        if place is not None and not place.keys:
            found.setdefault(place.how, []).append(key)
    return found


def from_theirs(theirs: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """
    Upstream's layout of a ``transformers`` checkpoint, as far as it goes.

    ``wanted`` has the tensors of the model by upstream's keys. What theirs lacks is left out; what does not fit or
    nobody asks for stays under its own name.
    """
    found, used = {}, {twin for twin, key in TWICE.items() if _equal(theirs, twin, key)}
    for key, present in wanted.items():
        place = source(key)
        if place is None or not place.keys:
            continue
        if all(name in theirs and theirs[name].shape == shape for name, shape in shapes(key, present).items()):
            found[key] = _ours(place, [theirs[name] for name in place.keys])
            used.update(place.keys)
    return found | {key: each for key, each in theirs.items() if key not in used}


def to_theirs(ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A ``transformers`` checkpoint of upstream's keys and tensors. Raises KeyError for a key nobody knows."""
    found: dict[str, Tensor] = {}
    rows: dict[str, dict[int, Tensor]] = {}
    for key, each in ours.items():
        place = source(key)
        if place is None:
            raise KeyError(key)
        if place.how is How.ROW:
            rows.setdefault(place.keys[0], {})[place.row] = each
        else:
            found |= zip(place.keys, _theirs(place.how, each), strict=True)
    found |= {name: torch.cat([some[row] for row in sorted(some)]) for name, some in rows.items()}
    return found | {twin: found[key].clone() for twin, key in TWICE.items() if key in found}


def _equal(theirs: Mapping[str, Tensor], twin: str, key: str) -> bool:
    return twin in theirs and key in theirs and torch.equal(theirs[twin], theirs[key])


def _ours(place: Source, theirs: list[Tensor]) -> Tensor:
    match place.how:
        case How.SPLIT:
            return torch.cat(theirs)
        case How.ROW:
            return theirs[0][place.row : place.row + 1]
        case How.TRANSPOSED:
            return theirs[0].T
        case How.CLASS_ROW:
            return torch.cat([theirs[0].new_zeros(1, 1, theirs[0].shape[-1]), theirs[0]], 1)
        case _:
            return theirs[0]


def _theirs(how: How, ours: Tensor) -> list[Tensor]:
    match how:
        case How.SPLIT:
            return [each.contiguous() for each in ours.chunk(3)]
        case How.TRANSPOSED:
            return [ours.T.contiguous()]
        case How.CLASS_ROW:
            return [ours[:, 1:].contiguous()]
        case How.COMPUTED | How.UNUSED:
            return []
        case _:
            return [ours]

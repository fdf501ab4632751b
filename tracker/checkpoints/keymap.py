"""Two layouts of one checkpoint: which tensors of theirs a tensor of upstream's layout is made of, and how."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor

from tracker.types import WeightsError

Rows = tuple[tuple[str, str], ...]
Modules = tuple[tuple[str, str, Rows], ...]

DETECTOR, TRACKER, INTERACTIVE = "detector.", "tracker.", "inst_interactive_predictor.model."
ROWS = 4  # point embeddings, one module each in ours and one table in theirs: background, object, two corners of a box
_PARTS = "weight|bias|running_mean|running_var|num_batches_tracked"


class How(StrEnum):
    """How a tensor of ours is made of theirs."""

    SAME = "the same tensor"
    SPLIT = "queries, keys and values one after the other; three tensors of theirs"
    ROW = "one row of theirs"
    TRANSPOSED = "transposed"
    CLASS_ROW = "with a first row, for a class token nobody asks; theirs leaves it out"
    PICTURE = "theirs has axes of length one more: its sequences are pictures of height one"
    POSITIONS = "theirs has two axes of length one before"
    COMPUTED = "rotary angles, computed from the sizes; theirs computes them in each pass"
    UNUSED = "projections of exemplar points; neither theirs nor this project gives exemplars as points"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a tensor of upstream's layout comes from: ``keys`` of theirs, none if they have no such tensor."""

    how: How
    keys: tuple[str, ...]
    row: int = 0


class KeyMap:
    """
    What upstream's layout is made of in another one.

    ``modules``: (our prefix, their prefix, (ours, theirs)) of modules with a weight and mostly a bias; a module of
    theirs with "*" is three: q, k and v, stacked in ours. ``parameters``: (ours, theirs or None, how). "#" is a number.
    ``twice``: what theirs has a second time, under another name. ``rest``: keys of no table are the same in both.
    """

    def __init__(
        self,
        modules: Modules,
        parameters: tuple[tuple[str, str | None, How], ...],
        twice: Mapping[str, str] | None = None,
        *,
        rest: bool = False,
    ) -> None:
        self.twice = twice or {}
        self.rest = rest
        self._parameters = tuple((_pattern(ours), theirs, how) for ours, theirs, how in parameters)
        self._modules = tuple(
            (
                _pattern(f"{prefix}.{ours}{'_' if ours.endswith('in_proj') else '.'}@", _PARTS),
                f"{their_prefix}.{theirs}",
            )
            for prefix, their_prefix, rows in modules
            for ours, theirs in rows
        )

    def source(self, key: str) -> Source | None:
        """What a key of upstream's layout (``detector.…``, ``tracker.…``) is made of; None for a key nobody knows."""
        for pattern, theirs, how in self._parameters:
            if match := pattern.fullmatch(key):
                if theirs is None:
                    return Source(how, ())
                row = int(match[1]) if how is How.ROW else 0
                return Source(how, (_filled(theirs, match.groups()),), row)
        for pattern, name in self._modules:
            if match := pattern.fullmatch(key):
                *numbers, part = match.groups()
                name = f"{_filled(name, numbers)}.{part}"
                if "*" in name:
                    return Source(How.SPLIT, tuple(name.replace("*", each) for each in "qkv"))
                return Source(How.SAME, (name,))
        return Source(How.SAME, (key,)) if self.rest else None

    def shapes(self, key: str, present: Tensor) -> dict[str, tuple[int, ...]]:
        """What theirs must hold for a key of upstream's layout that has ``present`` in the model: names and shapes."""
        place = self.source(key)
        if place is None:
            return {key: tuple(present.shape)}
        if place.how is How.ROW:
            return {place.keys[0]: (ROWS, *present.shape[1:])}
        return {name: tuple(each.shape) for name, each in zip(place.keys, _theirs(place.how, present), strict=True)}

    def absent(self, keys: Iterable[str]) -> dict[How, list[str]]:
        """Which of these keys a checkpoint may leave out, by the reason why."""
        found: dict[How, list[str]] = {}
        for key in sorted(keys):
            place = self.source(key)
            if place is not None and not place.keys:
                found.setdefault(place.how, []).append(key)
        return found

    def from_theirs(self, theirs: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """
        Upstream's layout of a checkpoint of theirs, as far as it goes.

        ``wanted`` has the tensors of the model by upstream's keys. What theirs lacks is left out; what does not fit or
        nobody asks for stays under its own name. Raises :class:`WeightsError` for tensors under upstream's names that
        have others in theirs: which of the two is meant, nobody knows.
        """
        found, used = {}, {twin for twin, key in self.twice.items() if _equal(theirs, twin, key)}
        for key, present in wanted.items():
            place = self.source(key)
            if place is None or not place.keys:
                continue
            if all(name in theirs and theirs[name].shape == shape for name, shape in self.shapes(key, present).items()):
                found[key] = _ours(place, [theirs[name] for name in place.keys])
                used.update(place.keys)
        others = {key: each for key, each in theirs.items() if key not in used}
        strays = [key for key in others.keys() & wanted.keys() if self.shapes(key, wanted[key]).keys() != {key}]
        if strays:
            raise WeightsError(f"{len(strays)} unexpected, named as in another layout: {', '.join(sorted(strays)[:5])}")
        return found | others

    def to_theirs(self, ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """A checkpoint of theirs of upstream's keys and tensors. Raises KeyError for a key nobody knows."""
        found: dict[str, Tensor] = {}
        rows: dict[str, dict[int, Tensor]] = {}
        for key, each in ours.items():
            place = self.source(key)
            if place is None:
                raise KeyError(key)
            if place.how is How.ROW:
                rows.setdefault(place.keys[0], {})[place.row] = each
            else:
                found |= zip(place.keys, _theirs(place.how, each), strict=True)
        found |= {name: torch.cat([some[row] for row in sorted(some)]) for name, some in rows.items()}
        return found | {twin: found[key].clone() for twin, key in self.twice.items() if key in found}


def with_prefixes(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors by the keys of upstream's checkpoint; those of its image model alone get the prefix they have there."""
    if any(key.startswith((DETECTOR, TRACKER)) for key in tensors):
        return dict(tensors)
    return {
        TRACKER + key.removeprefix(INTERACTIVE) if key.startswith(INTERACTIVE) else DETECTOR + key: value
        for key, value in tensors.items()
    }


def _pattern(template: str, parts: str = "") -> re.Pattern[str]:
    return re.compile(re.escape(template).replace(r"\#", r"(\d+)").replace("@", f"({parts})"))


def _filled(template: str, numbers: Iterable[str | None]) -> str:
    for number in numbers:
        template = template.replace("#", number or "", 1)
    return template


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
        case How.PICTURE:
            return theirs[0].squeeze(-2) if theirs[0].shape[-1] > 1 else theirs[0].squeeze(-1).squeeze(-1)
        case How.POSITIONS:
            return theirs[0][0, 0]
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
        case How.PICTURE:
            return [ours.unsqueeze(-2) if ours.ndim == 3 else ours[..., None, None]]
        case How.POSITIONS:
            return [ours[None, None]]
        case How.COMPUTED | How.UNUSED:
            return []
        case _:
            return [ours]

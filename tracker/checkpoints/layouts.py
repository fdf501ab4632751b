"""
The layouts of weights files that are read beside upstream's own.

Each is a module that brings the tensors of a file under upstream's keys. To add one: the module, and here, before any
whose files it resembles.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from torch import Tensor

from tracker.checkpoints import efficientsam3_layout, litetext_layout, mobileclip_layout, transformers_layout


class Layout(Protocol):
    """What such a module has. "Theirs" is the layout, "ours" that of upstream's ``sam3.pt``."""

    def is_theirs(self, keys: Iterable[str]) -> bool:
        """Whether a file of these keys, with whatever prefix, is in this layout."""
        ...

    def tidy(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Tensors of a file under the names that the other functions know."""
        ...

    def from_theirs(self, theirs: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors under our keys as far as they fit what is ``wanted``; the others stay under theirs."""
        ...

    def shapes(self, key: str, present: Tensor) -> dict[str, tuple[int, ...]]:
        """What a file must hold for a key of ours that has ``present`` in the model: names and shapes."""
        ...


LAYOUTS: tuple[Layout, ...] = (litetext_layout, transformers_layout, efficientsam3_layout, mobileclip_layout)


def layout_of(keys: Iterable[str]) -> Layout | None:
    """The layout of a file of these keys; None: upstream's own."""
    return next((each for each in LAYOUTS if each.is_theirs(keys)), None)

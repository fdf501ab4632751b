"""
The registry: every model there is.

To add one:

1. A module of this package, as ``sam3.py``: its :class:`Config` (what differs from the full-size SAM 3, and what is
   known of its weights: abilities, threshold, presence) and its :class:`Entry` (title, licence, file, marks).
2. Here: the entry, in ``ENTRIES``, in the order in which they are listed.
3. If its weights have a layout of their own: ``tracker/checkpoints/``, see :mod:`tracker.checkpoints.weights`.
4. ``docs/models.md``: a section with its weaknesses and their source.

The tests of this package go through ``ENTRIES`` by themselves.
"""

from __future__ import annotations

from tracker.model.configs.config import Ability, Config
from tracker.model.configs.efficientsam3 import EFFICIENTSAM3_ENTRIES
from tracker.model.configs.entry import Entry, RemoteFile
from tracker.model.configs.litetext import LITETEXT_ENTRIES, LITETEXT_L, LITETEXT_S0, LITETEXT_S1
from tracker.model.configs.nano import NANO, NANO_ENTRY
from tracker.model.configs.sam3 import FULL, SAM3_ENTRY
from tracker.types import TrackerError

__all__ = [
    "CONFIGS",
    "ENTRIES",
    "FULL",
    "LITETEXT_L",
    "LITETEXT_S0",
    "LITETEXT_S1",
    "NANO",
    "Ability",
    "Config",
    "Entry",
    "RemoteFile",
    "config_named",
    "entry_named",
]

ENTRIES = (NANO_ENTRY, *EFFICIENTSAM3_ENTRIES, *LITETEXT_ENTRIES, SAM3_ENTRY)
CONFIGS = tuple(entry.config for entry in ENTRIES)


def entry_named(name: str) -> Entry:
    """A model of the registry. Raises :class:`TrackerError` with those there are."""
    for entry in ENTRIES:
        if entry.name == name:
            return entry
    raise TrackerError(f"there is no model {name!r}: choose one of {', '.join(entry.name for entry in ENTRIES)}")


def config_named(name: str) -> Config:
    """The configuration of a model. Raises :class:`TrackerError`."""
    return entry_named(name).config

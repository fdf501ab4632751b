"""One model that can be had: what it is, where its weights come from, and the sizes of its network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tracker.model.configs.config import Config


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """
    A weights file in a repository of the Hugging Face hub.

    ``sha256`` is what the file must have, in hexadecimal. None: unpinned. It is then taken from the hub's own record
    of the file at the first download, kept beside it, and shown as unpinned.
    """

    repository: str  # owner/name
    name: str  # its path in there
    revision: str = "main"  # a commit, where it is pinned
    size: int | None = None  # bytes; None: the hub says
    sha256: str | None = None
    gated: bool = False  # its owner gives it out on request

    def __str__(self) -> str:
        """As ``--model`` takes it."""
        return f"{self.repository}/{self.name}"

    @property
    def short(self) -> str:
        """Its name without the folders."""
        return self.name.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Entry:
    """
    A model of the registry.

    What its network and its weights can do (abilities, text context, threshold, presence) is in its ``config``.

    ``marks`` tells a file of this model from a file of another: keys as upstream's checkpoint has them (``detector.…``
    and ``tracker.…``), each with the shape of its tensor. A file is this model's if it has all of them.
    """

    config: Config
    title: str  # for people
    knows: str  # one sentence: what it can be asked for
    licence: str  # of the weights
    gflop: float  # of a look at the config's image_size: benchmarks/cost.py, encoder and neck for clicks, folded
    file: RemoteFile | None = None  # None: the weights ship with this project
    marks: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What ``--model`` and ``load_model`` call it."""
        return self.config.name

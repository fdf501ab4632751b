"""From what people write after ``--model`` to a weights file on this machine."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from tracker.checkpoints.download import SUFFIXES, download, kept, weights_files
from tracker.model.configs import ENTRIES, Config, Entry, RemoteFile, config_named
from tracker.types import TrackerError, WeightsError

NANO_WEIGHTS = Path(__file__).parents[1] / "assets" / "nano.safetensors"
_PART = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_ON_THE_HUB = re.compile(rf"(?!.*(?:--|\.\.))({_PART}/{_PART})(?:/((?:{_PART}/)*{_PART}))?")
_NAMES = {entry.name: entry for entry in ENTRIES}

Say = Callable[[str], None]


def find(name: str, checkpoint: Path | None = None, progress: Say | None = None) -> tuple[Config | None, Path]:
    """
    The weights of a model, fetched if need be, and its configuration; None where the file has to say what it is.

    ``name``: a model of the registry, a file or folder, or ``owner/repository[/file]``; ``checkpoint``: the weights, of
    the model that is named. Raises :class:`TrackerError` and :class:`WeightsError`.
    """
    if checkpoint is not None:
        return config_named(name), Path(checkpoint)
    if name in _NAMES:
        file = _NAMES[name].file
        return _NAMES[name].config, NANO_WEIGHTS if file is None else download(file, progress)
    if _there(name):
        return None, Path(name).expanduser()
    return None, download(on_the_hub(name), progress)


def here(entry: Entry) -> Path | None:
    """Where the weights of a model of the registry are on this machine; None: they are to be fetched."""
    return NANO_WEIGHTS if entry.file is None else kept(entry.file)


def on_the_hub(name: str, *, endpoint: str | None = None) -> RemoteFile:
    """
    The file that a model of the registry, or ``owner/repository[/file]``, names; ``endpoint``: of another hub.

    What the registry knows of that very file holds. Raises :class:`TrackerError` for what is no such name.
    """
    if name in _NAMES:
        file = _NAMES[name].file
        if file is None:
            raise TrackerError(f"{name} ships with this project: there is nothing to fetch")
        return file
    found = _ON_THE_HUB.fullmatch(name)
    if found is None or (found[2] is None and name.endswith(SUFFIXES)):
        raise _unknown(name)
    repository, path = found.groups()
    known = [entry.file for entry in ENTRIES if entry.file is not None and entry.file.repository == repository]
    if path is None and not known:
        path = _only(repository, weights_files(repository, endpoint=endpoint))
    if path is None:
        path = _only(repository, [file.name for file in known])
    return next((file for file in known if file.name == path), RemoteFile(repository, path))


def _there(name: str) -> bool:
    try:
        return Path(name).expanduser().exists()
    except (OSError, ValueError, RuntimeError):  # too long, with a NUL in it, of nobody's home
        return False


def _unknown(name: str) -> TrackerError:
    known = ", ".join(_NAMES)
    return TrackerError(
        f"there is no model {name!r}: choose one of {known}, "
        "or name a weights file that is there, or owner/repository/file of huggingface.co"
    )


def _only(repository: str, names: list[str]) -> str:
    if not names:
        raise WeightsError(f"{repository} holds no weights file ({', '.join(SUFFIXES)})")
    if len(names) > 1:
        listed = ", ".join(f"{repository}/{name}" for name in names[:5])
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        raise WeightsError(
            f"{repository} holds {len(names)} weights files; say which: {listed}{more}. "
            "(Parts of one model: fetch all with `hf download`, and name their folder.)"
        )
    return names[0]

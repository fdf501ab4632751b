"""
What was found out about files in the cache, kept beside them: which commit they are of, and their SHA-256.

For a file whose hash is known here this is a note. For another it is all there is: the hub's word at the first
download, with which the file can be compared later.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tracker.model.configs import RemoteFile

NAME = "sam3-streamer.json"  # in the folder that the cache has for a repository


@dataclass(frozen=True, slots=True)
class Record:
    """A file as it was when it came."""

    commit: str | None  # of its repository; None: the server did not say
    size: int  # bytes
    sha256: str


def read(file: RemoteFile, cache: Path | None = None) -> Record | None:
    """What was noted of a file when it came; None where nothing was, or cannot be read."""
    noted = _all(file, cache).get(_key(file))
    if not isinstance(noted, dict):
        return None
    commit: Any = noted.get("commit")
    size: Any = noted.get("size")
    hashed: Any = noted.get("sha256")
    right = isinstance(size, int) and isinstance(hashed, str) and isinstance(commit, str | None)
    return Record(commit, size, hashed) if right else None


def write(file: RemoteFile, path: Path, commit: str | None, cache: Path | None = None) -> None:
    """Note a file that has just come, and was compared with the hub's hash. Raises OSError."""
    record = Record(commit, path.stat().st_size, sha256(path))
    noted = _all(file, cache) | {_key(file): asdict(record)}
    place = _place(file, cache)
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = place.with_suffix(".new")
    fresh.write_text(json.dumps(noted, indent=1), encoding="utf-8")
    fresh.replace(place)


def sha256(path: Path) -> str:
    """
    The SHA-256 of a file of the cache, in hexadecimal.

    The cache calls large files by it, and what arrived was compared with it: such a name is believed. Without that a
    file of gigabytes takes a good while.
    """
    name = path.resolve().name
    if re.fullmatch(r"[0-9a-f]{64}", name):
        return name
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _key(file: RemoteFile) -> str:
    return f"{file.revision}/{file.name}"


def _place(file: RemoteFile, cache: Path | None) -> Path:
    from tracker.checkpoints import hub

    return hub.blobs(file.repository, cache).parent / NAME


def _all(file: RemoteFile, cache: Path | None) -> dict[str, Any]:
    try:
        found = json.loads(_place(file, cache).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}

"""
The file of keys: who may do what, by a digest of each key. The keys themselves are shown once, when they are made.

A key made here has 256 random bits, so a plain SHA-256 of it tells nothing about it and needs no salt.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import hashlib
import json
import logging
import os
import secrets
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from streamer import secret_file
from streamer.auth.scopes import Scope
from streamer.errors import BadRequest, Conflict, NotFound

KEY = "key_"  # what keys made here begin with
KEY_BYTES = 32
MAX_NAME = 64  # characters
MAX_BYTES = 2**20  # of the file: 5,000 keys

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """A key as the file has it. ``digest`` is its SHA-256 in hex, ``added`` the day and time in UTC."""

    name: str
    scope: Scope
    digest: str
    added: str


def new_key() -> str:
    """A key that cannot be guessed."""
    return KEY + secrets.token_urlsafe(KEY_BYTES)


def digest_of(key: str) -> str:
    """SHA-256 of a key, in hex."""
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()


def read(path: Path) -> list[Entry]:
    """The keys of a file. Raises NotFound when there is no such file, BadRequest when it cannot be read."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
            raise BadRequest(f"The file of keys {path} is not a file.")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f"There is no file of keys {path}.") from None
    except OSError as error:
        raise BadRequest(f"The file of keys {path} cannot be read: {error.strerror or error}.") from None
    if len(data) > MAX_BYTES:
        raise BadRequest(f"The file of keys {path} is longer than {MAX_BYTES} bytes.")
    try:
        return [_entry(each) for each in json.loads(data)["keys"]]
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        detail = "It is written by `streamer keys add`; remove it, and add its keys again."
        raise BadRequest(f"The file of keys {path} does not hold a list of keys.", detail=detail) from None


def read_if_there(path: Path) -> list[Entry]:
    """The same; none where there is no such file. Raises BadRequest."""
    try:
        return read(path)
    except NotFound:
        return []


def add(path: Path, name: str, scope: Scope) -> str:
    """
    Make a key, and put it into a file, which is made where there is none. Returns the key, which is kept nowhere.

    Raises Conflict for a name that is taken; BadRequest for one that cannot be, and when the file cannot be written.
    """
    if not name or len(name) > MAX_NAME or not name.isprintable() or name != name.strip():
        raise BadRequest(f"A key's name is 1 to {MAX_NAME} printable characters, such as hallway-screen.")
    key = new_key()
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    with _changing(path) as entries:
        if any(entry.name == name for entry in entries):
            raise Conflict(f"There is a key {name} already.", detail="Remove it first, or choose another name.")
        entries.append(Entry(name, scope, digest_of(key), now))
    return key


def remove(path: Path, name: str) -> int:
    """Take a key out of a file; returns how many are left. Raises NotFound, and BadRequest as :func:`add`."""
    read(path)  # where there is none, its folder is not made
    with _changing(path) as entries:
        kept = [entry for entry in entries if entry.name != name]
        if len(kept) == len(entries):
            raise NotFound(f"There is no key {name:.80}.", detail="`streamer keys list` shows them.")
        entries[:] = kept
    return len(kept)


class KeysFile:
    """
    A file of keys that is read again when it has changed.

    While it is missing or cannot be read no key of it opens anything; the log says so.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, ...] | None = ()
        self._entries: Mapping[str, Entry] = MappingProxyType({})

    def by_digest(self) -> Mapping[str, Entry]:
        """What is in it now, by the keys' digests."""
        seen = self._stamp()
        if seen != self._seen:
            self._seen = seen
            try:
                self._entries = {entry.digest: entry for entry in read(self._path)}
            except (BadRequest, NotFound) as error:
                log.error("%s None of its keys opens anything.", error)
                self._entries = {}
        return self._entries

    def _stamp(self) -> tuple[int, ...] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _entry(given: dict[str, Any]) -> Entry:
    """An entry as it is written. Raises ValueError, KeyError, TypeError, AttributeError for anything else."""
    name, digest, added = given["name"], given["sha256"], given["added"]
    if not (isinstance(name, str) and isinstance(added, str) and len(bytes.fromhex(digest)) == 32):
        raise ValueError("not a key")
    return Entry(name, Scope.of(given["scope"]), digest.lower(), added)


@contextlib.contextmanager
def _changing(path: Path) -> Iterator[list[Entry]]:
    """The entries of a file, to be changed within the block; one process at a time, and never half written."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)
    except OSError as error:
        raise BadRequest(f"The folder {path.parent} cannot be used: {error.strerror or error}.") from None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        entries = read_if_there(path)
        yield entries
        _write(path, entries)
    except OSError as error:
        raise BadRequest(f"The file of keys {path} cannot be written: {error.strerror or error}.") from None
    finally:
        os.close(folder)


def _write(path: Path, entries: Sequence[Entry]) -> None:
    listed = [
        {"name": entry.name, "scope": entry.scope.word, "sha256": entry.digest, "added": entry.added}
        for entry in entries
    ]
    secret_file.write(path, f"{json.dumps({'keys': listed}, indent=1)}\n".encode())

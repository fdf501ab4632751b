"""``streamer keys``: make, list and remove the keys of a server's file."""

from __future__ import annotations

import sys
from pathlib import Path

from streamer.auth import Scope, keys_file


def add(path: Path, name: str, scope: str) -> int:
    """Make a key. Standard output has the key alone, so that a script can take it."""
    first = not keys_file.read_if_there(path)
    key = keys_file.add(path, name, Scope.of(scope))
    print(key)
    print(
        f"streamer: {name} may {scope}. Note the key now: {path} has only a digest of it.",
        file=sys.stderr,
    )
    if first:
        print("          It is the first one: a server that runs without keys must be started again.", file=sys.stderr)
    return 0


def show(path: Path) -> int:
    """Print a line for each key."""
    entries = keys_file.read_if_there(path)
    if not entries:
        print(f"streamer: there is no key in {path}.", file=sys.stderr)
    width = max((len(entry.name) for entry in entries), default=0)
    for entry in entries:
        print(f"{entry.name:<{width}}  {entry.scope.word:<6}  {entry.added}")
    return 0


def remove(path: Path, name: str) -> int:
    """Take a key out."""
    left = keys_file.remove(path, name)
    print(f"streamer: {name} opens nothing from now on; what is connected with it stays so.", file=sys.stderr)
    if not left:
        print(f"          It was the last one of {path}: no server starts with an empty file.", file=sys.stderr)
    return 0

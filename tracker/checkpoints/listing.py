"""Keys in messages: the first of them, and how many there are."""

from __future__ import annotations

from collections.abc import Iterable

NAMED = 5  # keys named before "and N more"


def listing(what: str, keys: Iterable[str]) -> str:
    """``3 missing: a, b, c``; empty without keys."""
    keys = list(keys)
    if not keys:
        return ""
    more = f" and {len(keys) - NAMED} more" if len(keys) > NAMED else ""
    return f"{len(keys)} {what}: {', '.join(keys[:NAMED])}{more}"

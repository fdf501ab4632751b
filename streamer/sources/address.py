"""What the address of every protocol has in common: what FFmpeg is told, and what people may see of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

from streamer.errors import BadSource

_SECRET = re.compile(r"pass|pwd|token|secret|key|auth|sig", re.IGNORECASE)
_HIDDEN = "***"


@dataclass(frozen=True, slots=True)
class Address:
    """
    ``url`` is what FFmpeg opens and may hold a password; ``shown`` is the same without secrets.

    ``live`` is None when only opening it tells: an HTTP address is a recording when it has a length. With ``paced`` a
    recording is played by its own clock, as a camera would send it.
    """

    url: str = field(repr=False)
    shown: str
    scheme: str
    live: bool | None
    host: str | None = None
    format: str | None = None
    options: dict[str, str] = field(default_factory=dict)
    paced: bool = False

    @property
    def login(self) -> bool:
        """Whether there is a user name in it."""
        return urlsplit(self.url).username is not None


def network(parts: SplitResult, *, live: bool | None, options: dict[str, str]) -> Address:
    """An address with a host."""
    return Address(urlunsplit(parts), redacted(parts), parts.scheme, live, parts.hostname, None, options)


def redacted(parts: SplitResult) -> str:
    """An address without the secrets in it."""
    user, at, place = parts.netloc.rpartition("@")
    if at:
        user = user.partition(":")[0] + (f":{_HIDDEN}" if ":" in user else "")
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = parts.query
    if any(_SECRET.search(key) for key, _ in pairs):
        query = urlencode([(key, _HIDDEN if _SECRET.search(key) else value) for key, value in pairs], safe="*/:")
    return urlunsplit(parts._replace(netloc=f"{user}{at}{place}", query=query))


def take(query: str, names: tuple[str, ...], what: str) -> dict[str, str]:
    """Read a query that is all ours, the last of each name. Raises BadSource for a name that ``what`` has not."""
    found: dict[str, str] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key not in names:
            raise BadSource(f"{what} has no option {key!r:.40}.", detail=f"It has {' and '.join(names)}.")
        found[key] = value.lower()
    return found

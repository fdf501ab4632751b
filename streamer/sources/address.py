"""What the address of every protocol has in common: what FFmpeg is told, and what people may see of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import parse_qsl, quote

from streamer import redaction
from streamer.errors import BadSource
from streamer.redaction import Parts


@dataclass(frozen=True, slots=True)
class Address:
    """
    ``url`` is what is opened and may hold a password; ``shown`` is the same without secrets.

    ``parts`` are those of an address with a host, ``path`` that of a file or device on this machine. ``live`` is None
    when only opening it tells: an HTTP address is a recording when it has a length. With ``paced`` a recording is
    played by its own clock, as a camera would send it. ``options`` are FFmpeg's, for the opening.
    """

    url: str = field(repr=False)
    shown: str
    scheme: str
    live: bool | None
    parts: Parts | None = None
    path: Path | None = None
    format: str | None = None
    options: dict[str, str] = field(default_factory=dict)
    paced: bool = False

    @property
    def host(self) -> str | None:
        """The name or address of the other side."""
        return None if self.parts is None else self.parts.host

    @property
    def login(self) -> bool:
        """Whether there is a user name in it."""
        return self.parts is not None and self.parts.user is not None


def network(parts: Parts, *, live: bool | None, options: dict[str, str]) -> Address:
    """
    An address with a host. Spaces, quotes and angle brackets, which end an address wherever it is written, are escaped.

    Not in RTMP, which has no escapes: there they are part of a name.
    """
    if parts.scheme not in redaction.KEYED:
        parts = replace(parts, path=_escaped(parts.path), query=_escaped(parts.query))
    url = parts.url
    return Address(url, redaction.address(url), parts.scheme, live, parts, None, None, options)


def _escaped(text: str) -> str:
    return re.sub(r"[\s\"<>]", lambda found: quote(found[0]), text)


def with_login(address: Address, login: str) -> Address:
    """The same with another spelling of user name and password, the ``@`` behind them."""
    if address.parts is None:
        return address
    parts = address.parts
    return replace(address, url=f"{parts.scheme}://{login}{parts.place}{parts.tail}")


def take(query: str, names: tuple[str, ...], what: str) -> dict[str, str]:
    """Read a query that is all ours, the last of each name. Raises BadSource for a name that ``what`` has not."""
    found: dict[str, str] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key not in names:
            raise BadSource(f"{what} has no option {key!r:.40}.", detail=f"It has {' and '.join(names)}.")
        found[key] = value.lower()
    return found

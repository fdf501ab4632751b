"""STUN and TURN servers: how settings write them, how clients are told of them, and credentials that last an hour."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Sequence
from functools import partial

from streamer.config import Config
from streamer.redaction import HIDDEN, printable

# Seconds that a TURN credential opens new relays; a TURN server looks at it when a relay is asked for, and connections
# are made within a minute.
LASTS = 3600
SCHEMES = frozenset({"stun", "stuns", "turn", "turns"})

Servers = Callable[[], Sequence[str]]  # gives the servers, with credentials that are fresh


def of(config: Config) -> Servers:
    """The servers of a configuration: to be called for each connection, and for each answer that names them."""
    return partial(fresh, config.ice_servers, config.turn_secret)


def fresh(servers: Sequence[str], secret: str | None, now: float | None = None) -> list[str]:
    """
    The servers, a TURN server without a login of its own with one made from the secret that it shares with us.

    As draft-uberti-behave-turn-rest has it, and coturn with ``use-auth-secret``: the user name is the time at which it
    ends, in seconds since 1970, the password the HMAC-SHA1 of that name. ``now`` is for tests.
    """
    if secret is None:
        return list(servers)
    name = str(int((time.time() if now is None else now) + LASTS))
    password = base64.b64encode(hmac.new(secret.encode(), name.encode(), hashlib.sha1).digest()).decode()
    return [_with_login(server, f"{name}:{password}") for server in servers]


def link(server: str) -> str:
    """
    Write an ICE server as a Link header's value (RFC 9725, section 4.6).

    ``server`` is ``stun:host:port`` or ``turn:host:port?transport=udp``; a TURN server's user name and password stand
    before it: ``turn:name:password@host:port``.
    """
    url, username, password = split(server)
    value = f'<{url}>; rel="ice-server"'
    if username is not None:
        value += f'; username="{_quoted(username)}"; credential="{_quoted(password)}"; credential-type="password"'
    return value


def split(server: str) -> tuple[str, str | None, str | None]:
    """Split ``turn:name:password@host`` into address, name and password. Raises ValueError for other schemes."""
    scheme, colon, rest = server.partition(":")
    account, at, host = rest.rpartition("@")
    if scheme not in SCHEMES or not host:
        before, login, place = server.rpartition("@")
        shown = printable(f"{HIDDEN}@{place}" if login or before else place)
        raise ValueError(
            f"{shown!r} is not an ICE server; it must look like stun:host:port or turn:name:password@host:port"
        )
    if not at:
        return server, None, None
    name, _, password = account.partition(":")
    return f"{scheme}{colon}{host}", name, password


def _with_login(server: str, login: str) -> str:
    scheme, _, rest = server.partition(":")
    return f"{scheme}:{login}@{rest}" if scheme in ("turn", "turns") and "@" not in rest else server


def _quoted(text: str | None) -> str:
    """For a quoted string of a header."""
    return (text or "").replace("\\", "\\\\").replace('"', '\\"')

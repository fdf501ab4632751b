"""How often wrong keys may come from one address."""

from __future__ import annotations

import ipaddress
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from cachetools import LRUCache

FREE = 10  # wrong keys in a row that are answered at once: a program with an old key, a person who mistypes
REFILL = 6.0  # seconds until one more is; ten guesses a minute do not find a key of any length worth the name
MAX_ADDRESSES = 4096  # that are remembered; the one not heard of for longest is forgotten first
MAX_NAME = 64  # characters of what a proxy names and is no address: anyone may write it
V6_NETWORK = 64  # bits: what one customer has at least, so one caller can use all of its addresses


@dataclass(slots=True)
class _Account:
    left: float
    at: float


class Slowdown:
    """A bucket of guesses for each remote address. ``clock`` is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._accounts: LRUCache[str, _Account] = LRUCache(MAX_ADDRESSES)

    def wait(self, remote: str) -> int:
        """Seconds until that address may try again, rounded up; 0: now."""
        account = self._accounts.get(_network(remote))
        if account is None:
            return 0
        missing = 1.0 - self._now(account)
        return max(0, math.ceil(missing * REFILL))

    def failed(self, remote: str) -> None:
        """Note a wrong key from that address."""
        network = _network(remote)
        account = self._accounts.get(network) or _Account(FREE, self._clock())
        self._accounts[network] = _Account(max(0.0, self._now(account) - 1.0), self._clock())

    def _now(self, account: _Account) -> float:
        """How many guesses are left at present."""
        return min(float(FREE), account.left + (self._clock() - account.at) / REFILL)


def _network(remote: str) -> str:
    """What is taken for one caller: an IPv4 address, or the network of an IPv6 one."""
    try:
        address = ipaddress.ip_address(remote.partition("%")[0])
    except ValueError:
        return remote[:MAX_NAME]
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, V6_NETWORK), strict=False))

"""What may be opened of files and networks, where those who ask are not the ones who run the server."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from streamer.errors import BadSource

IP = ipaddress.IPv4Address | ipaddress.IPv6Address
MAX_ADDRESSES = 4  # of one name that are tried; a name may come with hundreds, of other people's hosts

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address


class NotAllowed(BadSource):
    """The server opens nothing there. The words are the same whether something is there or not."""


@dataclass(frozen=True, slots=True)
class Access:
    """
    The rule for files, for addresses, and for certificates.

    ``roots``: folders, files and devices that may be opened with all that is in them; None: any. ``networks``: in CIDR
    notation; None: any. ``tls_verify``: whether the other side of TLS must have a certificate that the system, or
    ``ca_file``, vouches for.
    """

    roots: tuple[Path, ...] | None = None
    networks: tuple[str, ...] | None = None
    tls_verify: bool = True
    ca_file: Path | None = None

    def check_path(self, path: Path) -> Path:
        """
        The path with no link and no ``..`` in it. Raises NotAllowed unless it lies in ``roots``.

        Where any path may be opened: OSError, RuntimeError (links in a circle) or ValueError (a zero byte).
        """
        if self.roots is None:
            return path.resolve()
        try:
            real = path.resolve()
        except (OSError, RuntimeError, ValueError):  # which of them would tell what is there
            real = None
        if real is not None and any(real.is_relative_to(root.resolve()) for root in self.roots):
            return real
        if not self.roots:
            words = "Files are not opened by this server."
            raise NotAllowed(words, detail="--source-root DIR names a folder that they may come from.")
        raise NotAllowed(
            "That path is in no folder that this server opens files from.",
            detail="They are named by --source-root; a link is followed before it is judged.",
        )

    def check_literal(self, host: str) -> None:
        """Raise NotAllowed for an IP address, in any notation, that may not be opened; a name passes."""
        if self.networks is None:
            return
        try:
            found = addresses_of(host, 0, flags=socket.AI_NUMERICHOST)
        except OSError:
            if self.networks:
                return
            found = []
        self.check_all(found)

    def resolve(self, host: str, port: int) -> tuple[str, ...]:
        """
        Every address of a host, ``MAX_ADDRESSES`` at most: it is these that are connected to, not the name.

        Raises NotAllowed where one of them is outside ``networks``, OSError for a name that has none.
        """
        if self.networks == ():
            self.check_all([])
        found = addresses_of(host, port)
        self.check_all(found)
        return tuple(found[:MAX_ADDRESSES])

    def check_all(self, addresses: Iterable[str]) -> None:
        """Raise NotAllowed unless there are such addresses and all of them are in ``networks``."""
        if self.networks is None:
            return
        judged = [each for address in addresses for each in carried(ipaddress.ip_address(address))]
        if judged and all(inside(each, self.networks) for each in judged):
            return
        if not self.networks:
            words = "Addresses in networks are not opened by this server."
            raise NotAllowed(words, detail="--source-network CIDR names a network that they may be in.")
        raise NotAllowed(
            "That address is in no network that this server opens sources from.",
            detail="They are named by --source-network; every address that a name has must be in one.",
        )


ANY = Access()


def addresses_of(host: str, port: int, *, flags: int = 0) -> list[str]:
    """Every address of a host name, or of an IP address in any notation that the system takes. Raises OSError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    except UnicodeError:  # a label that is empty or too long
        raise OSError("the name is not one") from None
    return list(dict.fromkeys(str(where[0]) for *_, where in found))


def inside(address: IP, networks: Iterable[str]) -> bool:
    """Whether an address is in one of these networks, in CIDR notation."""
    return any(address in ipaddress.ip_network(each) for each in networks)


def carried(address: IP) -> tuple[IP, ...]:
    """What an address is judged by: the IPv4 addresses inside, where it is IPv6 that only carries those along."""
    if address.version == 4:
        return (address,)
    if address in _NAT64:
        return (ipaddress.IPv4Address(address.packed[-4:]),)
    if address.teredo is not None:
        return address.teredo  # the relay's and the client's
    return (address.ipv4_mapped or address.sixtofour or address,)

"""Names of hosts and origins of pages, as headers and settings write them."""

from __future__ import annotations

import ipaddress
import re

LOOPBACK = "localhost"  # and every name under it: browsers take them all for this machine
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[^\s\[\]/?#@:,*]+)(?::([0-9]{1,5}))?")
_HOST = re.compile(r"(?:\[([^\[\]]+)\]|([^\[\]:]+))(?::[0-9]{0,5})?")
_PORTS = {"http": "80", "https": "443"}  # which browsers leave out


def read_host(text: str) -> str:
    """A host's name as ``Host`` has it, in small letters, without a port. Raises ValueError."""
    name = text.lower().removesuffix(".")
    if not _NAME.fullmatch(name):
        raise ValueError(f"{text!r} is not a host's name; write the name alone, like camera.example.org")
    return name


def read_origin(text: str) -> str:
    """An origin as ``Origin`` has it: ``scheme://host``, and any port but the usual one. Raises ValueError."""
    match = _ORIGIN.fullmatch(text.lower())
    if match is None:
        raise ValueError(f"{text!r} is not an origin; write it like https://example.org or http://localhost:3000")
    scheme, host, port = match.groups()
    return f"{scheme}://{host}" if port in (None, _PORTS.get(scheme)) else f"{scheme}://{host}:{port}"


def name_in(host: str) -> str:
    """The name in a ``Host`` header, without its port; of an IPv6 address without the brackets. "" for what is none."""
    match = _HOST.fullmatch(host)
    if match is None:
        return ""
    name: str = match[1] or match[2]
    return name.lower().removesuffix(".")


def is_loopback(address: str) -> bool:
    """Whether an IP address reaches no other machine; False for what is none."""
    try:
        read = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = read.ipv4_mapped if isinstance(read, ipaddress.IPv6Address) else None
    return (mapped or read).is_loopback


def no_foreign_name(name: str) -> bool:
    """
    Whether a name can only be this machine's or a literal address.

    Any other name may be one whose owner lets it point here, so that a page of theirs has the same origin as ours.
    """
    if name == LOOPBACK or name.endswith(f".{LOOPBACK}"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True

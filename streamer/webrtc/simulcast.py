"""Simulcast (RFC 8853): a camera offers its picture in several sizes at once; the answer takes one of them."""

from __future__ import annotations

import re
from collections.abc import Set

_SENT = re.compile(r"(?m)^a=simulcast:.*?\bsend (?:rid=)?(\S+)")  # "rid=" is an older draft's
_RID = re.compile(r"(?m)^a=rid:(\S+) send(?: (\S+))?\s*$")
_HEADER = re.compile(r"(?m)^a=extmap:\d+\S* urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\b")
_SECTION = re.compile(r"(?m)^(?=m=)")


def answered(offer: str, answer: str) -> str:
    """
    The answer with one layer of each section that offers several: the one that its sender likes best.

    An answer that names no layer at all is one that some senders (OBS) give up at.
    """
    pairs = zip(_SECTION.split(offer)[1:], _SECTION.split(answer)[1:], strict=False)
    sections = [section + _chosen(offered, section) for offered, section in pairs if section]
    return "".join([_SECTION.split(answer)[0], *sections])


def _chosen(offered: str, section: str) -> str:
    """The lines that name the layer; nothing where none is offered, or none can be had."""
    sent = _SENT.search(offered)
    if sent is None or "a=recvonly" not in section:
        return ""
    taken = set(section.partition("\n")[0].split()[3:])  # payload types
    limits = {rid: limit for rid, limit in _RID.findall(offered) if _fits(limit, taken)}
    layers = [layer for each in sent[1].split(";") for layer in each.split(",")]  # best first, with alternatives
    usable = [rid for rid in sorted(layers, key=lambda rid: rid[:1] == "~") if rid.removeprefix("~") in limits]
    if not usable:
        return ""
    rid = usable[0].removeprefix("~")  # paused at first, if all are
    header = _HEADER.search(offered)
    lines = [header[0]] if header is not None else []
    limit = f" {_narrowed(limits[rid], taken)}" if limits[rid] else ""
    lines += [f"a=rid:{rid} recv{limit}", f"a=simulcast:recv {rid}"]
    return "".join(f"{line}\r\n" for line in lines)


def _fits(limit: str, taken: Set[str]) -> bool:
    """Whether one of the payload types that a layer is restricted to (RFC 8851, section 4) was agreed to."""
    types = re.search(r"\bpt=([^;]*)", limit)
    return types is None or not taken.isdisjoint(types[1].split(","))


def _narrowed(limit: str, taken: Set[str]) -> str:
    """A layer's restrictions with those payload types alone that were agreed to."""
    return re.sub(r"\bpt=([^;]*)", lambda types: f"pt={','.join(t for t in types[1].split(',') if t in taken)}", limit)

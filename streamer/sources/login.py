"""
In which ways an RTSP server that refused FFmpeg wants to be logged in to. FFmpeg says only that it was refused.

A camera whose one way is not spoken here would else be told to have a wrong password, and be knocked at for ever.
"""

from __future__ import annotations

import contextlib
import re
import socket
import time

from streamer.access import Access, NotAllowed
from streamer.sources import gate, reasons, trust
from streamer.sources.address import Address
from streamer.sources.opening import PORTS, TLS
from streamer.sources.reasons import Hopeless

SPOKEN = frozenset({"MD5", "MD5-SESS"})  # FFmpeg's algorithms of Digest (RFC 7616, section 6.1)
MAX_HEAD = 16 * 1024  # bytes of an answer that are read
MAX_WAY = 40  # characters of a way that are repeated
_ASKED = re.compile(r"(?im)^(?:www|proxy)-authenticate[ \t]*:[ \t]*([\w-]+)(.*)$")
_ALGORITHM = re.compile(r'(?i)\balgorithm\s*=\s*"?([\w-]+)')


def explained(error: Exception, address: Address, access: Access, timeout: float) -> Exception:
    """
    The error, or Hopeless where an RTSP server refused a login that FFmpeg cannot make, whatever the password.

    ``timeout``: seconds that the server is given to say so.
    """
    if address.scheme not in ("rtsp", "rtsps") or not reasons.refused(error):
        return error
    try:
        asked = _ASKED.findall(_asked(address, access, timeout))
    except (OSError, NotAllowed):
        return error
    way = unspoken(asked)
    if way is None:
        return error
    return Hopeless(
        f"{address.host} wants a login by {way}, which the FFmpeg of this server does not speak, whatever the password."
        " Choose Digest with MD5 (or Basic) in the camera's settings."
    )


def unspoken(asked: list[tuple[str, str]]) -> str | None:
    """
    The way that FFmpeg would have to speak and cannot; None: it can. ``asked``: each challenge's scheme and the rest.

    Of several it takes the last Digest, and Basic where there is none.
    """
    digests = [_ALGORITHM.search(rest) for scheme, rest in asked if scheme.lower() == "digest"]
    if digests:
        algorithm = "MD5" if digests[-1] is None else digests[-1][1]
        return None if algorithm.upper() in SPOKEN else f"Digest with {algorithm[:MAX_WAY]}"
    schemes = [scheme for scheme, _ in asked]
    if not schemes or any(scheme.lower() == "basic" for scheme in schemes):
        return None
    return " or ".join(schemes)[:MAX_WAY]


def _asked(address: Address, access: Access, timeout: float) -> str:
    """The head of the answer to one who shows no login. Raises OSError."""
    parts = address.parts
    if parts is None:
        return ""
    end = time.monotonic() + timeout
    port = parts.port or PORTS[parts.scheme]
    with contextlib.ExitStack() as held:
        far = held.enter_context(gate.connected(access.resolve(parts.host, port), port, timeout))
        if parts.scheme in TLS:
            far = held.enter_context(trust.ssl_context(access).wrap_socket(far, server_hostname=parts.host.rstrip(".")))
        where = f"{parts.scheme}://{parts.place}{parts.tail}"
        far.sendall(f"DESCRIBE {where} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n".encode())
        return _head(far, end)


def _head(far: socket.socket, end: float) -> str:
    data = b""
    while b"\r\n\r\n" not in data and len(data) < MAX_HEAD:
        far.settimeout(max(0.01, end - time.monotonic()))
        more = far.recv(4096)
        if not more:
            break
        data += more
    return data.replace(b"\r", b"").decode("latin-1").partition("\n\n")[0]

"""The address of a stream, a file or a camera: which protocol reads it."""

from __future__ import annotations

import re
from collections.abc import Callable

from streamer import redaction
from streamer.access import ANY, Access
from streamer.errors import BadSource
from streamer.redaction import Parts
from streamer.sources import datagrams, file, http, rtmp, rtsp, srt, usb
from streamer.sources.address import Address

READERS: dict[str, Callable[[Parts], Address]] = {
    scheme: module.read for module in (rtsp, rtmp, http, srt, datagrams) for scheme in module.SCHEMES
}
SCHEMES = frozenset(READERS) | {"file", "demo"}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")

__all__ = ["Address", "read_address"]


def read_address(text: str, access: Access = ANY) -> Address:
    """
    Read an address. Raises BadSource when it can be seen to be wrong without opening it, NotAllowed among them.

    What the refusal says repeats no secret of the address.
    """
    try:
        return _read(text, access)
    except BadSource as error:
        held = redaction.secrets(text)
        words, detail = (redaction.printable(redaction.hide(each, held)) for each in (error.message, error.detail))
        raise type(error)(words, detail=detail) from None


def _read(text: str, access: Access) -> Address:
    if not text:
        raise BadSource("The address is empty.", detail="Write rtsp://…, http://…, a path, or demo:.")
    found = _SCHEME.match(text)
    if found is None:
        return usb.read(text, access) if usb.matches(text) else file.read(text, access)
    scheme = found[1].lower()
    if scheme == "file":
        return file.read_url(text, access)
    if scheme not in SCHEMES:
        known = ", ".join(sorted(SCHEMES))
        raise BadSource(
            f"{scheme}: is not a scheme that this server reads.", detail=f"It reads {known}, and plain paths."
        )
    if redaction.printable(text) != text:
        raise BadSource("The address holds a control character.", detail="In a password, write it percent-encoded.")
    try:
        parts = redaction.split(text)
    except ValueError as error:
        raise BadSource(f"The address cannot be read: {error}.") from None
    access.check_literal(parts.host)
    return READERS[scheme](parts)

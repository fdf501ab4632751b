"""A recording on the server's disk: every frame of it, or as a camera would send it."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from streamer import redaction
from streamer.access import Access
from streamer.errors import BadSource
from streamer.sources.address import Address, take

PACES = ("every", "realtime")


def read_url(text: str, access: Access) -> Address:
    """``file:///the/path?pace=…``. Raises BadSource."""
    parts = urlsplit(text)
    if parts.netloc not in ("", "localhost"):
        raise BadSource("A file: address has no host.", detail="Write file:///the/path.")
    return _found(unquote(parts.path), parts.query, access)


def read(text: str, access: Access) -> Address:
    """
    A path, with ``?pace=realtime`` behind it or not; a file whose own name has a question mark in it comes first.

    ``every`` (when left out): each frame is looked at, however long that takes. ``realtime``: played by its clock;
    frames that there is no time for are dropped. Raises BadSource.
    """
    path, mark, query = text.rpartition("?")
    if not mark or "=" not in query or _is_there(text, access):
        return _found(text, "", access)
    return _found(path, query, access)


def _is_there(text: str, access: Access) -> bool:
    """Whether there is a file of that name, which may be opened; what is wrong with it is said later."""
    try:
        return access.check_path(Path(text)).exists()
    except BadSource:
        return False
    except (OSError, ValueError, RuntimeError):
        return True


def _found(text: str, query: str, access: Access) -> Address:
    shown = redaction.address(text)
    try:
        path = access.check_path(Path(text))
        if path.is_dir():
            raise BadSource(f"{shown} is a folder, not a video.")
        if not path.is_file():
            raise BadSource(f"There is no file {shown}.", detail="A path is looked up on the server's machine.")
        if not os.access(path, os.R_OK):
            raise BadSource(f"The file {shown} may not be read.")
    except OSError as error:  # a name too long, a folder above it that may not be entered
        raise BadSource(f"The file {shown:.80} cannot be opened: {error.strerror}.") from None
    except (ValueError, RuntimeError):  # a zero byte in it, links that go in circles
        raise BadSource(f"{shown:.80} is not the name of a file.") from None
    pace = take(query, ("pace",), "A file").get("pace", PACES[0])
    if pace not in PACES:
        raise BadSource(f"pace is {pace!r:.20}; it must be {' or '.join(PACES)}.")
    shown = f"{shown}?pace={pace}" if query else shown
    return Address(f"file:{path}", shown, "file", False, path=path, paced=pace == "realtime")

"""A recording on the server's disk: every frame of it, or as a camera would send it."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from streamer.errors import BadSource
from streamer.sources.address import Address, take

PACES = ("every", "realtime")


def read_url(text: str) -> Address:
    """``file:///the/path?pace=…``. Raises BadSource."""
    parts = urlsplit(text)
    if parts.netloc not in ("", "localhost"):
        raise BadSource("A file: address has no host.", detail="Write file:///the/path.")
    return _found(unquote(parts.path), parts.query)


def read(text: str) -> Address:
    """
    A path, with ``?pace=realtime`` behind it or not; a file whose own name has a question mark in it comes first.

    ``every`` (when left out): each frame is looked at, however long that takes. ``realtime``: played by its clock;
    frames that there is no time for are dropped. Raises BadSource.
    """
    try:
        whole = Path(text).exists()
    except OSError:
        whole = True  # what is wrong with it is said below
    path, mark, query = text.rpartition("?")
    if whole or not mark or "=" not in query:
        return _found(text, "")
    return _found(path, query)


def _found(text: str, query: str) -> Address:
    path = Path(text)
    try:
        if path.is_dir():
            raise BadSource(f"{text} is a folder, not a video.")
        if not path.is_file():
            raise BadSource(f"There is no file {text}.", detail="A path is looked up on the server's machine.")
        if not os.access(path, os.R_OK):
            raise BadSource(f"The file {text} may not be read.")
    except OSError as error:  # a name too long, a folder above it that may not be entered
        raise BadSource(f"The file {text:.80} cannot be opened: {error.strerror}.") from None
    pace = take(query, ("pace",), "A file").get("pace", PACES[0])
    if pace not in PACES:
        raise BadSource(f"pace is {pace!r:.20}; it must be {' or '.join(PACES)}.")
    shown = f"{text}?pace={pace}" if query else text
    return Address(f"file:{path}", shown, "file", False, paced=pace == "realtime")

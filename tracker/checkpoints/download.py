"""
The gated download of the full model's weights into the Hugging Face cache, with progress, and resumed after a break.

``huggingface_hub`` finds the file, knows the token and keeps the cache, but throws away what it has of a file when it
is interrupted (since 1.x each try has a temporary file of its own). 3.4 GB are worth keeping: the file is fetched here,
under its name in the cache, and ``huggingface_hub`` then finds it there.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tracker.types import WeightsError

REPOSITORY, FILE = "facebook/sam3", "sam3.pt"
HOW_TO_GET_ACCESS = (
    f"The weights of {REPOSITORY} are given out by Meta on request: log in at https://huggingface.co/{REPOSITORY}, "
    "accept the licence, wait for the approval, then run `hf auth login` here or set HF_TOKEN. "
    "Or pass a file you already have with --checkpoint FILE."
)
TRIES = 5  # breaks in a row without a byte between them
PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds before another try; doubled each time
SILENCE = 30.0  # seconds without a byte after which a connection is given up
PASSING = frozenset({408, 429, 500, 502, 503, 504})  # answers that another try may not get
FORGOTTEN = 86400.0  # seconds after which what was begun of another version is deleted
STEP = 5  # percent between two lines about progress

Say = Callable[[str], None]


def download(progress: Say | None = None, *, endpoint: str | None = None, cache: Path | None = None) -> Path:
    """
    Fetch upstream's checkpoint, or find it in the Hugging Face cache (``cache``: elsewhere). Returns its path.

    ``progress`` is told every twentieth of it. Raises :class:`WeightsError`, with the way to get access when the
    server refuses.
    """
    import huggingface_hub
    from huggingface_hub import errors

    say = progress or (lambda words: None)
    say(f"looking for {REPOSITORY}/{FILE} (3.4 GB, kept in the Hugging Face cache)")
    known = huggingface_hub.try_to_load_from_cache(REPOSITORY, FILE, cache_dir=cache)
    try:
        if not isinstance(known, str):
            _fetch(say, endpoint, cache)
        return Path(huggingface_hub.hf_hub_download(REPOSITORY, FILE, endpoint=endpoint, cache_dir=cache))
    except errors.GatedRepoError as error:
        raise WeightsError(f"Access to {REPOSITORY} was refused. {HOW_TO_GET_ACCESS}") from error
    except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, httpx.HTTPError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # a full disk, a folder that may not be written to
            raise WeightsError(f"{REPOSITORY}/{FILE} cannot be kept: {error}. HF_HOME names another place.") from error
        raise WeightsError(
            f"{REPOSITORY}/{FILE} cannot be had ({type(error).__name__}). {HOW_TO_GET_ACCESS}"
        ) from error


def _fetch(say: Say, endpoint: str | None, cache: Path | None) -> None:
    """Bring the file to where ``huggingface_hub`` would put it, unless what the server says does not suffice for it."""
    import huggingface_hub

    from tracker.checkpoints import hub

    url = huggingface_hub.hf_hub_url(REPOSITORY, FILE, endpoint=endpoint)
    about = huggingface_hub.get_hf_file_metadata(url, endpoint=endpoint)
    if not about.size or not about.etag or not re.fullmatch(r"[0-9a-zA-Z-]+", about.etag):
        return
    folder = hub.blobs(REPOSITORY, cache)
    folder.mkdir(parents=True, exist_ok=True)
    whole, part = folder / about.etag, folder / f"{about.etag}.part"
    headers = hub.build_hf_headers() | {"Accept-Encoding": "identity"}
    with hub.WeakFileLock(folder / f"{about.etag}.lock"):
        if not whole.exists():
            _resume(huggingface_hub.get_session(), url, headers, part, about.size, say)
            _check(part, about.size, about.etag)
            part.rename(whole)
    for other in folder.glob("*.part"):  # of what the server had before, and nobody will go on with
        with contextlib.suppress(OSError):  # somebody else's; what was fetched is there all the same
            if time.time() - other.stat().st_mtime > FORGOTTEN:
                other.unlink()


def _resume(client: Any, url: str, headers: dict[str, str], part: Path, size: int, say: Say) -> None:
    """Append to ``part`` what it lacks, over as many connections as it takes while each of TRIES brings something."""
    failed = 0
    while (start := part.stat().st_size if part.exists() else 0) < size:
        if start:
            say(f"going on with {FILE} at {_share(start, size)}")
        try:
            _read(client, url, headers, part, start, size, say)
        except (httpx.TransportError, httpx.HTTPStatusError) as error:
            if isinstance(error, httpx.HTTPStatusError) and error.response.status_code not in PASSING:
                raise
            failed = 0 if part.exists() and part.stat().st_size > start else failed + 1
            if failed == TRIES:
                raise
            if failed:
                time.sleep(min(PAUSE * 2 ** (failed - 1), LONGEST_PAUSE))


def _read(client: Any, url: str, headers: dict[str, str], part: Path, start: int, size: int, say: Say) -> None:
    asked = headers | ({"Range": f"bytes={start}-"} if start else {})
    with client.stream("GET", url, headers=asked, follow_redirects=True, timeout=SILENCE) as answer:
        answer.raise_for_status()
        start = start if answer.status_code == 206 else 0  # a server that knows no ranges begins again
        told = start * 100 // size // STEP
        with part.open("r+b" if start else "wb") as file:
            file.seek(start)
            file.truncate()
            for chunk in answer.iter_raw():
                file.write(chunk)
                now = file.tell() * 100 // size // STEP
                if now > told:
                    say(f"{FILE}: {_share(file.tell(), size)}")
                told = now
    if part.stat().st_size < size:
        raise httpx.RemoteProtocolError(f"the server ended after {part.stat().st_size} of {size} bytes")


def _share(done: int, size: int) -> str:
    return f"{done / 1e9:.1f} of {size / 1e9:.1f} GB ({done * 100 // size} %)"


def _check(part: Path, size: int, etag: str) -> None:
    """Compare a finished file with what the server said of it: its length, and its SHA-256 where the tag is one."""
    right = part.stat().st_size == size
    if right and re.fullmatch(r"[0-9a-f]{64}", etag):
        with part.open("rb") as file:
            right = hashlib.file_digest(file, "sha256").hexdigest() == etag
    if not right:
        part.unlink()
        raise WeightsError(f"{REPOSITORY}/{FILE} arrived damaged and was deleted: start again to fetch it again")

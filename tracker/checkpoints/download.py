"""
Weights files from the Hugging Face hub into its cache, with progress, and resumed after a break.

``huggingface_hub`` finds the file, knows the token and keeps the cache, but throws away what it has of a file when it
is interrupted (since 1.x each try has a temporary file of its own). Gigabytes are worth keeping: the file is fetched
here, under its name in the cache, and ``huggingface_hub`` then finds it there.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tracker.checkpoints import records
from tracker.model.configs import RemoteFile
from tracker.types import WeightsError

TRIES = 5  # breaks in a row without a byte between them
PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds before another try; doubled each time
SILENCE = 30.0  # seconds without a byte after which a connection is given up
PASSING = frozenset({408, 429, 500, 502, 503, 504})  # answers that another try may not get
FORGOTTEN = 86400.0  # seconds after which what was begun of another version is deleted
STEP = 5  # percent between two lines about progress
_SHA256 = re.compile(r"[0-9a-f]{64}")

SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")  # of weights files
Say = Callable[[str], None]
Watch = Callable[[int, int], None]


def kept(file: RemoteFile, *, cache: Path | None = None) -> Path | None:
    """Where a file lies in the Hugging Face cache (``cache``: elsewhere), or None; nothing is asked of the network."""
    import huggingface_hub

    found = huggingface_hub.try_to_load_from_cache(file.repository, file.name, cache, file.revision)
    return Path(found) if isinstance(found, str) else None


def download(
    file: RemoteFile,
    progress: Say | None = None,
    *,
    watch: Watch | None = None,
    endpoint: str | None = None,
    cache: Path | None = None,
) -> Path:
    """
    Fetch a file, or find it in the Hugging Face cache (``cache``: elsewhere). Returns its path.

    ``progress`` is told every twentieth of it in words; ``watch`` with each piece how many bytes are here, and of how
    many: what it raises ends the download, and the next one goes on from there. What is there stays as it is, whatever
    the hub has by now. Raises :class:`WeightsError` for what cannot be had or kept, and for one with another SHA-256
    than is known of it.
    """
    import huggingface_hub
    from huggingface_hub import errors

    say, seen = progress or (lambda words: None), watch or (lambda done, size: None)
    size = "" if file.size is None else f"{gigabytes(file.size)}, "
    say(f"looking for {file} ({size}kept in the Hugging Face cache)")
    found = kept(file, cache=cache)
    if found is not None:
        check_kept(file, found)
        return found
    try:
        commit = _fetch(file, say, seen, endpoint, cache)
        ask = huggingface_hub.hf_hub_download
        path = ask(file.repository, file.name, revision=file.revision, endpoint=endpoint, cache_dir=cache)
        found = Path(path)
        records.write(file, found, commit, cache)
    except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, httpx.HTTPError, OSError) as error:
        raise WeightsError(_why_not(file, error)) from error
    check_kept(file, found)
    return found


def weights_files(repository: str, *, endpoint: str | None = None) -> list[str]:
    """The weights files of a repository, by their paths in there. Raises :class:`WeightsError`."""
    import huggingface_hub

    try:
        names = huggingface_hub.HfApi(endpoint=endpoint).list_repo_files(repository)
    except (httpx.HTTPError, OSError, ValueError, TypeError, LookupError) as error:  # a server may answer anything
        raise WeightsError(
            f"What {repository} holds cannot be asked ({type(error).__name__}). "
            f"Name the file too, as {repository}/model.safetensors, or one that is on this machine."
        ) from error
    return [name for name in names if name.endswith(SUFFIXES)]


def check_kept(file: RemoteFile, path: Path) -> None:
    """Compare a file that is there with what is known of it. Raises :class:`WeightsError`."""
    if file.sha256 is None:
        return
    found = records.sha256(path)
    if found != file.sha256:
        raise WeightsError(
            f"{path} is not {file} as it is known here: its SHA-256 is {found}, not {file.sha256}. "
            "Delete it and fetch it again."
        )


def gigabytes(size: int) -> str:
    """A size in bytes as people read it."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def _why_not(file: RemoteFile, error: Exception) -> str:
    """In words why a file cannot be had, and what would be right."""
    from huggingface_hub import errors

    if isinstance(error, OSError) and error.errno is not None:  # a full disk, a folder that may not be written to
        return f"{file} cannot be kept: {error}. HF_HOME names another place."
    own = "Or name a file that you already have: --model FILE, or --checkpoint FILE."
    unreached = isinstance(error, httpx.TransportError | errors.LocalEntryNotFoundError | errors.OfflineModeIsEnabled)
    if (file.gated and not unreached) or isinstance(error, errors.GatedRepoError):
        refused = isinstance(error, errors.GatedRepoError)
        words = f"Access to {file.repository} was refused." if refused else f"{file} cannot be had ({_kind(error)})."
        return (
            f"{words} Its weights are given out on request: log in at https://huggingface.co/{file.repository}, accept "
            f"the licence, wait for the approval, then run `hf auth login` here or set HF_TOKEN. {own}"
        )
    if isinstance(
        error, errors.RepositoryNotFoundError | errors.RevisionNotFoundError | errors.RemoteEntryNotFoundError
    ):
        return f"{file} cannot be had: there is no such file, or it is private (then: `hf auth login`, or HF_TOKEN)."
    return f"{file} cannot be had ({_kind(error)}). What has come so far is kept; try again with a network. {own}"


def _kind(error: Exception) -> str:
    """An error's name, and that of what it was made of: LocalEntryNotFoundError says nothing by itself."""
    cause = error.__cause__
    names = dict.fromkeys(type(each).__name__ for each in (error, cause) if each is not None)
    return ": ".join(names)


def _fetch(file: RemoteFile, say: Say, watch: Watch, endpoint: str | None, cache: Path | None) -> str | None:
    """
    Bring the file to where ``huggingface_hub`` would put it, unless what the server says does not suffice for it.

    Returns the commit that it is of, as far as the server says.
    """
    import huggingface_hub

    from tracker.checkpoints import hub

    url = huggingface_hub.hf_hub_url(file.repository, file.name, revision=file.revision, endpoint=endpoint)
    about = huggingface_hub.get_hf_file_metadata(url, endpoint=endpoint)
    _check_promised(file, about.size, about.etag)
    if not about.size or not about.etag or not re.fullmatch(r"[0-9a-zA-Z-]+", about.etag):
        return about.commit_hash
    folder = hub.blobs(file.repository, cache)
    folder.mkdir(parents=True, exist_ok=True)
    whole, part = folder / about.etag, folder / f"{about.etag}.part"
    headers = hub.build_hf_headers() | {"Accept-Encoding": "identity"}
    with hub.WeakFileLock(folder / f"{about.etag}.lock"):
        if not whole.exists():
            _check_room(part, about.size)
            _resume(_Asked(huggingface_hub.get_session(), url, headers, part, about.size, file.short, watch), say)
            _check(file, part, about.size, about.etag)
            part.rename(whole)
    for other in folder.glob("*.part"):  # of what the server had before, and nobody will go on with
        with contextlib.suppress(OSError):  # somebody else's; what was fetched is there all the same
            if time.time() - other.stat().st_mtime > FORGOTTEN:
                other.unlink()
    return about.commit_hash


def _check_promised(file: RemoteFile, size: int | None, etag: str | None) -> None:
    """Refuse what the server says is another file than the one that is known here, before it is fetched."""
    promised_hash = etag if etag is not None and _SHA256.fullmatch(etag) else None
    other = [
        f"{what} {promised}, not {known}"
        for what, promised, known in (("size", size, file.size), ("SHA-256", promised_hash, file.sha256))
        if promised is not None and known is not None and promised != known
    ]
    if other:
        raise WeightsError(
            f"{file} is not the file that is known here: the server says {' and '.join(other)}. It was not fetched."
        )


def _check_room(part: Path, size: int) -> None:
    """Raises OSError where the disk has no room for what is missing: hours later it would say the same."""
    missing = size - (part.stat().st_size if part.exists() else 0)
    free = shutil.disk_usage(part.parent).free
    if free < missing:
        words = f"{gigabytes(missing)} are to come, and {part.parent} has room for {gigabytes(free)}"
        raise OSError(errno.ENOSPC, words)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One file that is asked for: where, by whom, and what it will be."""

    client: Any
    url: str
    headers: dict[str, str]
    part: Path
    size: int
    name: str
    watch: Watch


def _resume(asked: _Asked, say: Say) -> None:
    """Append to the part what it lacks, over as many connections as it takes while each of TRIES brings something."""
    failed, part = 0, asked.part
    while (start := part.stat().st_size if part.exists() else 0) < asked.size:
        if start:
            say(f"going on with {asked.name} at {_share(start, asked.size)}")
        try:
            _read(asked, start, say)
        except (httpx.TransportError, httpx.HTTPStatusError) as error:
            if isinstance(error, httpx.HTTPStatusError) and error.response.status_code not in PASSING:
                raise
            failed = 0 if part.exists() and part.stat().st_size > start else failed + 1
            if failed == TRIES:
                raise
            if failed:
                time.sleep(min(PAUSE * 2 ** (failed - 1), LONGEST_PAUSE))


def _read(asked: _Asked, start: int, say: Say) -> None:
    headers, part, size = asked.headers | ({"Range": f"bytes={start}-"} if start else {}), asked.part, asked.size
    with asked.client.stream("GET", asked.url, headers=headers, follow_redirects=True, timeout=SILENCE) as answer:
        answer.raise_for_status()
        start = start if answer.status_code == 206 else 0  # a server that knows no ranges begins again
        told = start * 100 // size // STEP
        with part.open("r+b" if start else "wb") as file:
            file.seek(start)
            file.truncate()
            for chunk in answer.iter_raw():
                file.write(chunk)
                asked.watch(file.tell(), size)
                now = file.tell() * 100 // size // STEP
                if now > told:
                    say(f"{asked.name}: {_share(file.tell(), size)}")
                told = now
    if part.stat().st_size < size:
        raise httpx.RemoteProtocolError(f"the server ended after {part.stat().st_size} of {size} bytes")


def _share(done: int, size: int) -> str:
    of = f"{done / 1e9:.1f} of {size / 1e9:.1f} GB" if size >= 1e9 else f"{done / 1e6:.0f} of {size / 1e6:.0f} MB"
    return f"{of} ({done * 100 // size} %)"


def _check(file: RemoteFile, part: Path, size: int, etag: str) -> None:
    """Compare a finished file with what is known of it, or the server said: its length, and its SHA-256."""
    right = part.stat().st_size == size
    wanted = file.sha256 or (etag if _SHA256.fullmatch(etag) else None)
    if right and wanted is not None:
        with part.open("rb") as opened:
            right = hashlib.file_digest(opened, "sha256").hexdigest() == wanted
    if not right:
        part.unlink()
        raise WeightsError(f"{file} arrived damaged and was deleted: start again to fetch it again")

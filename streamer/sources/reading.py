"""What FFmpeg reads of files and of HTTP, and all that is named in there: opened for it here, if it may be."""

from __future__ import annotations

import errno
import io
import logging
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from streamer.access import Access, NotAllowed
from streamer.sources import playlists
from streamer.sources.thread import Stopped
from streamer.sources.web import Web, WebError, WebFile

# What FFmpeg may read before it comes back with a packet or with a stream that is open.
MOST_NAMED = 256  # playlists and segments: two of each variant of picture, sound and words; each takes 300 kB
MOST_VARIANTS = (
    64  # of picture, sound and words in playlists; each of a playlist that names itself is asked for them anew
)
MOST_PLAYLIST = 8 * 2**20  # bytes of one: a day in segments of two seconds has four
MOST_BYTES = 256 * 2**20  # the largest picture uncompressed has 100 MB, the index of a day's recording less

log = logging.getLogger(__name__)


PLAYLIST = b"#EXTM3U"  # what one begins with, or FFmpeg takes it for none
VARIANTS = (b"#EXT-X-STREAM-INF", b"#EXT-X-MEDIA:")


class Readable(Protocol):
    """A file as FFmpeg reads it."""

    def read(self, size: int) -> bytes:
        """Some bytes, none at the end."""
        ...

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go on from another byte."""
        ...

    def tell(self) -> int:
        """Where it is read."""
        ...

    def seekable(self) -> bool:
        """Whether it can be sought in."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class TooMuch(WebError):
    """More than FFmpeg may read at a time."""


class Reading:
    """
    FFmpeg's eyes: what it wants to open goes through :meth:`open`, and what is wrong with it lies in :attr:`failure`.

    An error that is raised while FFmpeg reads would be printed where a second one follows: it is kept until FFmpeg has
    come back, which ends what it reads meanwhile. ``check`` is called before each read, and may raise. ``length``: the
    bytes of the first thing, None where that is not known.
    """

    def __init__(
        self,
        first: Readable,
        other: Callable[[str, dict[str, str]], Readable],
        check: Callable[[], None],
        length: int | None = None,
    ) -> None:
        self.length = length
        self.failure: Exception | None = None
        self.check = check
        self._first = first
        self._begun = False
        self._named = self._bytes = self._variants = 0  # since FFmpeg came back last
        self._missing: Exception | None = None
        self._other = other

    def open(self, url: str, flags: int, options: dict[str, str]) -> Readable:
        """The first thing, then what that names. Called by FFmpeg."""
        if not self._begun:
            self._begun = True
            return _Watched(self._first, self, whole=True)
        self._named += 1
        try:
            if self._named > MOST_NAMED:
                raise TooMuch(f"It names more than {MOST_NAMED} playlists and segments at a time.")
            if self.failure is None:
                return _Watched(self._decrypted(url, options), self, whole=False)
        except (NotAllowed, Stopped, TooMuch) as error:
            self.failure = self.failure or error
        except (OSError, ValueError) as error:  # a segment that is gone: the next one may be there
            log.info("A part of a stream could not be opened: %s", type(error).__name__)
            self._missing = error
        return _Nothing()

    def _decrypted(self, url: str, options: dict[str, str]) -> Readable:
        """What FFmpeg names; ``crypto+`` in front of it asks for it decrypted."""
        if not url.startswith(("crypto+", "crypto:")):
            return self._other(url, options)
        from streamer.sources.decrypt import Decrypted  # few streams need it

        key, iv = (bytes.fromhex(options.get(name, "")) for name in ("key", "iv"))
        return Decrypted(self._other(url[len("crypto+") :], options), key, iv)

    def raise_failure(self) -> None:
        """FFmpeg has come back: raise what went wrong since the last time, if anything did."""
        self._named = self._bytes = self._variants = 0
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure

    def count(self, data: bytes) -> bytes:
        """Count what is read, and hand it on. Raises TooMuch."""
        self._bytes += len(data)
        if self._bytes > MOST_BYTES:
            raise TooMuch(f"It sends more than {MOST_BYTES // 2**20} MiB without a picture.")
        return data

    def count_variants(self, number: int) -> None:
        """Count what playlists offer. Raises TooMuch."""
        self._variants += number
        if self._variants > MOST_VARIANTS:
            raise TooMuch(f"Its playlists offer more than {MOST_VARIANTS} variants.")

    def raise_missing(self) -> None:
        """Raise what was named and could not be opened: for when nothing else did."""
        if self._missing is not None:
            said = str(self._missing) if isinstance(self._missing, WebError) else ""
            raise WebError(f"Something that its playlist names could not be opened. {said}".rstrip())

    def close(self) -> None:
        """Let go of the first thing: FFmpeg lets go of the others."""
        self._first.close()


class _Watched:
    """A file that ends where reading it fails."""

    def __init__(self, file: Readable, reading: Reading, *, whole: bool) -> None:
        self._file, self._reading, self._whole = file, reading, whole
        self.tell, self.seekable, self.close = file.tell, file.seekable, file.close
        self._begins = b""  # its first bytes, as many as a playlist is known by
        self._end = b""  # of the text that was looked at last
        self._length = 0

    def read(self, size: int) -> bytes:
        reading = self._reading
        if reading.failure is not None:
            return b""
        try:
            reading.check()
            data = reading.count(self._file.read(size) or b"")  # None: nothing yet, as files of the kernel's say
            self._look(data)
            return data
        except Exception as error:
            if self._whole or isinstance(error, NotAllowed | Stopped | TimeoutError | TooMuch):
                reading.failure = error
            return b""

    def _look(self, data: bytes) -> None:
        """Count what a playlist offers, over the joints of what is read. Raises TooMuch."""
        begun = self._begins
        if len(begun) < len(PLAYLIST):
            self._begins = (begun + data)[: len(PLAYLIST)]
        if not PLAYLIST.startswith(self._begins):
            return
        text = self._end + data
        self._length += len(data)
        if self._length > MOST_PLAYLIST:
            raise TooMuch(f"A playlist of it has more than {MOST_PLAYLIST // 2**20} MiB.")
        for word in VARIANTS:
            known = self._end.count(word)
            self._reading.count_variants(text.count(word) - known)
        self._end = text[-max(map(len, VARIANTS)) + 1 :]

    def seek(self, offset: int, whence: int = 0) -> int:
        try:
            return self._file.seek(offset, whence)
        except Exception as error:
            self._reading.failure = self._reading.failure or error
            return -errno.EIO


class _Nothing:
    """What could not be opened: it has no bytes."""

    def read(self, size: int) -> bytes:
        return b""

    def seek(self, offset: int, whence: int = 0) -> int:
        return 0

    def tell(self) -> int:
        return 0

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        return


def file_reading(path: Path, access: Access, check: Callable[[], None]) -> Reading:
    """A file, and the files that it names. Raises NotAllowed, OSError."""

    def other(url: str, options: dict[str, Any]) -> Readable:
        scheme, colon, rest = url.partition(":")
        if colon and scheme != "file":
            raise NotAllowed("The file names something that is no file, which is not opened.")
        return open_file(Path(rest if colon else url), access)

    return Reading(_first_file(open_file(path, access)), other, check)


def _first_file(file: io.BufferedReader) -> Readable:
    """A file, or in place of a master playlist one that offers one variant."""
    if not playlists.is_playlist(file.peek(playlists.FIRST)):
        return file
    text = file.read(playlists.LARGEST)
    file.seek(0)
    return _in_place_of(file, text, playlists.with_one(text))


def _at_web(file: WebFile) -> Readable:
    """What is at an address, or in place of a playlist one with one variant and, behind redirects, whole addresses."""
    if not playlists.is_playlist(file.peek(playlists.FIRST)):
        return file
    text = file.peek(playlists.LARGEST if file.place is None else playlists.LONGEST)
    one = playlists.with_one(text)
    return _in_place_of(file, text, one if file.place is None else playlists.whole(one, file.place))


def _in_place_of(file: Readable, text: bytes, other: bytes) -> Readable:
    if other == text:
        return file
    file.close()
    return io.BytesIO(other)


def web_reading(url: str, web: Web, check: Callable[[], None]) -> tuple[Reading, str]:
    """What is at an address, and the addresses that it names; and its content type. Raises WebError, NotAllowed."""

    def other(named: str, options: dict[str, Any]) -> Readable:
        if not named.startswith(("http://", "https://")):
            raise NotAllowed("The playlist names something that is not at a web server, which is not opened.")
        first, end = int(options.get("offset", 0)), int(options.get("end_offset", 0))
        return _at_web(web.open(named, first, end or None))

    first = web.open(url)
    return Reading(_at_web(first), other, check, first.length), first.kind


def open_file(path: Path, access: Access) -> io.BufferedReader:
    """
    Open a file for reading, as the rule allows. Raises NotAllowed, OSError.

    Where a link is put in its place between the look and the opening, what was opened is judged once more.
    """
    real = access.check_path(path)
    opened = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            raise OSError(errno.EINVAL, "it is not a file")
        link = Path(f"/proc/self/fd/{opened}")
        if link.exists():
            access.check_path(link)
        return os.fdopen(opened, "rb")
    except BaseException:
        os.close(opened)
        raise


class Deadline:
    """Calls another check, and raises TimeoutError past ``at`` (seconds of the monotonic clock; None: no limit)."""

    def __init__(self, check: Callable[[], None]) -> None:
        self.at: float | None = None
        self._check = check

    def within(self, seconds: float) -> None:
        """From now on."""
        self.at = time.monotonic() + seconds

    def __call__(self) -> None:
        """Look."""
        self._check()
        if self.at is not None and time.monotonic() > self.at:
            raise TimeoutError

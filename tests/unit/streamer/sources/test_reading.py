"""streamer.sources.reading: what FFmpeg reads is opened for it, or not, and what went wrong is kept."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from streamer.access import ANY, Access, NotAllowed
from streamer.sources import reading as reading_module
from streamer.sources.reading import (
    Deadline,
    Readable,
    Reading,
    TooMuch,
    file_reading,
    open_file,
    web_reading,
)
from streamer.sources.thread import Stopped
from streamer.sources.web import Limits, Web
from tests.support.web import says, web


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "list.m3u8").write_bytes(b"list")
    (tmp_path / "films" / "one %20.ts").write_bytes(b"one")
    (tmp_path / "secret.ts").write_bytes(b"secret")
    (tmp_path / "films" / "out.ts").symlink_to(tmp_path / "secret.ts")
    return tmp_path


def test_a_file_and_what_it_names_beside_it_are_read(root: Path) -> None:
    films = root / "films"
    reading = file_reading(films / "list.m3u8", Access(roots=(films,)), lambda: None)
    assert reading.open("anything", 1, {}).read(10) == b"list"
    for named in (f"{films}/one %20.ts", f"file:{films}/one %20.ts"):
        file = reading.open(named, 1, {})
        assert file.read(10) == b"one"
        file.close()
    assert reading.open(f"{films}/none.ts", 1, {}).read(10) == b""
    reading.raise_failure()  # a segment that is gone is none
    reading.close()


@pytest.mark.parametrize("named", ["{0}/secret.ts", "{0}/films/../secret.ts", "{0}/films/out.ts", "http://127.0.0.1/a"])
def test_what_a_file_names_elsewhere_is_not_read(root: Path, named: str) -> None:
    films = root / "films"
    reading = file_reading(films / "list.m3u8", Access(roots=(films,)), lambda: None)
    reading.open("list", 1, {})
    file = reading.open(named.format(root), 1, {})
    assert (file.read(10), file.seek(3), file.tell(), file.seekable()) == (b"", 0, 0, False)
    with pytest.raises(NotAllowed):
        reading.raise_failure()
    reading.raise_failure()  # once
    reading.close()


def test_what_an_address_names_is_read_in_part_if_it_is_at_a_web_server() -> None:
    with web({"/list": says(b"list", Content_Type="video/mp4"), "/one": says(b"0123456789")}) as site:
        client = Web(ANY, Limits(5.0, 5.0))
        reading, kind = web_reading(f"http://{site.place}/list", client, lambda: None)
        assert kind == "video/mp4"
        assert reading.open("list", 1, {}).read(10) == b"list"
        part = reading.open(f"http://{site.place}/one", 1, {"offset": "2", "end_offset": "5"})
        assert part.read(10) == b"234"
        reading.open("file:///etc/hostname", 1, {})
        with pytest.raises(NotAllowed):
            reading.raise_failure()
        reading.close()
        client.close()


def test_an_error_ends_what_is_read_and_is_raised_when_ffmpeg_is_back(root: Path) -> None:
    stop: list[Exception] = []

    def check() -> None:
        if stop:
            raise stop[0]

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError("broken")

        def seek(self, offset: int, whence: int = 0) -> int:
            raise OSError("cannot")

    def other(url: str, options: dict[str, str]) -> Readable:
        return Broken()

    reading = Reading(open_file(root / "secret.ts", ANY), other, check)
    first, second = reading.open("a", 1, {}), reading.open("b", 1, {})
    assert second.read(1) == b""
    reading.raise_failure()  # a segment that breaks off is left out
    assert second.seek(1) < 0
    assert first.read(6) == b""
    with pytest.raises(OSError, match="cannot"):
        reading.raise_failure()
    stop.append(Stopped())
    assert first.read(6) == b""
    with pytest.raises(Stopped):
        reading.raise_failure()
    reading.close()


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_is_not_opened(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    with pytest.raises(OSError, match="not a file"):
        open_file(path, ANY)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="elsewhere nothing says what was opened")
def test_a_link_that_is_put_in_place_after_the_look_is_not_followed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    films, real = root / "films", os.open
    monkeypatch.setattr("os.open", lambda path, flags: real(root / "secret.ts", flags))
    with pytest.raises(NotAllowed):
        open_file(films / "one %20.ts", Access(roots=(films,)))


def test_a_deadline_passes() -> None:
    checked: list[int] = []
    deadline = Deadline(lambda: checked.append(1))
    deadline()
    deadline.within(60)
    deadline()
    deadline.within(-1)
    with pytest.raises(TimeoutError):
        deadline()
    assert checked == [1, 1, 1]


class Pieces(io.BytesIO):
    """Gives what it was made with, over and over."""

    def __init__(self, piece: bytes | None) -> None:
        super().__init__()
        self.piece = piece

    def read(self, size: int | None = -1) -> bytes:
        return self.piece  # type: ignore[return-value]  # of a file of the kernel's, which says None


def test_so_many_things_may_be_named_before_ffmpeg_comes_back() -> None:
    reading = Reading(Pieces(b"first"), lambda url, options: Pieces(b"other"), lambda: None)
    reading.open("first", 1, {})
    for _ in range(2):
        for _ in range(reading_module.MOST_NAMED):
            assert reading.open("other", 1, {}).read(9) == b"other"
        reading.raise_failure()
    for _ in range(reading_module.MOST_NAMED + 9):
        last = reading.open("other", 1, {})
    assert last.read(9) == b""
    with pytest.raises(TooMuch, match="more than 256 playlists and segments at a time"):
        reading.raise_failure()


@pytest.mark.parametrize("which", ["first", "other"])
def test_so_many_bytes_may_be_read_before_ffmpeg_comes_back(monkeypatch: pytest.MonkeyPatch, which: str) -> None:
    monkeypatch.setattr(reading_module, "MOST_BYTES", 2**20)
    reading = Reading(Pieces(b"a" * 2**18), lambda url, options: Pieces(b"a" * 2**18), lambda: None)
    file = reading.open("first", 1, {})
    file = file if which == "first" else reading.open("other", 1, {})
    for _ in range(2):
        assert [len(file.read(2**18)) for _ in range(4)] == [2**18] * 4
        reading.raise_failure()
    assert [len(file.read(2**18)) for _ in range(6)] == [2**18] * 4 + [0, 0]
    with pytest.raises(TooMuch, match="more than 1 MiB without a picture"):
        reading.raise_failure()


def test_a_file_that_has_nothing_yet_is_at_its_end() -> None:
    reading = Reading(Pieces(None), lambda url, options: Pieces(None), lambda: None)
    assert reading.open("first", 1, {}).read(9) == b""
    reading.raise_failure()


@pytest.mark.parametrize("size", [1, 7, 100, 100_000])
@pytest.mark.parametrize("line", [b"#EXT-X-STREAM-INF:BANDWIDTH=1\na\n", b"#EXT-X-MEDIA:TYPE=AUDIO,URI=a\n"])
def test_playlists_may_offer_so_many_variants_all_together(size: int, line: bytes) -> None:
    """One that names itself is read for each of them, and would offer them all again."""
    half = b"#EXTM3U\n" + line * (reading_module.MOST_VARIANTS // 2)

    def whole(reading: Reading) -> bytes:
        file = reading.open("list", 1, {})
        return b"".join(iter(lambda: file.read(size), b""))

    reading = Reading(io.BytesIO(half), lambda url, options: io.BytesIO(half), lambda: None)
    assert [whole(reading), whole(reading)] == [half, half]
    assert len(whole(reading)) < len(half)
    with pytest.raises(TooMuch, match="more than 64 variants"):
        reading.raise_failure()


def test_a_film_that_holds_the_words_of_a_playlist_is_none() -> None:
    film = b"\x47" + b"#EXT-X-STREAM-INF:" * 1000
    reading = Reading(io.BytesIO(film), lambda url, options: io.BytesIO(film), lambda: None)
    assert reading.open("film", 1, {}).read(10**6) == film
    reading.raise_failure()


def test_a_playlist_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_module, "MOST_PLAYLIST", 10_000)
    endless = b"#EXTM3U\n" + b"#EXTINF:1,\na\n" * 1000
    reading = Reading(io.BytesIO(endless), lambda url, options: io.BytesIO(endless), lambda: None)
    file = reading.open("list", 1, {})
    assert len(b"".join(iter(lambda: file.read(1000), b""))) == 10_000
    with pytest.raises(TooMuch, match="A playlist of it has more than"):
        reading.raise_failure()

"""streamer.sources.file: a path on the server's disk, and how fast it is played."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamer.errors import BadSource
from streamer.sources.schemes import read_address


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    path.touch()
    return path


def test_a_path_is_a_recording(tmp_path: Path) -> None:
    path = tmp_path / "a film?.mp4"
    path.touch()
    for text in (str(path), path.as_uri()):
        address = read_address(text)
        assert address.url == f"file:{path}"
        assert address.shown == str(path)
        assert address.live is False


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "film.mp4"
    path.touch()
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(BadSource, match="may not be read"):
        read_address(str(path))


def test_the_pace_may_stand_behind_a_path_or_an_address(film: Path) -> None:
    for text in (f"{film}?pace=realtime", f"{film.as_uri()}?pace=realtime", f"{film}?pace=REALTIME"):
        address = read_address(text)
        assert (address.url, address.paced, address.live) == (f"file:{film}", True, False)
    assert not read_address(f"{film}?pace=every").paced


def test_a_file_that_is_called_so_is_that_file(tmp_path: Path) -> None:
    odd = tmp_path / "film.mp4?pace=realtime"
    odd.touch()
    address = read_address(str(odd))
    assert (address.url, address.paced) == (f"file:{odd}", False)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("pace=slow", "pace is 'slow'; it must be every or realtime"),
        ("speed=2", "A file has no option 'speed'"),
    ],
)
def test_a_wrong_option_is_refused(film: Path, query: str, words: str) -> None:
    for text in (f"{film}?{query}", f"{film.as_uri()}?{query}"):
        with pytest.raises(BadSource, match=words):
            read_address(text)


def test_a_path_that_is_not_there_is_told_as_it_was_written() -> None:
    with pytest.raises(BadSource, match=r"no file /no/such\?film.mp4"):
        read_address("/no/such?film.mp4")
    with pytest.raises(BadSource, match=r"no file /no/such.mp4\."):
        read_address("/no/such.mp4?pace=realtime")

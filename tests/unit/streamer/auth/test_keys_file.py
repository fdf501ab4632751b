"""The file of keys: written, read, and read again."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from streamer.auth import Scope, keys_file
from streamer.auth.keys_file import KeysFile
from streamer.errors import BadRequest, Conflict, NotFound


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "below" / "keys.json"


def test_the_file_holds_digests_and_only_its_owner_reads_it(path: Path) -> None:
    keys = [keys_file.add(path, name, Scope.VIEW) for name in ("hall", "kitchen")]
    assert len(set(keys)) == 2 and all(len(key) > 40 for key in keys)
    text = path.read_text()
    assert not any(key in text for key in keys)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert list(path.parent.iterdir()) == [path]
    found = keys_file.read(path)
    assert [(each.name, each.scope, each.digest) for each in found] == [
        (name, Scope.VIEW, keys_file.digest_of(key)) for name, key in zip(("hall", "kitchen"), keys, strict=True)
    ]


def test_a_name_is_given_once_and_taken_out_by_it(path: Path) -> None:
    keys_file.add(path, "hall", Scope.VIEW)
    with pytest.raises(Conflict, match="a key hall already"):
        keys_file.add(path, "hall", Scope.MANAGE)
    with pytest.raises(NotFound, match="no key cellar"):
        keys_file.remove(path, "cellar")
    assert keys_file.remove(path, "hall") == 0
    assert keys_file.read(path) == []
    with pytest.raises(NotFound, match="no file of keys"):
        keys_file.remove(path.with_name("other"), "hall")


@pytest.mark.parametrize("name", ["", " hall", "two\nlines", "x" * 65, "\x1b[31m"])
def test_a_name_that_no_list_can_show_is_refused(path: Path, name: str) -> None:
    with pytest.raises(BadRequest, match="1 to 64 printable"):
        keys_file.add(path, name, Scope.VIEW)


ENTRY = {"name": "hall", "scope": "view", "sha256": "0" * 64, "added": "today"}
BAD = [
    b"",
    b"\xff",
    b"[]",
    b"{}",
    b"[" * 100_000,
    b'{"keys": 3}',
    b'{"keys": [3]}',
    *(
        json.dumps({"keys": [{**ENTRY, **wrong}]}).encode()
        for wrong in ({"scope": "all"}, {"sha256": "00"}, {"name": 1})
    ),
]


@pytest.mark.parametrize("data", BAD)
def test_what_is_no_list_of_keys_is_refused_and_left_as_it_is(path: Path, data: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(data)
    with pytest.raises(BadRequest, match="does not hold a list of keys"):
        keys_file.add(path, "hall", Scope.VIEW)
    assert path.read_bytes() == data
    assert KeysFile(path).by_digest() == {}


def test_a_file_without_end_is_not_read_to_its_end(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b" " * (keys_file.MAX_BYTES + 1))
    with pytest.raises(BadRequest, match="longer than"):
        keys_file.read(path)
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(BadRequest, match="is not a file"):
        keys_file.read(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(BadRequest, match="is not a file"):
        keys_file.read(path)


def test_a_file_that_cannot_be_written_is_named() -> None:
    with pytest.raises(BadRequest, match=r"/dev/null"):
        keys_file.add(Path("/dev/null/keys.json"), "hall", Scope.VIEW)


def test_it_is_read_again_when_it_has_changed_and_only_then(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads, read = list[Path](), keys_file.read

    def counted(path: Path) -> list[keys_file.Entry]:
        reads.append(path)
        return read(path)

    monkeypatch.setattr(keys_file, "read", counted)
    first = keys_file.add(path, "hall", Scope.VIEW)
    file = KeysFile(path)
    assert set(file.by_digest()) == {keys_file.digest_of(first)}
    reads.clear()
    file.by_digest()
    assert not reads
    keys_file.remove(path, "hall")
    second = keys_file.add(path, "hall", Scope.MANAGE)
    assert {digest: entry.scope for digest, entry in file.by_digest().items()} == {
        keys_file.digest_of(second): Scope.MANAGE
    }


def test_a_file_that_goes_missing_or_breaks_opens_nothing_and_says_so_once(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keys_file.add(path, "hall", Scope.VIEW)
    file = KeysFile(path)
    assert file.by_digest()
    path.unlink()
    for _ in range(3):
        assert not file.by_digest()
    path.write_text("{")
    for _ in range(3):
        assert not file.by_digest()
    assert [record.getMessage().count("None of its keys opens anything") for record in caplog.records] == [1, 1]

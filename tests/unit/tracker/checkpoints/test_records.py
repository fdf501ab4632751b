"""What is noted of a file that was fetched."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.hub import COMMIT, CONTENT, serving_files
from tracker.checkpoints import records
from tracker.checkpoints.download import download
from tracker.model.configs import RemoteFile

FILE = RemoteFile("some/model", "small.pt")


def test_the_hubs_own_hash_is_noted_at_the_first_download(tmp_path: Path) -> None:
    assert records.read(FILE, tmp_path) is None
    with serving_files() as hub:
        download(FILE, endpoint=hub.url, cache=tmp_path)
        download(replace(FILE, name="other.pt"), endpoint=hub.url, cache=tmp_path)
    noted = records.Record(COMMIT, len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    assert records.read(FILE, tmp_path) == records.read(replace(FILE, name="other.pt"), tmp_path) == noted
    assert records.read(replace(FILE, revision="b" * 40), tmp_path) is None


@pytest.mark.parametrize("damage", ["", "[]", '{"main/small.pt": {"size": 5}}', '{"main/small.pt": 7}'])
def test_a_note_that_cannot_be_read_is_none(damage: str, tmp_path: Path) -> None:
    folder = tmp_path / "models--some--model"
    folder.mkdir()
    (folder / records.NAME).write_text(damage)
    assert records.read(FILE, tmp_path) is None


def test_a_name_of_the_cache_that_is_a_hash_is_believed_and_another_is_not(tmp_path: Path) -> None:
    (tmp_path / ("1" * 64)).write_bytes(b"whole")
    (tmp_path / "small.pt").write_bytes(b"whole")
    assert records.sha256(tmp_path / ("1" * 64)) == "1" * 64
    assert records.sha256(tmp_path / "small.pt") == hashlib.sha256(b"whole").hexdigest()

"""What people may write after --model, and what they are told about what is no model."""

from __future__ import annotations

import re
from pathlib import Path

import huggingface_hub
import pytest

from tests.support.hub import CONTENT, serving_files
from tracker import TrackerError, WeightsError
from tracker.checkpoints.finding import NANO_WEIGHTS, find, on_the_hub
from tracker.model.configs import ENTRIES, NANO, Entry, RemoteFile

PUBLISHED = [entry for entry in ENTRIES if entry.file is not None]


def test_a_name_of_the_registry_is_that_model() -> None:
    assert find("nano") == (NANO, NANO_WEIGHTS)
    assert find("nano", Path("other.pt")) == (NANO, Path("other.pt"))


def test_a_file_or_folder_that_is_there_says_itself_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "some.pt").write_bytes(b"")
    assert find("own/some.pt") == (None, Path("own/some.pt"))
    assert find("own") == (None, Path("own"))
    assert find("~/own/some.pt") == (None, tmp_path / "own" / "some.pt")


@pytest.mark.parametrize("entry", PUBLISHED, ids=lambda entry: entry.name)
def test_what_the_registry_knows_of_a_file_of_the_hub_holds_however_it_is_named(entry: Entry) -> None:
    assert on_the_hub(entry.name) is entry.file
    assert on_the_hub(str(entry.file)) is entry.file


def test_the_one_file_of_a_repository_need_not_be_named() -> None:
    assert on_the_hub("facebook/sam3") == RemoteFile("facebook/sam3", "sam3.pt", gated=True)
    with serving_files() as hub:
        hub.files = {"some.safetensors": b"x", "config.json": b"x"}
        assert on_the_hub("some/model", endpoint=hub.url) == RemoteFile("some/model", "some.safetensors")
        hub.files |= {f"deeper/{number}.pt": b"x" for number in range(6)}
        with pytest.raises(WeightsError, match=r"7 weights files; say which: some/model/some\.safetensors, .* 2 more"):
            on_the_hub("some/model", endpoint=hub.url)
        hub.files = {}
        with pytest.raises(WeightsError, match="some/model holds no weights file"):
            on_the_hub("some/model", endpoint=hub.url)
    with pytest.raises(WeightsError, match=r"Simon7108528/EfficientSAM3 holds .* weights files; say which"):
        on_the_hub("Simon7108528/EfficientSAM3")


def test_another_file_of_the_hub_is_fetched_and_says_itself_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving_files() as hub:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
        monkeypatch.setattr(
            huggingface_hub.constants,
            "HUGGINGFACE_CO_URL_TEMPLATE",
            f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}",
        )
        config, path = find("some/model/deeper/own.pt")
    assert config is None
    assert path.is_relative_to(tmp_path)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    "name", ["huge", "own/sam3.pt", "../x.pt", "a/b/../c.pt", "a--b/c", "x" * 5000, "a\0b", "~nobody/x"]
)
def test_what_is_no_model_is_refused_with_what_would_be_one(name: str) -> None:
    words = f"there is no model {name!r}: choose one of nano, "
    with pytest.raises(TrackerError, match=re.escape(words) + ".*or name a weights file .*owner/repository/file"):
        find(name)


def test_what_ships_is_not_fetched() -> None:
    with pytest.raises(TrackerError, match="nano ships with this project"):
        on_the_hub("nano")


@pytest.mark.slow  # the client tries again for a while
def test_a_repository_that_cannot_be_asked_is_told_as_that() -> None:
    with pytest.raises(WeightsError, match=r"What some/model holds cannot be asked \(.*\)\. Name the file too"):
        on_the_hub("some/model", endpoint="http://127.0.0.1:9")

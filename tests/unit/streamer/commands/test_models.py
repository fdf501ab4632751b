"""The models there are: listed, fetched and measured."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
import torch

from streamer import cli, figures
from tests.support.hub import serving_files
from tracker import ENTRIES


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture(autouse=True)
def _threads_as_they_were() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("arguments", [["models"], ["models", "list"]])
def test_every_model_has_a_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["model", *(entry.name for entry in ENTRIES)]
    assert re.search(
        r"nano +ships +about \d+\.\d+ s at 384 px on cpu, estimated +clicks, exemplars, memory, words", lines[1]
    )
    assert "no, on request" in lines[-1]


def test_what_was_measured_is_shown_as_that(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", "bench", "nano"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"nano at 384 px on \S+: look \d+\.\d+ s, detection of one word \d+\.\d+ s", said)
    cli.main(["models"])
    assert re.search(r"nano +ships +\d+ MB +\d+\.\d\d s at 384 px, measured", capsys.readouterr().out)


def test_what_was_not_measured_is_estimated_from_the_largest_look_that_was(capsys: pytest.CaptureFixture[str]) -> None:
    nano, small, *_, full = ENTRIES
    figures.keep(nano.name, 384, {"look": 9.0, "device": "cuda:1"})
    cli.main(["models"])
    assert "on cuda:1" not in capsys.readouterr().out  # too small to tell of others
    figures.keep(small.name, 1008, {"look": 0.5, "device": "cuda:0"})
    cli.main(["models"])
    lines = capsys.readouterr().out.splitlines()
    assert "0.50 s at 1008 px, measured" in lines[2]
    about = re.search(r"about (\d+) s at 1008 px on cuda:0, estimated", lines[-1])
    assert about is not None and float(about[1]) == pytest.approx(0.5 * full.gflop / small.gflop, rel=0.3)


def test_a_model_is_fetched_into_the_cache_and_shown_as_unpinned(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving_files() as hub:
        template = f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        assert cli.main(["models", "get", "sam3"]) == 0
    told = capsys.readouterr()
    assert told.out.strip().endswith("sam3.pt")
    assert "(100 %)" in told.err and "(unpinned)" in told.err
    cli.main(["models"])
    assert re.search(r"sam3 +yes, unpinned", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["get", "nano"], "nano ships with this project"),
        (["get", "huge"], "no model 'huge': choose one of nano,"),
        (["bench", "huge"], "no model 'huge': choose one of nano,"),
        (["bench", "nano", "--resolution", "5"], "nano has no resolution of 5 pixels"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["models", *arguments]) == cli.WRONG
    assert words in capsys.readouterr().err.splitlines()[-1]

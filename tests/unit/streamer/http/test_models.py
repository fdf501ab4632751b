"""GET /models."""

from __future__ import annotations

import copy
from pathlib import Path

import huggingface_hub
import pytest

from streamer import figures
from tests.support.asgi import Asked, asking
from tests.support.models import words_only
from tracker import ENTRIES


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


async def test_it_tells_what_is_running_and_what_else_there_is(here: Asked) -> None:
    told = (await here.http.get("/models")).json()
    nano = ENTRIES[0]
    assert told["running"] == {
        "name": "nano",
        "title": nano.title,
        "knows": nano.knows,
        "heads": ["clicks", "exemplars", "memory", "words"],
        "text_context": 8,
        "threshold": 0.5,
        "resolution": 224,
        "licence": "SAM License",
    }
    assert [other["name"] for other in told["others"]] == [entry.name for entry in ENTRIES[1:]]
    assert told["others"][0] == {
        "name": "efficientsam3-ev",
        "title": "EfficientSAM3 EV (EfficientViT-B1)",
        "downloaded": False,
        "size": 468_394_477,
        "licence": "SAM License",
        "look": None,
    }


async def test_a_model_that_is_not_listed_tells_its_own_threshold_and_heads() -> None:
    model = copy.copy(words_only())
    model.name = "words-only"
    async with asking(model) as here:
        told = (await here.http.get("/models")).json()
    running = told["running"]
    assert (running["name"], running["threshold"], running["heads"]) == ("words-only", 0.2, ["words"])
    assert running["knows"] is running["licence"] is None
    assert (told["others"][0]["name"], told["others"][0]["downloaded"]) == ("nano", True)


async def test_while_none_is_loaded_none_is_running(here: Asked) -> None:
    here.app.state.engine.model = None
    told = (await here.http.get("/models")).json()
    assert told["running"] is None and len(told["others"]) == len(ENTRIES)


async def test_what_is_downloaded_and_was_measured_is_told(here: Asked, tmp_path: Path) -> None:
    file = ENTRIES[1].file
    assert file is not None
    place = tmp_path / "hub" / f"models--{file.repository.replace('/', '--')}" / "snapshots" / file.revision / file.name
    place.parent.mkdir(parents=True)
    place.touch()
    figures.keep(ENTRIES[1].name, 504, {"look": 0.44, "detection": 1.5, "device": "cpu"})
    other = (await here.http.get("/models")).json()["others"][0]
    assert other["downloaded"] is True
    assert other["look"] == {"seconds": 0.44, "resolution": 504, "device": "cpu"}

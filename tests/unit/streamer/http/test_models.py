"""GET /models."""

from __future__ import annotations

import asyncio
import copy
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from streamer import figures
from streamer.auth import Scope, keys_file
from tests.support import second_model
from tests.support.asgi import Asked, asking
from tests.support.hub import CONTENT
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
        "any_word": False,
        "heads": ["clicks", "exemplars", "memory", "words"],
        "text_context": 8,
        "threshold": 0.5,
        "resolution": 384,
        "resolutions": [384, 320, 256, 192],
        "licence": "SAM License",
    }
    assert told["change"] is None and told["may_manage"] is True
    assert [other["name"] for other in told["others"]] == [entry.name for entry in ENTRIES[1:]]
    first = told["others"][0]
    expected = first.pop("expected")
    assert first == {
        "name": "efficientsam3-ev",
        "title": "EfficientSAM3 EV (EfficientViT-B1)",
        "knows": ENTRIES[1].knows,
        "any_word": True,
        "heads": ["clicks", "exemplars", "memory", "words"],
        "downloaded": False,
        "on_request": False,
        "size": 468_394_477,
        "memory": None,
        "licence": "SAM License",
        "resolutions": [1008, 840, 672, 504, 336],
        "look": None,
        "download": None,
    }
    assert [each["resolution"] for each in expected] == [1008, 840, 672, 504, 336]
    assert all(each["seconds"] > 0 and each["device"] == "cpu" and not each["measured"] for each in expected)
    assert [other["name"] for other in told["others"] if other["on_request"]] == ["sam3"]


async def test_a_model_that_is_not_listed_tells_its_own_threshold_and_heads() -> None:
    model = copy.copy(words_only())
    model.name = "words-only"
    async with asking(model) as here:
        told = (await here.http.get("/models")).json()
    running = told["running"]
    assert (running["name"], running["threshold"], running["heads"]) == ("words-only", 0.1, ["words"])
    assert running["knows"] is running["licence"] is None
    assert (told["others"][0]["name"], told["others"][0]["downloaded"]) == ("nano", True)


async def test_while_none_is_loaded_none_is_running(here: Asked) -> None:
    here.app.state.engines.all[0].model = None
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
    assert {"seconds": 0.44, "resolution": 504, "device": "cpu", "measured": True} in other["expected"]
    assert other["memory"] > 0


async def test_what_was_measured_elsewhere_than_on_the_device_that_serves_is_not_expected(here: Asked) -> None:
    entry = ENTRIES[1]
    figures.keep(entry.name, entry.config.image_size, {"look": 0.01, "device": "cuda:0"})
    others = (await here.http.get("/models")).json()["others"]
    assert [other["expected"] for other in others] == [[]] * len(others)
    assert others[0]["look"]["device"] == "cuda:0"


async def test_a_download_is_told_as_it_goes_and_its_reason_only_to_who_may_manage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "keys.json"
    keys = {scope: keys_file.add(path, scope.word, scope) for scope in Scope}
    with second_model.offered(monkeypatch, tmp_path, CONTENT) as (hub, _):
        hub.files[second_model.FILE.name] = CONTENT[::-1]
        async with asking(keys=path) as here:
            fetch, use = f"/models/{second_model.NAME}/download", f"/models/{second_model.NAME}/use"
            as_ = {scope: {"Authorization": f"Bearer {key}"} for scope, key in keys.items()}
            for scope in (Scope.VIEW, Scope.PROMPT):
                assert {(await here.http.post(each, headers=as_[scope])).status_code for each in (fetch, use)} == {403}
            assert (await here.http.post(fetch)).status_code == 401
            begun = await here.http.post(fetch, headers=as_[Scope.MANAGE])
            assert begun.status_code == 202 and begun.json()["others"][0]["download"]["state"] in ("running", "failed")
            await asyncio.gather(*here.app.state.models._tasks)
            told = {scope: (await here.http.get("/models", headers=as_[scope])).json() for scope in Scope}
    shown = {scope: each["others"][0]["download"] for scope, each in told.items()}
    assert [told[scope]["may_manage"] for scope in Scope] == [False, False, True]
    assert {each["state"] for each in shown.values()} == {"failed"}
    assert "is not the file that is known here" in shown[Scope.MANAGE]["why"]
    assert shown[Scope.VIEW]["why"] == "It failed; who may manage is told why."


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/models/huge/download", None, 404),
        ("/models/huge/use", None, 404),
        ("/models/nano/download", None, 409),
        ("/models/nano/use", {}, 409),
        ("/models/sam3/use", {"resolution": 504}, 409),
        ("/models/sam3/use", {"resolution": 5}, 400),
        ("/models/sam3/use", {"resolution": "large"}, 422),
    ],
)
async def test_what_cannot_be_done_is_refused(here: Asked, path: str, body: Any, status: int) -> None:
    assert (await here.http.post(path, json=body)).status_code == status
    assert here.app.state.models.change is None

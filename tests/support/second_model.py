"""A second model to fetch and go over to: nano's own weights under another name, in the layout of sam3.pt, on a hub."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import pytest
import torch

import tracker.checkpoints.download
from streamer.models import managing
from tests.support.hub import Hub, serving_files
from tracker import ENTRIES, Entry, Sam3, kept
from tracker.checkpoints import finding, weights
from tracker.model.configs import NANO, RemoteFile

NAME = "second"
FILE = RemoteFile("some/second", "second.pt")


def content(model: Sam3) -> bytes:
    """A weights file of a model that was not folded, as upstream writes one."""
    buffer = io.BytesIO()
    torch.save({"model": dict(weights.upstream_keys(model.network))}, buffer)
    return buffer.getvalue()


def entry(data: bytes, *, threshold: float = 0.5) -> Entry:
    """What the list of models says of that file."""
    config = replace(NANO, name=NAME, threshold=threshold)
    file = replace(FILE, size=len(data), sha256=hashlib.sha256(data).hexdigest())
    return Entry(config, "Second", "What nano knows.", "SAM License", 20.0, file)


@contextmanager
def offered(monkeypatch: pytest.MonkeyPatch, cache: Path, data: bytes, **more: float) -> Iterator[tuple[Hub, Entry]]:
    """A hub that has it, and a list of models with nano, it, and the others behind."""
    second = entry(data, **more)
    with serving_files() as hub:
        hub.files = {FILE.name: data}
        hub.most = len(data)
        template = f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache / "hub"))
        monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
        monkeypatch.setattr(tracker.checkpoints.download, "PAUSE", 0.01)
        monkeypatch.setitem(finding._NAMES, NAME, second)
        monkeypatch.setattr(managing, "ENTRIES", (ENTRIES[0], second, *ENTRIES[1:]))
        yield hub, second


def kept_at() -> Path:
    """Where the file is, once it was fetched."""
    found = kept(FILE)
    assert found is not None
    return found

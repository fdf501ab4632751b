"""Schemathesis against the served OpenAPI document: what it describes is what the server does, and nothing is a 500."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import huggingface_hub
import pytest

from tests.support.documents import ROOT
from tests.support.models import untrained
from tests.support.serving import serving

CONFIG = ROOT / "tests" / "support" / "schemathesis.toml"


@pytest.mark.timeout(300)
def test_the_served_document_is_what_the_server_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)  # it asks for every model to be fetched
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.support.schemathesis_hooks", "PYTHONPATH": str(ROOT)}
    program = str(Path(sys.executable).with_name("schemathesis"))
    with serving(untrained()) as served:
        document = f"http://{served.address}/openapi.json"
        command = [program, "--config-file", str(CONFIG), "run", document]
        run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        operations = sum(len(path) for path in served.http.get("/openapi.json").json()["paths"].values())
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
    assert f"Tested: {operations}" in run.stdout
    generated = re.search(r"(\d+) generated", run.stdout)
    assert generated is not None
    assert int(generated[1]) > 20 * operations

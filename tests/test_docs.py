"""The README and docs/: links lead somewhere, examples run, and whatever can be set or called is described."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents import PAGES, README, ROOT, blocks, prose
from tests.pictures import patches
from tests.serving import Served, serving
from tracker import load_model

MAKEFILE = (ROOT / "Makefile").read_text()
# What each runnable example prints.
PRINTED = {
    "session.click(": r"^frame \d+: circle \d+, \d+ pixels, \d+ ms old$",
    "visual_segment(": r"\[",
    "Counter()": r"^(circle|star) \d+: in \d+ of 61 results$",
}


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


on_every_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


def anchors(page: Path) -> set[str]:
    """What a code host makes of a page's headings: small letters, hyphens for spaces, nothing else but underscores."""
    headings = re.findall(r"^#{1,6} (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@on_every_page
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        path, _, anchor = target.partition("#")
        if "://" in target:
            continue
        found = (page.parent / path) if path else page
        assert found.exists(), target
        assert ROOT in found.resolve().parents, target
        if anchor:
            assert anchor in anchors(found), target


@on_every_page
def test_shell_lines_parse(page: Path) -> None:
    for block in blocks(page, "bash"):
        subprocess.run(["bash", "-n"], input=block, text=True, check=True, timeout=30)


@on_every_page
def test_json_and_python_parse(page: Path) -> None:
    for block in blocks(page, "json"):
        json.loads(block)
    for block in blocks(page, "python"):
        ast.parse(block)


def test_only_make_targets_that_exist_are_named() -> None:
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    for page in PAGES:
        assert set(re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text(), re.MULTILINE)) <= targets


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(load_model("nano")) as served:
        yield served


def examples() -> list[str]:
    return [block for page in PAGES for block in blocks(page, "python")]


@pytest.mark.parametrize("example", examples(), ids=lambda code: next((name for name in PRINTED if name in code), "?"))
def test_every_python_example_runs(example: str, served: Served, tmp_path: Path) -> None:
    patches(640, 480).save(tmp_path / "picture.jpg")
    here = example.replace("http://localhost:8000", f"http://{served.address}")
    command, environment = [sys.executable, "-c", here], {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    (expected,) = [printed for name, printed in PRINTED.items() if name in example]
    assert re.search(expected, run.stdout, re.MULTILINE)
    assert served.http.get("/sessions").json() == {"sessions": []}


def test_the_readme_has_the_client() -> None:
    assert any("from streamer.client import Client" in block for block in blocks(README, "python"))

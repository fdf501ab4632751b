"""A file can be read without scrolling back, a function seen at once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.documents import ROOT

LONGEST_FILE = 350  # lines: more, and two things share a room
LONGEST_FUNCTION = 45  # lines: what a screen shows
FOLDERS = ("streamer", "tracker", "benchmarks", "examples", "tests")
FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Each function of a file, and its lines without decorators."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def test_there_are_files_to_measure() -> None:
    assert len(FILES) > 300


@pytest.mark.parametrize("folder", FOLDERS)
def test_files_and_functions_are_short(folder: str) -> None:
    mine = [path for path in FILES if path.is_relative_to(ROOT / folder)]
    files = {path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines()) for path in mine}
    assert {name: lines for name, lines in files.items() if lines > LONGEST_FILE} == {}
    long = [(path.name, *each) for path in mine for each in functions(path) if each[1] > LONGEST_FUNCTION]
    assert long == []

"""The tests themselves: where they lie, what they import, and that no helper is left without a user."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.documents import ROOT

TESTS = ROOT / "tests"
FOLDERS = {"unit", "integration", "end_to_end", "agreement", "repository", "support", "data"}
FILES = sorted(TESTS.rglob("*.py"))
BENCHMARKS = sorted((ROOT / "benchmarks").rglob("*.py"))
SUPPORT = sorted((TESTS / "support").glob("*.py"))
TESTING = {"tests", "pytest", "hypothesis"}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@functools.cache
def imported(path: Path) -> tuple[str, ...]:
    """The modules that a file imports, inside functions too; relative ones begin with a dot."""
    found: list[str] = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found += (f"{module}.{alias.name}" for alias in node.names)
    return tuple(found)


def top(module: str) -> str:
    return module.partition(".")[0]


def test_every_test_lies_in_a_folder_that_says_its_kind() -> None:
    assert {path.name for path in TESTS.iterdir() if path.is_dir() and path.name != "__pycache__"} == FOLDERS
    assert {path.name for path in TESTS.glob("*.py")} == {"conftest.py"}
    for path in FILES:
        helper = "support" in path.relative_to(TESTS).parts or path.name == "conftest.py"
        assert helper or path.name.startswith("test_"), name(path)


def test_unit_tests_mirror_the_packages() -> None:
    for path in (TESTS / "unit").rglob("test_*.py"):
        mirrored = ROOT / path.relative_to(TESTS / "unit").parent
        assert mirrored.is_dir(), f"{name(path)}: there is no {name(mirrored)}"


def test_no_test_file_imports_another() -> None:
    wrong = {
        f"{name(path)}: {module}"
        for path in FILES
        for module in imported(path)
        if module.startswith(".") or (top(module) == "tests" and not module.startswith("tests.support"))
    }
    assert wrong == set()


def test_benchmarks_import_no_tests() -> None:
    wrong = {f"{name(path)}: {module}" for path in BENCHMARKS for module in imported(path) if top(module) in TESTING}
    assert wrong == set()


def test_no_helper_is_without_a_user() -> None:
    used = {word for path in [*FILES, *BENCHMARKS] for word in words(path)}
    unused = {f"{name(path)}: {helper}" for path in SUPPORT for helper in helpers(path) if helper not in used}
    assert unused == set()


def helpers(path: Path) -> Iterator[str]:
    """What a file of support defines: functions, classes, their methods, names of the module; no dunders, no hooks."""
    for node in tree(path).body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            defined = [node, *node.body] if isinstance(node, ast.ClassDef) else [node]
            kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
            found = {each.name for each in defined if isinstance(each, kinds)}
            yield from sorted(each for each in found if not re.fullmatch(r"__\w+__|pytest_\w+", each))


def words(path: Path) -> Iterator[str]:
    """The names that a file uses: read, called, imported, or asked for as a fixture."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.alias):
            yield node.name.rpartition(".")[2]

"""docs/architecture.md and CONTRIBUTING.md name what is there: folders, files, names, and import-linter's layers."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

from tests.support.documents import DOCS, ROOT, blocks, prose

PAGE = DOCS / "architecture.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
FEWEST = 20  # questions that the table answers


def section(title: str) -> str:
    """The text under a heading, up to the next one."""
    text = prose(PAGE)
    (found,) = re.findall(rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    return str(found)


def rows(title: str) -> list[list[str]]:
    """The cells of the table under a heading, without its head."""
    lines = [line.strip("| ").split(" | ") for line in section(title).splitlines() if line.startswith("|")]
    return lines[2:]


def names(path: Path) -> set[str]:
    """What a module defines: functions, classes with their methods as ``Class.method``, and constants."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        match node:
            case ast.ClassDef():
                methods = [each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
                found |= {node.name, *(f"{node.name}.{method.name}" for method in methods)}
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                found.add(node.name)
            case ast.Assign():
                found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                found.add(name)
    return found


def test_what_the_page_says_is_there_is_there() -> None:
    places = [[cell.strip("`") for cell in row] for row in rows("Where is …")]
    assert [(what, name) for what, file, name in places if name not in names(ROOT / file)] == []


def test_the_questions_of_a_newcomer_are_answered() -> None:
    questions = [row[0] for row in rows("Where is …")]
    assert len(questions) >= FEWEST
    wanted = ("a click answered", "an RTSP password hidden", "a mask turned into run lengths", "a keyframe decided")
    assert set(wanted) <= set(questions)


@pytest.mark.parametrize("package", ["streamer", "tracker"])
def test_the_layers_are_those_that_import_linter_holds(package: str) -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [each["layers"] for each in contracts if each["type"] == "layers" and each["containers"] == [package]]
    held = [set(re.split(r" [|:] ", layer)) for layer in layers]
    assert [set(re.findall(r"`(\w+)`", row[0])) for row in rows(f"Layers of {package}")] == held


def test_every_folder_and_file_of_the_tree_is_there() -> None:
    (tree,) = blocks(PAGE, "text")
    inside, found = ROOT, 0
    for line in tree.splitlines():
        indent, words = len(line) - len(line.lstrip()), re.split(r"\s{2,}", line.strip())
        inside = ROOT if indent == 0 else inside
        for name in " ".join(words[:-1]).replace("…", "").split() or words[0].split():
            assert (inside / name).exists(), f"{inside.name}/{name}"
            found += 1
        if indent == 0:
            inside = ROOT / words[0]
    assert found > 25


def test_every_room_is_in_the_tree() -> None:
    (tree,) = blocks(PAGE, "text")
    for package in ("streamer", "tracker", "tests"):
        folders = [path for path in (ROOT / package).iterdir() if path.is_dir() and not path.name.startswith("__")]
        # A room that is gone leaves its compiled files behind in a checkout that had it.
        rooms = [path.name for path in folders if any(each.name != "__pycache__" for each in path.iterdir())]
        assert [room for room in rooms if f"{room}/" not in tree] == []


def test_every_file_that_a_first_change_touches_is_there() -> None:
    """Paths in code marks, but for those with a capitalised place in them (``NAME.py``) that stand for new ones."""
    paths = re.findall(r"`([\w./-]+/[\w.-]*\w\.\w+|[\w-]+/)`", prose(CONTRIBUTING))
    there = [path for path in paths if not re.search(r"[A-Z]{3}", path)]
    assert len(there) > 10
    assert [path for path in there if not (ROOT / path).exists()] == []

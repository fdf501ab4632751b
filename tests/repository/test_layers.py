"""What may not stand on the live path, and that each module has its tests. Who may import whom: test_contracts.py."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.documents import ROOT

TRACKER = sorted((ROOT / "tracker").rglob("*.py"))
STREAMER = sorted((ROOT / "streamer").rglob("*.py"))

# Modules without a test file of their own, and why there is nothing to test.
WITHOUT_TESTS = {
    "streamer/choices.py": "names and a number; unit/streamer/test_cli.py offers them",
    "streamer/auth/__init__.py": "names the public face",
    "streamer/client/__init__.py": "names the public face; integration/test_client.py reads it",
    "streamer/sources/__init__.py": "unit/streamer/sources/test_sources.py",
    "streamer/__init__.py": "sets two environment variables",
    "streamer/__main__.py": "one call of cli.main",
    "streamer/commands/__init__.py": "says what the package is",
    "streamer/hosted/__init__.py": "says what the package is",
    "streamer/http/__init__.py": "says what the package is",
    "streamer/limits.py": "numbers",
    "streamer/live/__init__.py": "says what the package is",
    "streamer/sources/base.py": "a protocol and the names of states",
    "streamer/video/__init__.py": "says what the package is",
    "streamer/webrtc/__init__.py": "says what the package is",
    "streamer/wire/__init__.py": "says what the package is",
    "tracker/presenting/__init__.py": "says what the package is",
    "tracker/__init__.py": "names the public face; test_layers.py reads it",
    "tracker/checkpoints/__init__.py": "says what the package is",
    "tracker/model/__init__.py": "says what the package is",
    "tracker/model/configs/__init__.py": "the registry; unit/tracker/model/configs/test_configs.py goes through it",
    "tracker/model/configs/config.py": "numbers; unit/tracker/model/configs/test_configs.py goes through it",
    "tracker/model/configs/entry.py": "names; unit/tracker/model/configs/test_configs.py goes through it",
    "tracker/model/configs/litetext.py": "three entries; unit/tracker/model/configs/test_configs.py goes through them",
    "tracker/model/configs/nano.py": "one entry; unit/tracker/model/configs/test_configs.py goes through it",
    "tracker/model/configs/sam3.py": "one entry; unit/tracker/model/configs/test_configs.py goes through it",
    "tracker/stream/__init__.py": "says what the package is",
    "tracker/training/__init__.py": "says what the package is",
    "tracker/worlds/__init__.py": "says what the package is",
}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports(path: Path, root: Path = ROOT) -> Iterator[tuple[str, tuple[str, ...]]]:
    """All imports of a file, inside functions too: (absolute module, imported names; none for a plain import)."""
    package = path.relative_to(root).parent.parts
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            yield ".".join((*base, *filter(None, [node.module]))), tuple(alias.name for alias in node.names)


def public_names(path: Path) -> set[str]:
    """What ``__all__`` of a module lists."""
    for node in tree(path).body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]:
            return set(ast.literal_eval(node.value))
    raise AssertionError(f"{name(path)} has no __all__")


def each(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=name)


@each(STREAMER)
def test_streamer_takes_of_tracker_what_its_front_door_offers(path: Path) -> None:
    front_door = public_names(ROOT / "tracker" / "__init__.py")
    for module, names in imports(path):
        if module == "tracker":
            assert names, "imports tracker as a whole; only `from tracker import …` is allowed"
            assert set(names) - {"model"} <= front_door, f"{set(names) - front_door} is not in tracker's __all__"


@each(sorted((ROOT / "benchmarks").rglob("*.py")))
def test_benchmarks_import_no_tests(path: Path) -> None:
    """They are no package that import-linter could look into."""
    assert not {module for module, _ in imports(path) if module.split(".")[0] in {"tests", "pytest", "hypothesis"}}


@each(STREAMER)
def test_no_queue_stands_on_the_live_path(path: Path) -> None:
    """Latest is the only hand-over; what else holds items says beside it how many at most."""
    lines = path.read_text(encoding="utf-8").splitlines()
    for module, names in imports(path):
        assert module not in {"queue", "multiprocessing"}, f"imports {module}"
        assert not (module == "asyncio" and {each_name for each_name in names if each_name.endswith("Queue")})
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        assert not called.endswith("Queue"), f"line {node.lineno}: {called}"
        if called in {"deque", "collections.deque"}:
            bounded = len(node.args) > 1 or any(keyword.arg == "maxlen" for keyword in node.keywords)
            assert bounded or "# bound:" in lines[node.lineno - 1], f"line {node.lineno}: a deque that names no bound"


@each([path for path in STREAMER if path.name != "aio.py"])
def test_no_task_is_without_an_owner(path: Path) -> None:
    """
    Tasks are made by a TaskGroup, which ends them and hears how they ended.

    Except in the asyncio client: a session outlives the call that opens it, and its close() awaits its one task.
    """
    lonely = {"asyncio.create_task", "asyncio.ensure_future", "loop.create_task", "self.loop.create_task"}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in lonely, f"line {node.lineno}: {ast.unparse(node.func)}"


@each(STREAMER + TRACKER)
def test_modules_hold_no_state(path: Path) -> None:
    """No ``global``, and no container at module level that is there to be filled."""
    for node in ast.walk(tree(path)):
        assert not isinstance(node, ast.Global), f"line {node.lineno}: global {', '.join(node.names)}"
    for node in tree(path).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            assert ast.unparse(node.value) not in {"[]", "{}", "set()", "dict()", "list()", "deque()"}, (
                f"line {node.lineno}: {ast.unparse(node)}"
            )


@each(STREAMER + TRACKER)
def test_every_module_has_its_tests(path: Path) -> None:
    """tracker/rle.py is tested by tests/unit/tracker/test_rle.py."""
    if name(path) in WITHOUT_TESTS:
        return
    wanted = ROOT / "tests" / "unit" / path.relative_to(ROOT).parent / f"test_{path.stem}.py"
    assert wanted.exists(), f"{wanted} is missing"


def test_the_exceptions_still_exist() -> None:
    gone = {path for path in WITHOUT_TESTS if not (ROOT / path).exists()} - {"streamer/__main__.py"}
    assert gone == set()


def test_the_reader_sees_what_python_sees(tmp_path: Path) -> None:
    """The rules above are only as good as the reading: relative imports and imports inside functions are found."""
    module = tmp_path / "streamer" / "sources" / "some.py"
    module.parent.mkdir(parents=True)
    module.write_text("import av.logging\ndef late():\n    from ..frame import Frame\n    from . import url\n")
    assert list(imports(module, tmp_path)) == [
        ("av.logging", ()),
        ("streamer.frame", ("Frame",)),
        ("streamer.sources", ("url",)),
    ]

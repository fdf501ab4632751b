"""What may not stand on the live path, and that each module has its tests. Who may import whom: test_contracts.py."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

from tests.support.documents import ROOT

TRACKER = sorted((ROOT / "tracker").rglob("*.py"))
STREAMER = sorted((ROOT / "streamer").rglob("*.py"))

# Modules without a test file of their own, and why there is nothing to test.
WITHOUT_TESTS = {
    "streamer/choices.py": "names and a number; unit/streamer/test_cli.py offers them",
    "streamer/auth/__init__.py": "names the public face",
    "streamer/store/__init__.py": "names the public face",
    "streamer/cluster/__init__.py": "says what the package is",
    "streamer/cluster/joining.py": "Ray's part: integration/test_cluster.py starts a real cluster",
    "streamer/cluster/reports.py": "plain values; test_roster.py and test_front.py compare them",
    "streamer/client/__init__.py": "names the public face; integration/test_client.py reads it",
    "streamer/sources/__init__.py": "unit/streamer/sources/test_sources.py",
    "streamer/__init__.py": "sets two environment variables",
    "streamer/__main__.py": "one call of cli.main",
    "streamer/commands/__init__.py": "says what the package is",
    "streamer/hosted/__init__.py": "says what the package is",
    "streamer/http/__init__.py": "says what the package is",
    "streamer/http/error_answers.py": "unit/streamer/test_app.py, and unit/streamer/cluster/test_doors.py",
    "streamer/limits.py": "numbers",
    "streamer/live/__init__.py": "says what the package is",
    "streamer/sources/base.py": "a protocol and the names of states",
    "streamer/models/__init__.py": "says what the package is",
    "streamer/video/__init__.py": "says what the package is",
    "streamer/webrtc/__init__.py": "says what the package is",
    "streamer/wire/__init__.py": "says what the package is",
    "tracker/presenting/__init__.py": "says what the package is",
    "tracker/__init__.py": "names the public face; test_layers.py reads it",
    "tracker/checkpoints/__init__.py": "says what the package is",
    "tracker/model/__init__.py": "says what the package is",
    "tracker/model/configs/__init__.py": "the registry; unit/tracker/model/configs/test_configs.py goes through it",
    "tracker/model/configs/config.py": "numbers; unit/tracker/model/configs/test_configs.py goes through it",
    "tracker/model/configs/efficientsam3.py": "entries; unit/tracker/model/configs/test_configs.py goes through them",
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


@functools.cache
def imports(path: Path, root: Path = ROOT) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """All imports of a file, inside functions too: (absolute module, imported names; none for a plain import)."""
    package = path.relative_to(root).parent.parts
    found: list[tuple[str, tuple[str, ...]]] = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found += ((alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *filter(None, [node.module])))
            found.append((module, tuple(alias.name for alias in node.names)))
    return tuple(found)


@functools.cache
def calls(path: Path) -> tuple[tuple[str, ast.Call], ...]:
    """What a file calls, as it is written there."""
    return tuple((ast.unparse(node.func), node) for node in ast.walk(tree(path)) if isinstance(node, ast.Call))


def public_names(path: Path) -> set[str]:
    """What ``__all__`` of a module lists."""
    for node in tree(path).body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]:
            return set(ast.literal_eval(node.value))
    raise AssertionError(f"{name(path)} has no __all__")


def test_streamer_takes_of_tracker_what_its_front_door_offers() -> None:
    """By name: ``import tracker`` as a whole hides what is used of it."""
    front_door = public_names(ROOT / "tracker" / "__init__.py") | {"model"}
    taken = [(path, names) for path in STREAMER for module, names in imports(path) if module == "tracker"]
    assert len(taken) > 20
    assert {name(path): set(names) - front_door for path, names in taken if not names or set(names) - front_door} == {}


def test_no_queue_stands_on_the_live_path() -> None:
    """Latest is the only hand-over; what else holds items says beside it how many at most."""
    assert {
        f"{name(path)} imports {module}"
        for path in STREAMER
        for module, names in imports(path)
        if module in {"queue", "multiprocessing"}
        or (module == "asyncio" and any(each.endswith("Queue") for each in names))
    } == set()
    assert {
        f"{name(path)}:{node.lineno}: {called}"
        for path in STREAMER
        for called, node in calls(path)
        if called.endswith("Queue") or (called in {"deque", "collections.deque"} and not bounded(path, node))
    } == set()


def bounded(path: Path, node: ast.Call) -> bool:
    """Whether a deque has a length, or says beside it what its bound is."""
    if len(node.args) > 1 or any(keyword.arg == "maxlen" for keyword in node.keywords):
        return True
    return "# bound:" in path.read_text(encoding="utf-8").splitlines()[node.lineno - 1]


def test_no_task_is_without_an_owner() -> None:
    """
    Tasks are made by a TaskGroup, which ends them and hears how they ended.

    Except in the asyncio client: a session outlives the call that opens it, and its close() awaits its one task.
    """
    lonely = {"asyncio.create_task", "asyncio.ensure_future", "loop.create_task", "self.loop.create_task"}
    assert {
        f"{name(path)}:{node.lineno}: {called}"
        for path in STREAMER
        if path.name != "aio.py"
        for called, node in calls(path)
        if called in lonely
    } == set()


def test_modules_hold_no_state() -> None:
    """No ``global``, and no container at module level that is there to be filled."""
    empty = {"[]", "{}", "set()", "dict()", "list()", "deque()"}
    for path in STREAMER + TRACKER:
        module = tree(path)
        assert not [node.lineno for node in ast.walk(module) if isinstance(node, ast.Global)], name(path)
        for node in module.body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                assert ast.unparse(node.value) not in empty, f"{name(path)}:{node.lineno}: {ast.unparse(node)}"


def test_every_module_has_its_tests() -> None:
    """tracker/rle.py is tested by tests/unit/tracker/test_rle.py."""
    tests = {
        name(path): ROOT / "tests" / "unit" / path.relative_to(ROOT).with_name(f"test_{path.stem}.py")
        for path in STREAMER + TRACKER
    }
    assert [module for module, path in tests.items() if module not in WITHOUT_TESTS and not path.exists()] == []


def test_the_exceptions_still_exist() -> None:
    gone = {path for path in WITHOUT_TESTS if not (ROOT / path).exists()} - {"streamer/__main__.py"}
    assert gone == set()


def test_the_reader_sees_what_python_sees(tmp_path: Path) -> None:
    """The rules above are only as good as the reading: relative imports and imports inside functions are found."""
    module = tmp_path / "streamer" / "sources" / "some.py"
    module.parent.mkdir(parents=True)
    module.write_text("import av.logging\ndef late():\n    from ..frame import Frame\n    from . import url\n")
    assert imports(module, tmp_path) == (
        ("av.logging", ()),
        ("streamer.frame", ("Frame",)),
        ("streamer.sources", ("url",)),
    )

"""The project's own files agree with each other: pins, targets, documents, sizes."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.support.documents import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MAKEFILE = (ROOT / "Makefile").read_text()
README = (ROOT / "README.md").read_text()

# Bytes. What is larger than a long module is a weights file or does not belong here.
LARGEST_FILE = 400_000
LARGER_FILES = {"bpe_simple_vocab_16e6.txt.gz": 1_500_000, ".safetensors": 24 << 20, ".png": 600_000}


def pins() -> dict[str, Version]:
    text = (ROOT / "constraints.txt").read_text()
    if importlib.util.find_spec("ray") is None:
        text = text.partition("# Of the extra `cluster` alone")[0]
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    pairs = [line.partition("==") for line in lines if line]
    return {canonicalize_name(name): Version(version) for name, _, version in pairs}


def closure(requirements: list[Requirement]) -> dict[str, Version]:
    """Everything that is installed because of these requirements, with its version without the local part."""
    found: dict[str, Version] = {}
    waiting = [(requirement, "") for requirement in requirements]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        if name == PROJECT["name"]:
            waiting += [(each, each_extra) for each_extra in requirement.extras for each in ours(each_extra)]
            continue
        if name in found:
            continue
        distribution = metadata.distribution(name)
        found[name] = Version(Version(distribution.version).public)
        inner = [Requirement(line) for line in distribution.requires or []]
        waiting += [(each, each_extra) for each in inner for each_extra in ("", *requirement.extras)]
    return found


def ours(extra: str) -> list[Requirement]:
    return [Requirement(line) for line in PROJECT["optional-dependencies"][extra]]


def needed() -> list[Requirement]:
    """What CI installs. The packages of a cluster are not on every developer's machine: there they are left out."""
    cluster = ours("cluster") if importlib.util.find_spec("ray") else []
    return [Requirement(line) for line in PROJECT["dependencies"]] + ours("dev") + cluster


def tracked_files() -> list[Path]:
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git checkout")
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return [ROOT / name for name in names.split("\0") if name and (ROOT / name).exists()]


def test_every_installed_dependency_is_pinned_at_its_version() -> None:
    pinned = pins()
    # torch pins its CUDA parts itself, exactly; they are not there on every machine.
    own = {name for name in closure(needed()) if name.startswith(("nvidia-", "cuda-")) or name == "triton"}
    differing = {
        name: (str(version), str(pinned.get(name)))
        for name, version in closure(needed()).items()
        if name not in own and pinned.get(name) != version
    }
    assert differing == {}, "installed, pinned"


def test_nothing_is_pinned_that_nothing_needs() -> None:
    if sys.platform != "linux":
        pytest.skip("other systems need other packages")
    build = {"hatchling", "pathspec", "pluggy", "packaging", "trove-classifiers"}
    alone = set(re.findall(r"--no-deps ([a-z-]+)", MAKEFILE))  # asks for what must not be installed
    assert set(pins()) - set(closure(needed())) - build - alone == set()


def test_torch_and_torchvision_are_pinned_as_a_pair() -> None:
    assert (str(pins()["torch"]), str(pins()["torchvision"])) == ("2.13.0", "0.28.0")


def test_pins_satisfy_what_the_project_declares() -> None:
    every = [Requirement(line) for lines in PROJECT["optional-dependencies"].values() for line in lines]
    every += [Requirement(line) for line in PROJECT["dependencies"]]
    for requirement in every:
        if requirement.name != PROJECT["name"] and canonicalize_name(requirement.name) in pins():
            assert requirement.specifier.contains(pins()[canonicalize_name(requirement.name)]), str(requirement)


def test_the_entry_point_is_there() -> None:
    module, _, function = PROJECT["scripts"]["streamer"].partition(":")
    source = (ROOT / Path(*module.split("."))).with_suffix(".py").read_text()
    assert function in {node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}


def test_the_changelog_starts_with_this_version() -> None:
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == PROJECT["version"]


def test_files_stay_small() -> None:
    for path in tracked_files():
        bound = next((size for ending, size in LARGER_FILES.items() if path.name.endswith(ending)), LARGEST_FILE)
        assert path.stat().st_size <= bound, f"{path.relative_to(ROOT)} has {path.stat().st_size} bytes"


def test_licences_are_told() -> None:
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    notice = (ROOT / "NOTICE").read_text()
    for words in ("SAM License", "Copyright (c) 2021 OpenAI", "military", "espionage"):
        assert words in notice
    assert "SAM License" in (ROOT / "LICENSES" / "SAM-License.txt").read_text()
    assert "SAM License" in README


def dry_run(target: str, tmp_path: Path) -> str:
    """What make would do for this target in a clean folder."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    command = ["make", "--dry-run", target]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, text=True, env=plain_env()).stdout


def plain_env() -> dict[str, str]:
    """The environment without what a make that runs these tests has put there."""
    return {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MFLAGS", "MAKELEVEL"}}


def test_check_is_format_lint_imports_types_and_tests(tmp_path: Path) -> None:
    commands = dry_run("check", tmp_path)
    for command in ("ruff format --check", "ruff check", "lint-imports", "deptry streamer tracker", "mypy"):
        assert command in commands
    assert "tests.support.twice --cov" in commands and "--cov-append -- tests/" in commands


@pytest.mark.parametrize("target", ["demo", "test"])
def test_the_readmes_two_commands_exist_and_install_with_pins(target: str, tmp_path: Path) -> None:
    assert f"make {target}" in README
    commands = dry_run(target, tmp_path)
    assert "venv .venv" in commands
    assert "PIP_CONSTRAINT=constraints.txt" in commands


def test_an_old_python_is_refused_in_words(tmp_path: Path) -> None:
    old = tmp_path / "python-old"
    old.write_text("#!/bin/sh\n[ \"$1\" = --version ] && echo 'Python 3.9.2' && exit 0\nexit 1\n")
    old.chmod(0o755)
    shutil.copy(ROOT / "Makefile", tmp_path / "Makefile")
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).touch()
    command = ["make", "demo", f"PYTHON={old}"]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=plain_env(), timeout=30)
    assert answer.returncode != 0
    assert "Python 3.11 or newer is needed" in answer.stdout
    assert "Python 3.9.2" in answer.stdout


def test_a_second_run_has_nothing_to_install(tmp_path: Path) -> None:
    """The stamps are newer than what they stand for, so make goes straight to the command."""
    dry_run("test", tmp_path)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name in ("bin/python", ".installed-run", ".installed-dev"):
        (tmp_path / ".venv" / name).touch()
    command = ["make", "--dry-run", "test"]
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, text=True, env=plain_env()).stdout
    assert "pip install" not in again
    assert "tests.support.twice" in again


def test_ci_runs_what_developers_run() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "make check" in script.read_text()
    assert "export CI=true" in script.read_text()
    subprocess.run(["bash", "-n", str(script)], check=True, timeout=30)


def test_the_readme_names_only_make_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", README)) <= targets

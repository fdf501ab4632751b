"""
What can be proven of the Dockerfile where no Docker daemon runs.

Its files exist and reach the daemon; its install steps, done in a clean folder with only the files that it copies, make
a wheel that serves the page with the embedded model; its health check tells a running server from none.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.documents import ROOT

STARTUP = 200  # seconds until the embedded model must be loaded, on a busy machine
pytestmark = pytest.mark.timeout(300)


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions in order: (INSTRUCTION, the rest on one line)."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = [line.strip() for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    return [(word, re.sub(r"\s+", " ", rest)) for word, _, rest in (line.partition(" ") for line in lines)]


def last(instruction: str) -> str:
    return [rest for word, rest in instructions() if word == instruction][-1]


def copied() -> set[str]:
    """What is copied from the build context."""
    copies = [rest.split() for word, rest in instructions() if word == "COPY" and not rest.startswith("--from")]
    return {source for words in copies for source in words[:-1]}


def test_what_is_copied_exists_and_is_not_kept_from_the_daemon() -> None:
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for source in copied():
        assert (ROOT / source).exists(), source
        assert source in let_through, f"{source} is missing in .dockerignore"


def test_every_install_is_pinned() -> None:
    environment = " ".join(rest for word, rest in instructions() if word == "ENV")
    assert "PIP_CONSTRAINT=/src/constraints.txt" in environment
    assert "constraints.txt" in copied()


def test_it_runs_as_nobody_special() -> None:
    user = last("USER")
    assert user not in {"root", "0"}
    assert any(word == "RUN" and "useradd" in rest and rest.endswith(user) for word, rest in instructions())
    words = [word for word, _ in instructions()]
    assert "RUN" not in words[len(words) - words[::-1].index("USER") :], "a step after USER"


def test_it_listens_outside_the_container() -> None:
    assert json.loads(last("CMD")) == ["streamer", "serve", "--host", "0.0.0.0"]
    assert last("EXPOSE") == "8000"
    assert "/healthz" in last("HEALTHCHECK")


@pytest.mark.parametrize(("variant", "status"), [("cpu", 0), ("cuda", 0), ("gpu", 1)])
def test_for_cuda_it_has_a_c_compiler_and_keeps_what_was_compiled(variant: str, status: int, tmp_path: Path) -> None:
    """Run as written, with a package manager that notes what it is asked for."""
    (compiler,) = (rest for word, rest in instructions() if word == "RUN" and "VARIANT" in rest)
    asked = tmp_path / "asked"
    (tmp_path / "apt-get").write_text(f'#!/bin/sh\necho "$@" >> {asked}\n')
    (tmp_path / "apt-get").chmod(0o755)
    compiler = compiler.replace("rm -rf /var/lib/apt/lists/*", "true")
    done = subprocess.run(
        ["/bin/sh", "-c", compiler], env={"PATH": f"{tmp_path}:/bin:/usr/bin", "VARIANT": variant}, check=False
    )
    assert done.returncode == status
    assert asked.exists() == (variant == "cuda")
    assert not asked.exists() or "gcc" in asked.read_text()
    assert ("ARG", "VARIANT=cpu") in instructions()
    kept = [rest for word, rest in instructions() if word == "VOLUME"]
    (compiled,) = (
        value.removeprefix("TORCHINDUCTOR_CACHE_DIR=")
        for word, rest in instructions()
        for value in rest.split()
        if word == "ENV" and value.startswith("TORCHINDUCTOR_CACHE_DIR=")
    )
    assert compiled in kept


def pip(*arguments: str, cwd: Path) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from nothing but what the Dockerfile copies."""
    context = tmp_path_factory.mktemp("context")
    for source in copied():
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, context / source, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, context / source)
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", "out", ".", cwd=context)
    return next((context / "out").glob("sam3_streamer-*.whl"))


def test_the_wheel_holds_page_weights_vocabulary_and_licences(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "streamer/web/index.html" in names
    assert "tracker/assets/bpe_simple_vocab_16e6.txt.gz" in names
    assert any(re.fullmatch(r"tracker/assets/nano\.safetensors", name) for name in names)
    assert any(name.endswith("licenses/NOTICE") for name in names)
    assert {"streamer/py.typed", "tracker/py.typed"} <= set(names)  # type checkers may read our hints
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]


@pytest.fixture(scope="module")
def server(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, Path]]:
    """The container's CMD with its ENV, run from the wheel in an empty folder: (address, the wheel's place, log)."""
    target = tmp_path_factory.mktemp("target")
    pip("install", "--no-deps", "--no-index", "--target", str(target), str(wheel), cwd=target)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = [*json.loads(last("CMD"))[1:-1], "127.0.0.1", "--port", str(port)]
    settings = dict(
        re.findall(r"(STREAMER_\w+)=(\S+)", " ".join(rest for word, rest in instructions() if word == "ENV"))
    )
    environment = {**os.environ, **settings, "PYTHONPATH": str(target), "HOME": str(tmp_path_factory.mktemp("home"))}
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    log = elsewhere / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamer.cli", *arguments],
            cwd=elsewhere,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_until_ready(address, process, log)
        yield address, target, log
    finally:
        process.terminate()
        try:
            process.wait(20)
        finally:
            process.kill()


def wait_until_ready(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + STARTUP
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        try:
            if httpx.get(f"{address}/readyz", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)  # another process: asking is the only way to hear of it
    raise AssertionError(f"not ready after {STARTUP} s: {log.read_text()}")


def test_the_installed_wheel_serves_the_page(server: tuple[str, Path, Path]) -> None:
    address, target, _ = server
    page = httpx.get(f"{address}/", follow_redirects=True)
    assert page.status_code == 200
    assert page.text == (target / "streamer" / "web" / "index.html").read_text()
    for script in re.findall(r'src="\.?/?([\w./-]+\.js)"', page.text):
        assert httpx.get(f"{address}/{script}").status_code == 200, script


def test_where_no_key_is_set_it_prints_one_and_asks_for_it(server: tuple[str, Path, Path]) -> None:
    address, _, log = server
    key = re.search(r"key is (key_\S+)", log.read_text())
    assert key is not None
    assert httpx.get(f"{address}/sessions").status_code == 401
    assert httpx.get(f"{address}/sessions", headers={"Authorization": f"Bearer {key[1]}"}).status_code == 200


def test_the_health_check_tells_a_running_server_from_none(server: tuple[str, Path, Path]) -> None:
    address, _, _ = server
    command = json.loads(last("HEALTHCHECK").partition("CMD ")[2])
    command[0] = sys.executable

    def check(port: int) -> int:
        asked = [part.replace("127.0.0.1:8000", f"127.0.0.1:{port}") for part in command]
        return subprocess.run(asked, capture_output=True, timeout=30, check=False).returncode

    assert check(int(address.rpartition(":")[2])) == 0
    with socket.socket() as silent:  # bound, not listening: nobody answers there
        silent.bind(("127.0.0.1", 0))
        assert check(silent.getsockname()[1]) != 0


def test_the_install_line_of_the_second_step_needs_no_network() -> None:
    """Our own sources come last and without dependencies, so that a change of ours does not install torch again."""
    installs = [rest for word, rest in instructions() if word == "RUN" and "pip install" in rest]
    assert installs[-1].endswith("pip install --no-deps .")

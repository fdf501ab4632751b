"""The README and docs/: links lead somewhere, examples run, and whatever can be set or called is described."""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import av
import pytest

from benchmarks.support import debian
from streamer import cli
from streamer.config import Config
from streamer.wire import messages
from tests.support import needs
from tests.support.documents import DOCS, PAGES, README, ROOT, blocks, prose
from tests.support.pictures import patches
from tests.support.serving import Served, serving
from tracker import load_model
from tracker.model import vocabulary

MAKEFILE = (ROOT / "Makefile").read_text()
# What each runnable example prints.
PRINTED = {
    "thing.mask.area": r"^\d+ circle \d+ .+ \d+$",
    "session.click(": r"^frame \d+: circle \d+, \d+ pixels, \d+ ms old$",
    "visual_segment(": r"\[",
    "Counter()": r"^(circle|star) \d+: in \d+ of 21 results$",
}
THEIRS = {"--device", "--network", "--gpus", "--group-add", "--renderer"}  # of docker, curl, our training
LARGEST_PICTURES = 500_000  # bytes, all of them together
FFMPEGS_OWN = {"i", "f", "c", "re", "an", "hide_banner", "muxers"}  # of the program; the others are its libraries'
# Of gst-plugins-rs, Debian's gstreamer1.0-rtsp and libcamera: not among what the tests install.
NOT_IN_DEBIAN = {"whipclientsink", "rtspclientsink", "libcamerasrc"}


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


def test_every_setting_and_every_flag_is_in_operations() -> None:
    page = (DOCS / "operations.md").read_text()
    for setting in Config.model_fields:
        assert f"`STREAMER_{setting.upper()}`" in page, setting
    for flag in flags():
        assert f"`{flag}`" in page, flag


def test_every_default_in_operations_is_the_one_that_holds() -> None:
    rows = re.findall(
        r"^\| `STREAMER_(\w+)` \| [^|]+ \| ([^|]+) \|", (DOCS / "operations.md").read_text(), re.MULTILINE
    )
    assert len(rows) == len(Config.model_fields)
    for name, default in rows:
        assert default.strip("`") == shown(Config.model_fields[name.lower()].default), name


def shown(value: object) -> str:
    """A default as the table has it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None or value == ():
        return "–"
    if isinstance(value, int) and value >= 2**20:
        return f"{value // 2**20} MiB"
    return f"{value:g}" if isinstance(value, float) else str(value)


@on_every_page
def test_every_setting_and_flag_that_is_named_exists(page: Path) -> None:
    text = page.read_text()
    settings = {f"STREAMER_{setting.upper()}" for setting in Config.model_fields}
    assert set(re.findall(r"STREAMER_[A-Z_]+", text)) <= settings
    inline = re.findall(r"`([^`\n]*)`", prose(page))
    ours = [code for code in inline if code.startswith("--")] + our_commands(page)
    assert {flag for code in ours for flag in re.findall(r"(?<!\S)--[a-z][a-z-]*", code)} <= {*flags(), *THEIRS}


def commands(program: str, page: Path) -> list[str]:
    """What follows that program's name in command lines, in blocks and within sentences, continued lines joined."""
    lines = [line for block in blocks(page, "bash") for line in block.replace("\\\n", " ").splitlines()]
    lines += re.findall(r"`([^`\n]*)`", prose(page))
    found = (re.search(rf"(?:^|[\s/=]){program} (?=\S)(.*)$", line) for line in lines)
    return [match[1] for match in found if match is not None]


def our_commands(page: Path) -> list[str]:
    return [
        line
        for line in commands("streamer", page)
        if line.split()[0] in ("serve", "demo", "run", "keys", "models", "doctor")
    ]


def flags() -> set[str]:
    """Every option of every command."""
    found = {option for parser in parsers(cli.parser()) for each in parser._actions for option in each.option_strings}
    return {option for option in found if option.startswith("--")} - {"--help"}


def parsers(top: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser and those of its commands, theirs too."""
    yield top
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from parsers(each)


def test_every_streamer_command_is_one_that_would_be_obeyed() -> None:
    lines = [line for page in PAGES for line in our_commands(page)]
    assert len(lines) > 5
    for line in lines:
        cli.parser().parse_args(shlex.split(line))


def routes(served: Served) -> set[str]:
    """Every method and path of the description, which knows no WebSockets, and those, from the sources."""
    paths = served.app.openapi()["paths"]
    sockets = [
        path
        for file in ROOT.glob("streamer/**/*.py")
        for path in re.findall(r"\.websocket\(\s*\"(.+?)\"", file.read_text())
    ]
    assert sockets
    return {f"{method.upper()} {path}" for path in paths for method in paths[path]} | {f"WS {path}" for path in sockets}


def test_every_route_is_in_the_api_page_and_every_one_there_is_a_route(served: Served) -> None:
    page = (DOCS / "api.md").read_text()
    for route in routes(served):
        assert f"`{route}" in page, route
    assert set(re.findall(r"^\| `([A-Z]+ /\S*)` \|", page, re.MULTILINE)) <= routes(served)


def test_every_word_of_nano_is_in_the_prompts_page() -> None:
    page = (DOCS / "prompts.md").read_text()
    for word in vocabulary.WORDS:
        assert re.search(rf"\b{word}\b", page), word


def test_every_reason_for_a_look_is_described() -> None:
    sources = [(ROOT / "tracker" / "stream" / name).read_text() for name in ("schedule.py", "looking.py", "tracker.py")]
    reasons = {
        word for source in sources for word in re.findall(r'(?:demand\(|return |_reason[^\n]* = )"(\w+)"', source)
    }
    assert {"start", "scene", "lost", "cheaper"} <= reasons
    page = (DOCS / "how-it-works.md").read_text()
    for reason in reasons:
        assert f"| `{reason}` |" in page, reason


def test_live_messages_in_the_documents_are_understood() -> None:
    found = 0
    for page in PAGES:
        texts = blocks(page, "json") + re.findall(r"^\| `(\{[^`]*\})` \|", page.read_text(), re.MULTILINE)
        for message in map(json.loads, texts):
            if message.get("type") in ("prompts", "click", "box", "remove", "options"):
                messages.parse_live(message)
                found += 1
    assert found > 8


def test_ffmpegs_options_exist() -> None:
    """
    As far as PyAV's FFmpeg knows: formats, encoders, and options by their names in its libraries.

    A linker lays a name that is another's end into that one, so nothing is asked of the byte before it.
    """
    formats = {name for names in av.formats_available for name in names.split(",")}
    libraries = b"".join(path.read_bytes() for path in Path(av.__file__).parents[1].glob("av.libs/libav*"))
    if not libraries:
        needs.absent("needs PyAV from its wheel, which brings FFmpeg's libraries")
    lines = [line for page in PAGES for line in commands("ffmpeg", page)]
    assert len(lines) > 5
    for line in lines:
        words = shlex.split(line)
        for name in (word[1:] for word in words if re.match(r"-[a-z]", word)):
            assert name.partition(":")[0] in FFMPEGS_OWN or name.encode() + b"\0" in libraries, name
        for flag, value in pairwise(words):
            if flag == "-f":
                assert value in formats
            if flag == "-c:v" and value != "copy":
                assert value in av.codecs_available


def test_gstreamers_elements_exist_and_have_these_properties() -> None:
    pipelines = [line.strip() for page in PAGES for line in commands("gst-launch-1.0", page)]
    assert len(pipelines) > 3
    asked = [element for line in pipelines for element in elements(line)]
    needs.gstreamer()
    command = [debian.SYSTEM_PYTHON, "-c", INSPECT]
    run = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=True, timeout=60)
    for name, unknown in json.loads(run.stdout).items():
        assert unknown == [] or (unknown is None and name in NOT_IN_DEBIAN), f"{name}: {unknown}"


def elements(pipeline: str) -> list[tuple[str, list[str]]]:
    """Each element of a pipeline with the properties that are set; what is only a caps filter is left out."""
    parts = [shlex.split(part) for part in pipeline.removeprefix("-e ").split(" ! ")]
    named = [(words[0], [word.partition("=")[0] for word in words[1:] if "::" not in word]) for words in parts]
    return [(name, properties) for name, properties in named if "/" not in name]


INSPECT = """
import json, sys, gi
gi.require_version("Gst", "1.0")
from gi.repository import Gst
Gst.init(None)
found = {}
for name, properties in json.load(sys.stdin):
    element = Gst.ElementFactory.make(name)
    if element is None:
        found[name] = None
    else:
        found[name] = found.get(name, []) + [each for each in properties if element.find_property(each) is None]
print(json.dumps(found))
"""


def test_pictures_are_small() -> None:
    pictures = [path for path in DOCS.iterdir() if path.suffix != ".md"]
    assert pictures
    assert sum(path.stat().st_size for path in pictures) < LARGEST_PICTURES


@pytest.mark.parametrize("picture", sorted(DOCS.glob("*.svg")), ids=lambda path: path.name)
def test_a_drawing_has_a_name_and_both_schemes(picture: Path) -> None:
    text = picture.read_text()
    assert ElementTree.fromstring(text).find("{http://www.w3.org/2000/svg}title") is not None
    assert "prefers-color-scheme: dark" in text
    assert any(f"({picture.name})" in page.read_text() for page in PAGES)

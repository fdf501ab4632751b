"""
``--sources FILE``: a YAML list of the sources that a server starts with, each with its prompts.

A file with passwords must be its owner's alone. What is wrong is said with its line.
"""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from streamer import redaction
from streamer.errors import BadRequest
from streamer.limits import MAX_ADDRESS, MAX_PROMPTS
from streamer.wire import fields
from streamer.wire.fields import PromptIn

MAX_BYTES = 2**20
MAX_ENTRIES = 256  # as many as a store keeps
FIELDS = ("source", "prompts", "id")
EXAMPLE = "Write a list: - source: rtsp://…, and under it prompts: [person, cup]."
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One source of the file. ``place``: the file and the line, for people."""

    place: str
    address: str
    prompts: tuple[PromptIn, ...] = ()
    id: str | None = None

    def __repr__(self) -> str:
        return f"Entry({self.place!r}, {redaction.address(self.address)!r})"


def read(path: Path) -> list[Entry]:
    """The sources of a file. Raises BadRequest that names the line."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # a pipe would be waited for
            raise BadRequest(f"The file of sources {path} is not a file.")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise BadRequest(f"There is no file of sources {path}.") from None
    except OSError as error:
        raise BadRequest(f"The file of sources {path} cannot be read: {error.strerror or error}.") from None
    if len(data) > MAX_BYTES:
        raise BadRequest(f"The file of sources {path} is longer than {MAX_BYTES} bytes.")
    entries = _entries(path, data)
    _check_ids(entries)
    secret = next((each for each in entries if redaction.secrets(each.address)), None)
    if secret is not None and found.st_mode & 0o077:
        words = f"{secret.place}: the address holds a password or key, and others may read this file."
        raise BadRequest(words, detail=f"Close it to them: chmod 600 {path}.")
    return entries


def _entries(path: Path, data: bytes) -> list[Entry]:
    try:
        root = yaml.compose(data, Loader=yaml.SafeLoader)
        if root is None:
            return []
        if not isinstance(root, yaml.SequenceNode):
            raise _wrong(path, root, "this is no list of sources", EXAMPLE)
        if len(root.value) > MAX_ENTRIES:
            words = f"there are {len(root.value)} sources; at most {MAX_ENTRIES} can be listed"
            raise _wrong(path, root.value[MAX_ENTRIES], words)
        return [_entry(path, node) for node in root.value]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path}, line {mark.line + 1}" if mark is not None else str(path)
        # What the library quotes of the file may be a password.
        raise BadRequest(f"{where}: it is not YAML.", detail=f"{EXAMPLE} Put addresses into quotes.") from None
    except (yaml.YAMLError, UnicodeError, RecursionError, ValueError):
        raise BadRequest(f"{path}: it is not YAML.", detail=EXAMPLE) from None


def _entry(path: Path, node: yaml.Node) -> Entry:
    if not isinstance(node, yaml.MappingNode):
        raise _wrong(path, node, "this is no source", EXAMPLE)
    given: dict[str, yaml.Node] = {}
    for key, value in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else ""
        if name not in FIELDS:
            raise _wrong(path, key, f"{name!r:.40} is no field of a source", f"It has {', '.join(FIELDS)}.")
        if name in given:
            raise _wrong(path, key, f"{name} is there twice")
        given[name] = value
    if "source" not in given:
        raise _wrong(path, node, "the source is missing", EXAMPLE)
    address = _text(path, given["source"], "source")
    if len(address) > MAX_ADDRESS:
        raise _wrong(path, given["source"], f"the address is longer than {MAX_ADDRESS} characters")
    id = _text(path, given["id"], "id") if "id" in given else None  # noqa: A001
    if id is not None and not _ID.fullmatch(id):
        raise _wrong(path, given["id"], "an id is 1 to 64 letters, digits, - and _")
    return Entry(_place(path, node), address, _prompts(path, given.get("prompts")), id)


def _text(path: Path, node: yaml.Node, name: str) -> str:
    if not isinstance(node, yaml.ScalarNode) or not node.value.strip():
        raise _wrong(path, node, f"{name} must be a text")
    return str(node.value).strip()


def _prompts(path: Path, node: yaml.Node | None) -> tuple[PromptIn, ...]:
    if node is None:
        return ()
    if not isinstance(node, yaml.SequenceNode):
        raise _wrong(path, node, "prompts must be a list", "Write [person, cup].")
    if len(node.value) > MAX_PROMPTS:
        words = f"there are {len(node.value)} prompts; at most {MAX_PROMPTS} can be asked"
        raise _wrong(path, node.value[MAX_PROMPTS], words)
    return tuple(_prompt(path, each) for each in node.value)


def _prompt(path: Path, node: yaml.Node) -> PromptIn:
    given: Any = node.value if isinstance(node, yaml.ScalarNode) else yaml.SafeLoader("").construct_document(node)
    try:
        prompt = fields.parse(PromptIn, {"text": given} if isinstance(given, str) else given)
    except BadRequest as error:
        raise BadRequest(f"{_place(path, node)}: {error.message}") from None
    if prompt.boxes:
        raise _wrong(path, node, "boxes belong to a frame, and there is none yet")
    return prompt


def _check_ids(entries: list[Entry]) -> None:
    seen: dict[str, str] = {}
    for each in entries:
        if each.id is not None and each.id in seen:
            raise BadRequest(f"{each.place}: the id {each.id} is taken by {seen[each.id]}.")
        if each.id is not None:
            seen[each.id] = each.place


def _place(path: Path, node: yaml.Node) -> str:
    return f"{path}, line {node.start_mark.line + 1}"


def _wrong(path: Path, node: yaml.Node, words: str, detail: str | None = None) -> BadRequest:
    return BadRequest(f"{_place(path, node)}: {words}.", detail=detail)

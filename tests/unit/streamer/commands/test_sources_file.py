"""The file of sources: what it may hold, who may read it, and the line of what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamer.commands.sources_file import MAX_BYTES, MAX_ENTRIES, read
from streamer.errors import BadRequest

SECRET = "hunter2hunter2"
WHOLE = f"""\
# The door and the yard
- source: rtsp://me:{SECRET}@192.0.2.7/stream1
  id: door
  prompts: [person, {{text: cup, output_prob_thresh: 0.3, id: c}}]

- source: "demo:?seed=3"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "sources.yaml"
    path.touch(mode=0o600)
    return path


def test_sources_have_prompts_and_may_have_an_id(path: Path) -> None:
    path.write_text(WHOLE)
    door, yard = read(path)
    assert (door.address, door.id, door.place) == (f"rtsp://me:{SECRET}@192.0.2.7/stream1", "door", f"{path}, line 2")
    assert [(each.text, each.output_prob_thresh, each.id) for each in door.prompts] == [
        ("person", None, None),
        ("cup", 0.3, "c"),
    ]
    assert (yard.address, yard.prompts, yard.id) == ("demo:?seed=3", (), None)
    assert SECRET not in repr(door)
    path.write_text("# nothing\n")
    assert read(path) == []


def test_a_file_with_passwords_is_its_owners_alone(path: Path) -> None:
    path.write_text(WHOLE)
    for mode in (0o640, 0o604):
        path.chmod(mode)
        with pytest.raises(BadRequest, match="line 2: the address holds a password or key") as refused:
            read(path)
        assert "chmod 600" in refused.value.detail
        assert SECRET not in refused.value.message + refused.value.detail
    path.write_text("- source: 'demo:'\n")
    path.chmod(0o644)
    assert len(read(path)) == 1


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("source: 'demo:'", 1, "no list of sources"),
        ("- 'demo:'", 1, "no source"),
        ("- source: 'demo:'\n- prompts: [a]", 2, "the source is missing"),
        ("- source: 'demo:'\n  prompt: a", 2, "'prompt' is no field of a source"),
        ("- source: 'demo:'\n  source: 'demo:'", 2, "source is there twice"),
        ("- source: 'demo:'\n  prompts: person", 2, "prompts must be a list"),
        ("- source: 'demo:'\n  prompts:\n  - a\n  - {output_prob_thresh: 7, text: b}", 4, "output_prob_thresh"),
        ("- source: 'demo:'\n  prompts:\n  - ''", 3, "text"),
        ("- source: 'demo:'\n  prompts:\n  - [a]", 3, "valid dictionary"),
        ("- source: 'demo:'\n  prompts:\n  - {boxes: [{x0: 1, y0: 1, x1: 9, y1: 9}]}", 3, "no.* frame|frame"),
        (f"- source: 'demo:'\n  prompts: [{', '.join('abcdefghijklmnopq')}]", 2, "at most 16"),
        ("- source: 'demo:'\n  id: 'a b'", 2, "an id is"),
        ("- source: 'demo:'\n  id: x\n- source: 'demo:'\n  id: x", 3, "the id x is taken by .*line 1"),
        (f"- source: {'a' * 5000}", 1, "longer than 4096"),
        ("- source: [a]", 1, "source must be a text"),
        (f"- source: 'demo:'\n- source: rtsp://me:{SECRET}@x/: y", 2, "not YAML"),
        ("- source: 'demo:\n\n", 3, "not YAML"),
        ("- source: 'demo:'\n" * (MAX_ENTRIES + 1), MAX_ENTRIES + 1, f"at most {MAX_ENTRIES}"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(path: Path, text: str, line: int, words: str) -> None:
    path.write_text(text)
    with pytest.raises(BadRequest, match=words) as refused:
        read(path)
    assert f"{path}, line {line}" in refused.value.message
    assert SECRET not in refused.value.message + refused.value.detail


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"[" * 100_000, b"- \x00", b"a: &a [*a]"])
def test_what_is_no_yaml_is_refused(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with pytest.raises(BadRequest):
        read(path)


def test_files_that_are_none_too_long_or_missing(path: Path, tmp_path: Path) -> None:
    path.write_text("# " + "x" * MAX_BYTES)
    for wrong, words in ((path, "longer than"), (tmp_path, "is not a file"), (tmp_path / "none", "There is no file")):
        with pytest.raises(BadRequest, match=words):
            read(wrong)

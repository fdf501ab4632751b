"""The README is short and has sources; all pages are in plain English, for readers whose language is another one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.documents import PAGES, README, ROOT, blocks, prose

MOST_WORDS = 900  # of the README, tables and commands included
OTHERS = ("CHANGELOG.md", "NOTICE", "benchmarks/README.md", "benchmarks/tracking.md", "web/index.html")
READ = (*PAGES, *(ROOT / name for name in OTHERS))

# Old, rare or bookish words, each with what to write instead.
BOOKISH = {
    "albeit": "although",
    "amid": "between, during",
    "anew": "again",
    "aught": "anything",
    "beheld": "seen",
    "by then": "at that time",
    "for ever": "forever",
    "forthwith": "at once",
    "hence": "so",
    "henceforth": "from now on",
    "hitherto": "so far",
    "in good order": "in order",
    "lest": "so that … not",
    "lies": "is",
    "nobody": "no one; or name who acts: the server, the model",
    "nought": "nothing",
    "of late": "recently",
    "of ours": "our",
    "of theirs": "their",
    "of yours": "your",
    "save for": "except",
    "somebody": "someone",
    "thence": "from there",
    "thereby": "so",
    "therein": "in it",
    "thereof": "of it",
    "to be had": "available",
    "upon": "on",
    "wherein": "in which",
    "whence": "from where",
    "whilst": "while",
    "whoever": "everyone who",
    "whosoever": "everyone who",
}
# "Who clicks, clicks on …": a sentence whose subject is such a clause. A question is none.
CLAUSE_AS_SUBJECT = re.compile(r"(?:^|(?<=[.:;?!] ))(Who [a-z][^.?!]*[.!])(?=\s|$)")


@pytest.mark.parametrize("page", READ, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_page_uses_bookish_words(page: Path) -> None:
    text = prose(page)
    found = [word for word in BOOKISH if re.search(rf"\b{word}\b", text, re.IGNORECASE)]
    assert {word: BOOKISH[word] for word in found} == {}, "found, write instead"


@pytest.mark.parametrize("page", READ, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_sentences_begin_with_who_acts(page: Path) -> None:
    assert list(odd_sentences(page)) == []


def odd_sentences(page: Path) -> Iterator[str]:
    """Sentences with a clause as their subject; each paragraph is one line here, headings and tables are left out."""
    for paragraph in re.split(r"\n\s*\n", prose(page)):
        line = " ".join(paragraph.split())
        if not line.startswith(("#", "|")):
            yield from CLAUSE_AS_SUBJECT.findall(line)


def test_the_words_are_found_where_they_stand(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Who may know whom\n\nGood. Who clicks, clicks on\nthe past. Who asks? Who sees, sees.\n")
    assert list(odd_sentences(page)) == ["Who clicks, clicks on the past.", "Who sees, sees."]


def test_the_readme_is_short() -> None:
    words = len(README.read_text().split())
    assert words <= MOST_WORDS


def test_the_readme_shows_the_page_and_the_way_of_a_frame() -> None:
    pictures = re.findall(r"!\[[^]]+\]\((\S+)\)", README.read_text())
    assert pictures == ["docs/page.webp", "docs/frame.svg"]


def test_each_figure_of_others_in_the_readme_has_its_source() -> None:
    """The table's marks [1], [2], … and the list of sources under it are the same numbers."""
    table = [line for line in README.read_text().splitlines() if line.startswith("|")]
    marks = {int(number) for line in table for number in re.findall(r"\[(\d)\](?!\()", line)}
    sources = re.findall(r"^\[(\d)\] \[[^]]+\]\(https://\S+\)[;.]$", README.read_text(), re.MULTILINE)
    assert sorted(marks) == [int(number) for number in sources] == list(range(1, len(sources) + 1))


def test_the_readmes_first_commands_lead_to_a_tree_that_make_can_build(tmp_path: Path) -> None:
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git checkout")
    first = blocks(README, "bash")[0].replace("ADDRESS", str(ROOT)).replace("make demo", "make --dry-run demo")
    environment = {
        name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
    }
    command = ["bash", "-euc", first]
    run = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr
    assert "streamer demo" in run.stdout

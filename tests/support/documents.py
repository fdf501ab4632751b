"""The README, its neighbours and the pages of docs/, and what is in them: code blocks, links, headings."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
NEIGHBOURS = ("CONTRIBUTING.md", "SECURITY.md", "examples/README.md")
PAGES = (README, *(ROOT / name for name in NEIGHBOURS), *sorted(DOCS.glob("*.md")))

_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a page in that language."""
    return [code for _, name, code in _BLOCK.findall(page.read_text()) if name == language]


def prose(page: Path) -> str:
    """A page without its code blocks."""
    return _BLOCK.sub("", page.read_text())

"""Pictures of things: what a pack becomes, who may learn from it, and how one is fetched and drawn."""

from __future__ import annotations

import stat
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.sprites import BLUE, RED, YELLOW, photo, sprite
from tracker.model.vocabulary import CATEGORIES, HELD_OUT_KINDS, KINDS
from tracker.worlds import things
from tracker.worlds.things import FILE, HELD_OUT_STYLE, LONGER, NAMELESS, STYLES, Thing, load, nameless, taught

Icons = dict[str, Any]


def thing(name: str, style: str) -> Thing:
    return Thing.of(name, style, sprite((RED, 1.0), side=10))


def icon(body: str) -> dict[str, str]:
    return {"body": body}


@pytest.fixture
def icons() -> Icons:
    """As a set of drawings comes: something taught, something held out, two that nobody has a word for."""
    wide = icon('<rect x="16" y="48" width="96" height="48" fill="#d71414"/>')
    return {
        "width": 128,
        "height": 128,
        "icons": {"dog": wide, "penguin": wide, "abacus": wide, "anchor": wide, "hot-dog": wide},
    }


def test_a_missing_pack_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"python -m tracker\.worlds\.things --out") as failure:
        load(tmp_path)
    assert str(tmp_path / FILE) in str(failure.value)


def test_a_pack_is_loaded_with_all_that_its_things_are_called(tmp_path: Path) -> None:
    dog, free = sprite((RED, 0.7), (BLUE, 0.25), (YELLOW, 0.05)), sprite((BLUE, 0.5), (YELLOW, 0.5))
    np.savez_compressed(tmp_path / FILE, **{"noto/dog/0": dog, "emojione//0": free})  # type: ignore[arg-type]
    found = {each.name: each for each in load(tmp_path)}
    assert len(found) == 2
    assert (found["dog"].style, found["dog"].more, found["dog"].doubtful) == ("noto", ("animal", "red"), ("blue",))
    assert np.array_equal(found["dog"].sprite, dog)
    assert found[""].style == "emojione" and found[""].more == ()
    assert set(found[""].doubtful) == {"blue", "yellow", *CATEGORIES}  # it may well be an animal


def test_a_held_out_name_has_its_categories_too() -> None:
    assert Thing.of("pineapple", "noto", sprite((YELLOW, 1.0))).more == ("fruit", "food", "yellow")


def test_only_names_and_styles_that_are_not_held_out_are_taught() -> None:
    assert HELD_OUT_STYLE in {style.name for style in STYLES}
    kept = thing("dog", "noto")
    others = [thing("dog", HELD_OUT_STYLE), thing("", "noto"), thing("", "photo")]
    others += [thing(name, "noto") for name in HELD_OUT_KINDS]
    assert taught([*others, kept]) == [kept]


def test_things_without_names_are_of_no_held_out_style() -> None:
    kept = thing("", "noto")
    assert nameless([thing("", HELD_OUT_STYLE), kept, thing("dog", "noto"), thing("penguin", "noto")], []) == [kept]


def test_pieces_of_photographs_come_with_photographs_only() -> None:
    assert nameless([], [], cut_outs=3) == []
    pieces = nameless([thing("", "noto")], [photo()], cut_outs=3)[1:]
    assert [(each.name, each.style) for each in pieces] == [("", "photo")] * 3
    assert set(CATEGORIES) <= set(pieces[0].doubtful)
    again = nameless([], [photo()], cut_outs=3)
    assert all(np.array_equal(a.sprite, b.sprite) for a, b in zip(pieces, again, strict=True))
    assert not np.array_equal(pieces[0].sprite, pieces[1].sprite)


def test_drawings_of_what_has_a_name_are_not_among_the_nameless() -> None:
    icons = [
        "dog",
        "hot-dog",
        "dog-face",
        "penguin",
        "honeybee",
        "red-heart",
        "star",
        "flag-france",
        "anchor",
        "abacus",
    ]
    assert things._others(icons) == ["abacus", "anchor"]


def test_of_many_nameless_drawings_some_of_every_part_are_taken() -> None:
    chosen = things._others([f"w{number:04}" for number in range(5 * NAMELESS)])
    assert len(chosen) == len(set(chosen)) == NAMELESS
    assert chosen[0] == "w0000" and chosen[-1] >= f"w{5 * NAMELESS - 10:04}"


def test_a_pack_that_is_built_can_be_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, icons: Icons, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("resvg_py", reason="drawings need resvg: pip install resvg-py")
    fetched: list[str] = []

    def fetch(package: str) -> Icons:
        fetched.append(package)
        return icons

    monkeypatch.setattr(things, "_icons", fetch)
    monkeypatch.setattr("sys.argv", ["things", "--out", str(tmp_path / "new" / "pack")])
    things.main()
    assert fetched == [style.package for style in STYLES]
    found = load(tmp_path / "new" / "pack")
    expected = [(style.name, name) for style in STYLES for name in ("dog", "penguin", "", "")]
    assert sorted((each.style, each.name) for each in found) == sorted(expected)
    assert all("red" in each.more for each in found)
    printed = capsys.readouterr().out
    assert all(f"{style.package}, {style.licence}" in printed for style in STYLES)
    assert f"{len(expected)} pictures" in printed


def test_the_pack_of_the_package_is_one_small_picture_of_each_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wide = sprite((RED, 1.0), side=128)
    arrays = {f"noto/{name}/{place}": wide for name in (*KINDS, *HELD_OUT_KINDS, "") for place in (0, 1)}
    np.savez_compressed(tmp_path / FILE, **arrays, **{"twemoji/dog/0": wide})  # type: ignore[arg-type]
    monkeypatch.setattr(things, "SHIPPED", tmp_path / "shipped.npz")
    monkeypatch.setattr("sys.argv", ["things", "--out", str(tmp_path), "--shipped"])
    things.main()
    things.shipped.cache_clear()
    found = things.shipped()
    things.shipped.cache_clear()
    assert [each.name for each in found] == list(KINDS) and {each.style for each in found} == {"noto"}
    assert {max(each.sprite.shape[:2]) for each in found} == {80}
    assert f"{len(KINDS)} pictures" in capsys.readouterr().out


def test_a_drawing_is_cut_to_what_it_shows(icons: Icons) -> None:
    pytest.importorskip("resvg_py", reason="drawings need resvg: pip install resvg-py")
    drawn = things._draw(icons, "dog")
    assert drawn.shape == (LONGER // 2, LONGER, 4) and drawn.dtype == np.uint8
    assert (drawn[..., 3] == 255).mean() > 0.95
    assert np.abs(drawn[32, 64, :3].astype(int) - (0xD7, 0x14, 0x14)).max() <= 1


def test_a_missing_resvg_is_named(monkeypatch: pytest.MonkeyPatch, icons: Icons) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(SystemExit, match="pip install resvg-py"):
        things._draw(icons, "dog")


FAKE_NPM = """#!{python}
import io, json, sys, tarfile
assert sys.argv[1:] == ["pack", "--silent", "@some/icons@1.2.3"], sys.argv
content = json.dumps({{"width": 36, "icons": {{"dog": {{"body": "<g/>"}}}}}}).encode()
with tarfile.open("some-icons-1.2.3.tgz", "w:gz") as archive:
    member = tarfile.TarInfo("package/icons.json")
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
print("some-icons-1.2.3.tgz")
"""


def npm(folder: Path, script: str) -> None:
    path = folder / "npm"
    path.write_text(script)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_a_set_is_fetched_with_npm_and_nothing_stays_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm(tmp_path, FAKE_NPM.format(python=sys.executable))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    assert things._icons("@some/icons@1.2.3") == {"width": 36, "icons": {"dog": {"body": "<g/>"}}}
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_set_that_npm_cannot_fetch_is_named_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm(tmp_path, "#!/bin/sh\necho 'E404 no such package' >&2\nexit 1\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match=r"npm cannot fetch @some/icons@9: E404 no such package"):
        things._icons("@some/icons@9")


def test_a_missing_npm_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match=r"npm is needed.*Node\.js"):
        things.build(tmp_path / "pack")
    assert not (tmp_path / "pack").exists()

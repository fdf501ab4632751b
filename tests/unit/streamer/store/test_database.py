"""The file: what is written is there, for one server alone; damage, newer versions and other people's files."""

from __future__ import annotations

import dataclasses
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from streamer.errors import BadRequest
from streamer.store import Asked, Database, Drawn, Kept, Origin
from streamer.store.schema import APPLICATION, VERSION
from tests.support.documents import ROOT
from tests.support.stores import fill
from tracker import Box, Prompt

Open = Callable[[], Database]

SECRET = "hunter2hunter2"
ADDRESS = f"rtsp://me:{SECRET}@192.0.2.7/stream1"
BOXED = Prompt(None, (Box(1, 2, 3, 4),), (True,), 0.4)
PICTURE = b"\xff\xd8" + bytes(range(256)) * 400
KEPT = dataclasses.replace(
    Kept.new(ADDRESS, [Prompt("cup")], Origin.HTTP),
    asked=(Asked(Prompt("cup", threshold=0.2, id="c")), Asked(BOXED, Drawn(PICTURE, ((0.1, 0.2, 0.3, 0.4),)))),
    next_id=1001,
)


def test_what_was_written_is_read_after_the_next_start(opened: Open, path: Path) -> None:
    database = opened()
    assert database.read() == []
    other = Kept.new("demo:", [], Origin.COMMAND)
    database.write({KEPT.id: KEPT, other.id: other})
    assert opened().read() == [KEPT, other]
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o077 == 0


def test_prompts_are_replaced_and_a_picture_nobody_needs_goes(opened: Open) -> None:
    database = opened()
    database.write({KEPT.id: KEPT})
    database.write({KEPT.id: dataclasses.replace(KEPT, asked=(*KEPT.asked, Asked(BOXED, KEPT.asked[1].drawn)))})
    assert [each.drawn for each in database.read()[0].asked] == [None, *[KEPT.asked[1].drawn] * 2]
    assert database.connection.execute("SELECT count(*) FROM pictures").fetchone() == (1,)
    database.write({KEPT.id: dataclasses.replace(KEPT, asked=KEPT.asked[:1], next_id=5)})
    assert database.connection.execute("SELECT count(*) FROM pictures").fetchone() == (0,)
    assert database.read()[0].next_id == 1001, "ids never go back"


def test_of_a_session_that_was_removed_nothing_is_in_any_file(opened: Open, path: Path) -> None:
    database = opened()
    database.write({KEPT.id: KEPT})
    assert any(SECRET.encode() in each.read_bytes() for each in path.parent.iterdir())
    database.write({KEPT.id: None})
    assert database.read() == []
    for each in path.parent.iterdir():
        assert SECRET.encode() not in each.read_bytes(), each


def test_a_password_is_in_the_table_of_addresses_alone(opened: Open) -> None:
    database = opened()
    database.write({KEPT.id: KEPT})
    connection = database.connection
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        held = str(connection.execute(f"SELECT * FROM {name}").fetchall())
        assert (SECRET in held) == (name == "addresses"), name


def test_a_second_server_is_refused_with_the_process_that_has_it(opened: Open, path: Path) -> None:
    opened()
    with pytest.raises(BadRequest, match=rf"in use by another server \(process {os.getpid()}\)"):
        Database(path)
    opened()


def test_the_lock_ends_with_the_process_however_that_ends(opened: Open, path: Path) -> None:
    script = (
        "import os, sys, pathlib, streamer.store as s; s.Database(pathlib.Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(path)], cwd=ROOT, timeout=60)
    assert killed.returncode == -9
    assert opened().read() == []


@pytest.mark.parametrize("harm", ["head", "middle", "end"])
def test_a_damaged_store_is_moved_aside_and_an_empty_one_used(
    opened: Open, path: Path, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    database = opened()
    database.write({KEPT.id: KEPT})
    database.close()
    whole = path.read_bytes()
    middle = len(whole) // 2
    parts = {
        "head": b"?" * 64 + whole[64:],
        "middle": whole[:4096] + b"\xa5" * len(whole[4096:]),
        "end": whole[:middle],
    }
    path.write_bytes(parts[harm])
    database = opened()
    assert database.read() == []
    assert database.moved is not None
    assert database.moved.read_bytes() == parts[harm]
    assert database.moved.stat().st_mode & 0o077 == 0
    assert "moved to" in caplog.text
    database.write({KEPT.id: KEPT})
    assert opened().read() == [KEPT]


def test_one_that_is_damaged_or_gone_while_it_is_used_is_begun_anew(opened: Open, path: Path) -> None:
    database = opened()
    path.unlink()
    with pytest.raises(OSError, match="not there"):
        database.write({KEPT.id: KEPT})
    database.begin_anew()
    database.write({KEPT.id: KEPT})
    assert database.read() == [KEPT]


def test_a_newer_version_is_refused_in_words_and_left_as_it_is(opened: Open, path: Path) -> None:
    opened().connection.execute(f"PRAGMA user_version = {VERSION + 4}")
    with pytest.raises(BadRequest, match=f"is of version {VERSION + 4}, and this server knows {VERSION}"):
        opened()
    assert [each.name for each in path.parent.iterdir() if "damaged" in each.name] == []


def test_what_is_no_store_is_left_as_it_is(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("- source: demo:\n")
    for _ in range(2):
        with pytest.raises(BadRequest, match="is no store"):
            Database(path)
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    path.unlink()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE precious (thing)")
    other.close()
    with pytest.raises(BadRequest, match="of another program"):
        Database(path)
    with pytest.raises(BadRequest, match="is not a file"):
        Database(path.parent)


def test_an_empty_file_becomes_a_store_and_one_that_others_could_read_is_closed_to_them(
    opened: Open, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir()
    path.touch(mode=0o644)
    connection = opened().connection
    assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert path.stat().st_mode & 0o777 == 0o600
    assert "Others could read" in caplog.text


def test_where_nothing_can_be_written_words_say_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadRequest, match=r"cannot be used: (Not a directory|File exists)"):
        Database(tmp_path / "file" / "sessions.db")


def test_rows_that_make_no_sense_are_said_and_the_others_read(opened: Open, caplog: pytest.LogCaptureFixture) -> None:
    database = opened()
    other = Kept.new("demo:", [Prompt("star")], Origin.HTTP)
    database.write({KEPT.id: KEPT, other.id: other})
    database.connection.execute("UPDATE prompts SET prompt = '{}' WHERE session = ?", (KEPT.id,))
    assert database.read() == [other]
    assert f"session {KEPT.id} cannot be read" in caplog.text
    assert SECRET not in caplog.text


def test_all_changes_are_written_or_none(opened: Open) -> None:
    database = opened()
    database.write({KEPT.id: KEPT})
    fill(database)
    large = dataclasses.replace(Kept.new("demo:", [], Origin.HTTP), asked=(Asked(BOXED, Drawn(PICTURE * 9, ())),))
    with pytest.raises(sqlite3.OperationalError, match="full"):
        database.write({KEPT.id: None, large.id: large})
    assert database.read() == [KEPT]
    fill(database, full=False)
    database.write({KEPT.id: None, large.id: large})
    assert [each.id for each in database.read()] == [large.id]

"""The tables: each version is a step, and passwords are in one table alone."""

from __future__ import annotations

import sqlite3

from streamer.store.schema import STEPS, VERSION


def test_each_step_builds_on_the_one_before() -> None:
    connection = sqlite3.connect(":memory:")
    for step in STEPS:
        connection.executescript(step)
    assert len(STEPS) == VERSION
    tables = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall())
    assert {"sessions", "addresses", "pictures", "prompts"} <= set(tables)
    columns = {
        name: {row[1] for row in connection.execute(f"SELECT * FROM pragma_table_info('{name}')")} for name in tables
    }
    assert [name for name, found in columns.items() if "address" in found] == ["addresses"]
    connection.close()


def test_what_is_of_a_session_goes_with_it() -> None:
    """Tables of later versions that refer to sessions must say so too."""
    connection = sqlite3.connect(":memory:")
    for step in STEPS:
        connection.executescript(step)
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        for row in connection.execute(f"SELECT * FROM pragma_foreign_key_list('{name}')"):
            assert row[6] == "CASCADE", name
    connection.close()

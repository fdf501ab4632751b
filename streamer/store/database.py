"""The file: opened for one server alone, brought to the newest version, read and written. One thread at a time."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import logging
import os
import sqlite3
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from streamer import redaction
from streamer.errors import BadRequest
from streamer.store import records
from streamer.store.records import Asked, Drawn, Kept, Origin
from streamer.store.schema import APPLICATION, STEPS, VERSION

HEAD = b"SQLite format 3\0"
BESIDE = ("", "-wal", "-shm")  # the files that SQLite makes of one database
BUSY = 5.0  # seconds that a write waits for a reader, such as a backup
PRIVATE = 0o600
DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

log = logging.getLogger(__name__)


class Unusable(BadRequest):
    """The system does not let it be read and written there, or another server has it."""


class Lost(OSError):
    """The file that was opened is not at its place any more."""


class Database:
    """
    A store's file and a lock beside it, which ends with the process however that ends.

    With a write-ahead log, and synced at each commit: what was committed outlives the process, and a power cut.
    """

    def __init__(self, path: Path) -> None:
        """
        Open a store, or make one. One that is damaged is moved aside, said, and begun anew.

        Raises BadRequest for a store that is of a newer version or something else; Unusable for one that another
        server uses, or that cannot be read and written.
        """
        self.path = path
        self.moved: Path | None = None  # where a damaged one is now
        self._stat: os.stat_result | None = None  # of the file that is open
        self.connection: sqlite3.Connection
        with _in_words(path):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            ours = _beside(path, ".lock").exists()
            self._lock = _locked(path)
        try:
            with _in_words(path):
                self._open(ours=ours)
        except BaseException:
            if not ours:
                _beside(path, ".lock").unlink(missing_ok=True)
            os.close(self._lock)
            raise

    def close(self) -> None:
        """Let another server have it. Does nothing the second time."""
        self.connection.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def begin_anew(self) -> None:
        """Make a new file where the one that is open is damaged, which is moved aside, or gone. Raises OSError."""
        self._stat = None
        self.connection.close()
        self._move_aside()
        self.connection = self._connect()

    def read(self) -> list[Kept]:
        """All sessions, in the order they were made. One whose rows make no sense is left as it is, and said."""
        found = []
        with _in_words(self.path):
            rows = self.connection.execute(
                "SELECT id, origin, created, first, options, next_id, address FROM sessions"
                " JOIN addresses ON session = id ORDER BY created, id"
            ).fetchall()
        for row in rows:
            try:
                found.append(self._session(*row))
            except ValueError as error:
                log.error("What the store has of session %s cannot be read: %s.", row[0], error)
        return found

    def write(self, changes: Mapping[str, Kept | None]) -> None:
        """Write sessions, and remove those that are None, all of them or none. Raises sqlite3.Error, OSError."""
        if not self._there():
            raise Lost("the file is not there any more")
        execute = self.connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            for id, kept in changes.items():  # noqa: A001
                if kept is None:
                    execute("DELETE FROM sessions WHERE id = ?", (id,))
                else:
                    self._put(kept)
            execute("COMMIT")
        except BaseException:
            if self.connection.in_transaction:
                execute("ROLLBACK")
            raise
        if None in changes.values():  # an address that is not wanted any more is to be in no file
            with contextlib.suppress(sqlite3.OperationalError):
                execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _there(self) -> bool:
        """Whether the file at its place is the one that is open: what is written to another is lost."""
        try:
            return self._stat is not None and os.path.samestat(self._stat, self.path.stat())
        except FileNotFoundError:
            return False

    def _open(self, *, ours: bool) -> None:
        if self.path.exists():
            if not stat.S_ISREG(self.path.stat().st_mode):
                raise BadRequest(f"The store {self.path} is not a file.")
            with self.path.open("rb") as file:  # closed before SQLite opens it: that would take its locks away
                head = file.read(len(HEAD))
            if head not in (HEAD, b"") and not ours:
                raise BadRequest(f"{self.path} is no store: it is left as it is.", detail="Name another with --store.")
            self._make_private()
        try:
            self.connection = self._connect()
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            self._move_aside()
            self.connection = self._connect()

    def _connect(self) -> sqlite3.Connection:
        if not self.path.exists():
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE))
        connection = sqlite3.connect(self.path, timeout=BUSY, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA secure_delete = ON")
            self._check(connection)
        except BaseException:
            connection.close()
            raise
        self._stat = self.path.stat()
        return connection

    def _check(self, connection: sqlite3.Connection) -> None:
        """Whether it is whole, ours, and of our version; an older one is brought to it. Raises BadRequest."""
        application, version = (int(_ask(connection, f"PRAGMA {name}")) for name in ("application_id", "user_version"))
        if application != APPLICATION and int(_ask(connection, "SELECT count(*) FROM sqlite_master")):
            words = f"{self.path} is the database of another program: it is left as it is."
            raise BadRequest(words, detail="Name another store with --store.")
        if version > VERSION:
            words = f"The store {self.path} is of version {version}, and this server knows {VERSION}."
            raise BadRequest(words, detail="Start the newer server, or name another store with --store.")
        if _ask(connection, "PRAGMA quick_check(1)") != "ok":
            raise _damaged()
        if version == VERSION:
            return
        _ask(connection, "PRAGMA journal_mode = WAL")
        for number, step in enumerate(STEPS[version:], version + 1):
            marks = f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {number};"
            connection.executescript(f"BEGIN IMMEDIATE; {step} {marks} COMMIT;")

    def _make_private(self) -> None:
        for path in (_beside(self.path, end) for end in BESIDE):
            if path.exists() and path.stat().st_mode & 0o077:
                log.warning("Others could read the store %s: now its owner alone can.", path)
                path.chmod(PRIVATE)

    def _move_aside(self) -> None:
        """Nothing of it is thrown away: somebody may want to look at it."""
        now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S.%f")
        place = _beside(self.path, f".damaged-{now}")
        for path in (_beside(self.path, end) for end in BESIDE):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_size == 0:
                    path.unlink()
                    continue
                path.rename(place.with_name(place.name + path.name.removeprefix(self.path.name)))
                self.moved = place
                log.error("%s is damaged or of something else: it was moved to %s.", path, place)

    def _put(self, kept: Kept) -> None:
        execute, many = self.connection.execute, self.connection.executemany
        execute(
            "INSERT INTO sessions (id, origin, shown, created, first, options, next_id)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET origin = excluded.origin,"
            " shown = excluded.shown, first = excluded.first,"
            " options = excluded.options, next_id = max(next_id, excluded.next_id)",
            (
                *(kept.id, kept.origin, redaction.address(kept.address), kept.created),
                *(records.prompts_text(kept.first), records.options_text(kept.options), kept.next_id),
            ),
        )
        execute("INSERT OR REPLACE INTO addresses VALUES (?, ?)", (kept.id, kept.address))
        drawn = {each.drawn.digest: each.drawn.picture for each in kept.asked if each.drawn is not None}
        many("INSERT OR IGNORE INTO pictures VALUES (?, ?, ?)", [(kept.id, *each) for each in drawn.items()])
        execute("DELETE FROM prompts WHERE session = ?", (kept.id,))
        many("INSERT INTO prompts VALUES (?, ?, ?, ?, ?)", [_row(kept.id, *each) for each in enumerate(kept.asked)])
        execute(
            "DELETE FROM pictures WHERE session = ?1 AND digest NOT IN"
            " (SELECT digest FROM prompts WHERE session = ?1 AND digest IS NOT NULL)",
            (kept.id,),
        )

    def _session(
        self,
        id: str,  # noqa: A002
        origin: str,
        created: float,
        first: str,
        options: str,
        next_id: int,
        address: str,
    ) -> Kept:
        rows = self.connection.execute(
            "SELECT prompt, boxes, jpeg FROM prompts LEFT JOIN pictures USING (session, digest)"
            " WHERE session = ? ORDER BY place",
            (id,),
        ).fetchall()
        asked = tuple(
            Asked(records.read_prompt(prompt), None if jpeg is None else Drawn(jpeg, records.read_boxes(boxes)))
            for prompt, boxes, jpeg in rows
        )
        known = records.read_prompts(first)
        return Kept(id, Origin(origin), address, created, known, asked, next_id, records.read_options(options))


def _row(session: str, place: int, asked: Asked) -> tuple[str, int, str, str | None, str | None]:
    drawn, prompt = asked.drawn, records.prompt_text(asked.prompt)
    if drawn is None:
        return session, place, prompt, None, None
    return session, place, prompt, drawn.digest, records.boxes_text(drawn.boxes)


def _ask(connection: sqlite3.Connection, question: str) -> str:
    return str(connection.execute(question).fetchone()[0])


def _damaged() -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError("it does not hold together")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def is_damage(error: Exception) -> bool:
    """Whether the file itself is at fault. (What Python's own layer raises has no code.)"""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in DAMAGE


def _beside(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)


def _locked(path: Path) -> int:
    """A descriptor that holds the lock. Raises BadRequest where another server does, OSError."""
    lock = os.open(_beside(path, ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(lock, 20).decode(errors="replace").strip()
        os.close(lock)
        words = f"The store {path} is in use by another server{f' (process {holder})' if holder.isdecimal() else ''}."
        raise Unusable(words, detail="Name another with --store FILE, or keep nothing with --store none.") from None
    except BaseException:
        os.close(lock)
        raise
    with contextlib.suppress(OSError):  # the number is a help, no more
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
    return lock


@contextlib.contextmanager
def _in_words(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unusable(f"The store {path} cannot be used: {error.strerror or error}.") from None
    except sqlite3.Error as error:
        raise Unusable(f"The store {path} cannot be used: {error}.") from None

"""
The tables of a store, version by version.

A version is never changed once people have it: what is new is a further step. Later tables (events, for instance) come
as one, beside these; those that belong to a session refer to it.
"""

from __future__ import annotations

APPLICATION = (
    0x53334B31  # what the head of the file says it belongs to ("S3K1"): other people's databases are left alone
)

# What may be shown and what may not are apart: ``addresses`` alone holds passwords.
_FIRST = """
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    origin TEXT NOT NULL,
    shown TEXT NOT NULL,      -- the address without secrets
    created REAL NOT NULL,    -- seconds since 1970
    first TEXT NOT NULL,      -- JSON: the prompts it was started with
    options TEXT NOT NULL,    -- JSON
    next_id INTEGER NOT NULL  -- objects were given lower ids only
);
CREATE TABLE addresses (
    session TEXT PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
    address TEXT NOT NULL
);
CREATE TABLE pictures (
    session TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    jpeg BLOB NOT NULL,
    PRIMARY KEY (session, digest)
);
CREATE TABLE prompts (
    session TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    prompt TEXT NOT NULL,     -- JSON
    digest TEXT,              -- of the picture that its boxes were drawn on
    boxes TEXT,               -- JSON: where they are on it, as shares
    PRIMARY KEY (session, place)
);
"""

STEPS: tuple[str, ...] = (_FIRST,)  # from each version to the next, the first from an empty file
VERSION = len(STEPS)

"""A session as a server lists it."""

from __future__ import annotations

from typing import Any

LISTED: dict[str, Any] = {
    "id": "abc",
    "source": "demo:",
    "kind": "demo",
    "state": "live",
    "reason": "",
    "since": "2026-01-01T00:00:00+00:00",
    "fps": 9.5,
    "age_ms": 41.0,
    "dropped": {"source": 0, "subscriber": 0},
    "prompts": [],
}

"""``streamer drain``: a worker of a cluster gives up what it has, before it is stopped."""

from __future__ import annotations

import os
from urllib.parse import quote

import httpx

from streamer.errors import BadRequest

PATIENCE = 120.0  # seconds: sessions go one by one
KEY = "STREAMER_API_KEYS"


def main(worker: str, server: str, *, on: bool) -> int:
    """
    Ask a front door, and say what was moved. Returns the exit status.

    The key, where one is needed, is the first of ``STREAMER_API_KEYS``. Raises BadRequest in words.
    """
    key = os.environ.get(KEY, "").partition(",")[0].strip()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    address = f"{server.rstrip('/')}/cluster/workers/{quote(worker, safe='')}/drain"
    try:
        answer = httpx.post(address, params={"on": on}, headers=headers, timeout=PATIENCE)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise BadRequest(f"{server} does not answer: {error}.", detail="Name a front door with --server.") from None
    if answer.status_code != httpx.codes.OK:
        raise BadRequest(_words(answer))
    moved = answer.json()["moved"]
    print(
        f"{worker}: {moved} sessions were moved, and it gets no new ones." if on else f"{worker} takes sessions again."
    )
    return 0


def _words(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return f"That is no front door of a cluster: it answers {answer.status_code}."

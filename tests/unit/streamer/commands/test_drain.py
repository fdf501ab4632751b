"""streamer drain: what it asks of a front door, and what it says."""

from __future__ import annotations

import httpx
import pytest

from streamer.commands import drain
from streamer.errors import BadRequest


def door(monkeypatch: pytest.MonkeyPatch, status: int, **answer: object) -> list[httpx.Request]:
    """A front door that gives one answer; what it was asked."""
    asked: list[httpx.Request] = []

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(status, json=answer)

    client = httpx.Client(transport=httpx.MockTransport(reply))
    monkeypatch.setattr(httpx, "post", client.post)
    return asked


def test_it_says_how_many_sessions_went(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("STREAMER_API_KEYS", "first,second")
    asked = door(monkeypatch, 200, moved=3)
    assert drain.main("worker-1", "http://door:1/", on=True) == 0
    assert str(asked[0].url) == "http://door:1/cluster/workers/worker-1/drain?on=true"
    assert asked[0].headers["authorization"] == "Bearer first"
    assert "3 sessions were moved" in capsys.readouterr().out
    assert drain.main("worker-1", "http://door:1", on=False) == 0
    assert "takes sessions again" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answer", "words"), [({"message": "There is no worker x."}, "There is no worker x"), ({}, "no front door")]
)
def test_what_is_refused_is_said(monkeypatch: pytest.MonkeyPatch, answer: dict[str, object], words: str) -> None:
    door(monkeypatch, 404, **answer)
    with pytest.raises(BadRequest, match=words):
        drain.main("x", "http://door:1", on=True)


def test_where_nobody_is_it_says_what_to_name() -> None:
    with pytest.raises(BadRequest, match="does not answer") as refused:
        drain.main("x", "http://127.0.0.1:9", on=True)
    assert "--server" in refused.value.detail

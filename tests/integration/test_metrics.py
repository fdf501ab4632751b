"""What a monitoring system is told, read by the parser that Prometheus' own library brings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from streamer.sources.base import State
from tests.support.documents import DOCS
from tests.support.models import untrained
from tests.support.pictures import patches, saved, sent
from tests.support.serving import Served, read, serving

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def served() -> Iterator[Served]:
    with serving(untrained()) as served:
        yield served


def scrape(served: Served) -> Samples:
    answer = served.http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


def looked_at(samples: Samples) -> float:
    return sum(number for (name, _), number in samples.items() if name == "streamer_frames_looked_at_total")


def test_before_anything_happened_everything_is_nought(served: Served) -> None:
    samples = scrape(served)
    assert value(samples, "streamer_ready") == 1
    assert value(samples, "process_resident_memory_bytes") > 1e6
    assert {value(samples, "streamer_sessions", state=state) for state in State} == {0}
    for name in ("frames_decoded_total", "frames_dropped_total", "results_sent_total", "results_dropped_total"):
        assert value(samples, f"streamer_{name}") == 0
    assert looked_at(samples) == 0
    assert not any("created" in name for name, _ in samples)


def test_a_running_session_is_counted_and_told_of(served: Served) -> None:
    source = "demo:?size=64x64&fps=60"
    id = served.start(source, "star")  # noqa: A001
    with served.results(id) as socket:
        while read(socket, "result")["frame"]["index"] < 30:
            pass
        samples, listed = scrape(served), served.http.get(f"/sessions/{id}").json()
    assert value(samples, "streamer_sessions", state="live") == 1
    assert value(samples, "streamer_readers") == 1
    assert value(samples, "streamer_viewers") == 0
    assert value(samples, "streamer_session_live", session=id, source=source) == 1
    assert value(samples, "streamer_session_results_per_second", session=id, source=source) > 0
    assert value(samples, "streamer_session_age_seconds", session=id, source=source) > 0
    assert 30 <= value(samples, "streamer_frames_decoded_total") <= listed["frames"]["decoded"]
    assert 1 <= looked_at(samples) <= listed["frames"]["looked_at"]
    assert value(samples, "streamer_frames_dropped_total") <= listed["dropped"]["source"]
    assert value(samples, "streamer_result_age_seconds_count") == looked_at(samples)
    assert value(samples, "streamer_step_part_seconds_count", part="embed") >= 1
    assert 1 <= value(samples, "streamer_results_sent_total") <= looked_at(samples)


def test_what_was_counted_stays_when_sessions_go_and_their_lines_do_not(served: Served) -> None:
    for _ in range(3):
        id = served.start("demo:?size=64x64", "star")  # noqa: A001
        with served.results(id) as socket:
            read(socket, "result")
        before = scrape(served)
        assert served.http.delete(f"/sessions/{id}").status_code == 204
    after = scrape(served)
    assert looked_at(after) >= looked_at(before) >= 3
    assert not any("session" in dict(labels) for _, labels in after)
    assert len(after) <= len(before)


def test_refused_requests_are_counted_by_status(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    served.http.get("/sessions/none")
    served.http.get("/no/such/page")
    served.http.post("/sessions", content=b"{")
    served.http.get("/healthz")

    def broken(id: str) -> Any:  # noqa: A002
        raise RuntimeError("the inside")

    with monkeypatch.context() as patch:
        patch.setattr(served.app.state.sessions, "delete", broken)
        assert httpx.delete(f"http://{served.address}/sessions/some").status_code == 500  # closes its connection
    found = {labels: number for (name, labels), number in scrape(served).items() if "refused" in name}
    assert found == {frozenset({("status", status)}): number for status, number in (("404", 2), ("422", 1), ("500", 1))}


def test_the_caches_bytes_hits_and_misses_are_told(served: Served) -> None:
    body = {"image": sent(saved(patches(64, 48))), "image_id": "one"}
    for _ in range(2):
        assert served.http.post("/sam3/embed_image", json=body).status_code == 200
    samples = scrape(served)
    assert value(samples, "streamer_cache_bytes", cache="embeddings") > 1e5
    assert value(samples, "streamer_cache_limit_bytes", cache="embeddings") == served.app.state.config.embeddings_bytes
    assert value(samples, "streamer_cache_requests_total", cache="embeddings", outcome="miss") == 1
    assert value(samples, "streamer_cache_requests_total", cache="embeddings", outcome="hit") == 1
    assert value(samples, "streamer_requests_waiting") == 0


def test_until_the_model_is_there_it_says_so() -> None:
    with serving(None) as served:
        served.app.state.engine.model = None
        assert value(scrape(served), "streamer_ready") == 0


def test_where_the_server_has_keys_it_wants_one() -> None:
    with serving(untrained(), api_keys=("secret",)) as served:
        assert served.http.get("/metrics").status_code == 401
        assert served.http.get("/metrics", headers={"Authorization": "Bearer secret"}).status_code == 200


def test_operations_lists_exactly_what_there_is(served: Served) -> None:
    id = served.start("demo:?size=64x64", "star")  # noqa: A001
    with served.results(id) as socket:
        read(socket, "result")
    families = text_string_to_metric_families(served.http.get("/metrics").text)
    told = {family.name + "_total" * (family.type == "counter") for family in families}
    page = (DOCS / "operations.md").read_text()
    documented = set(re.findall(r"^\| `(streamer_\w+)", page, re.MULTILINE))
    assert documented == {name for name in told if name.startswith("streamer_")}

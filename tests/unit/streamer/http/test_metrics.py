"""What a monitoring system is told, read by the parser that Prometheus' own library brings."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streamer.frame import LeftOut
from streamer.sources.base import State
from tests.support.asgi import Asked, Live, asking
from tests.support.documents import DOCS
from tests.support.pictures import patches, saved, sent
from tracker import Prompt

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def scrape(here: Asked) -> Samples:
    answer = await here.http.get("/metrics")
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


async def results(live: Live, count: int) -> None:
    """Give so many frames, each once the one before was looked at."""
    with live.session.subscribe() as reader:
        messages = aiter(reader)
        for _ in range(count):
            live.source.give()
            while json.loads(await anext(messages))["type"] != "result":
                pass


async def test_before_anything_happened_everything_is_nought(here: Asked) -> None:
    samples = await scrape(here)
    assert value(samples, "streamer_ready") == 1
    assert value(samples, "process_resident_memory_bytes") > 1e6
    assert {value(samples, "streamer_sessions", state=state) for state in State} == {0}
    assert {value(samples, "streamer_source_threads", state=state) for state in ("reading", "stopped")} == {0}
    for name in ("frames_decoded_total", "frames_dropped_total", "results_sent_total", "results_dropped_total"):
        assert value(samples, f"streamer_{name}") == 0
    assert looked_at(samples) == 0
    assert not any("created" in name for name, _ in samples)


async def test_a_running_session_is_counted_and_told_of(here: Asked, live: Live) -> None:
    async with here.app.state.engines.all[0].turn:
        live.source.give(30)
        await live.source.taken()
    with live.session.subscribe():
        await results(live, 2)
        samples = await scrape(here)
    which = {"session": live.session.id, "source": "hand"}
    assert value(samples, "streamer_sessions", state="live") == 1
    assert value(samples, "streamer_readers") == 1
    assert value(samples, "streamer_viewers") == 0
    assert value(samples, "streamer_session_live", **which) == 1
    assert value(samples, "streamer_session_results_per_second", **which) > 0
    assert value(samples, "streamer_session_age_seconds", **which) > 0
    assert value(samples, "streamer_frames_decoded_total") == live.session.decoded == 32
    assert looked_at(samples) == live.session.looked
    assert value(samples, "streamer_frames_dropped_total") == live.session.dropped >= 28
    assert value(samples, "streamer_result_age_seconds_count") == looked_at(samples)
    assert value(samples, "streamer_step_part_seconds_count", part="embed") >= 1
    assert 1 <= value(samples, "streamer_results_sent_total") <= looked_at(samples)


async def test_what_was_counted_stays_when_sessions_go_and_their_lines_do_not(here: Asked) -> None:
    for _ in range(3):
        live = await here.start(Prompt("star"))
        await results(live, 1)
        before = await scrape(here)
        assert (await here.http.delete(f"/sessions/{live.session.id}")).status_code == 204
    after = await scrape(here)
    assert looked_at(after) >= looked_at(before) >= 3
    assert not any("session" in dict(labels) for _, labels in after)
    assert len(after) <= len(before)


async def test_refused_requests_are_counted_by_status(here: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    await here.http.get("/sessions/none")
    await here.http.get("/no/such/page")
    await here.http.post("/sessions", content=b"{")
    await here.http.get("/healthz")

    def broken(id: str) -> Any:  # noqa: A002
        raise RuntimeError("the inside")

    with monkeypatch.context() as patch:
        patch.setattr(here.sessions, "delete", broken)
        assert (await here.http.delete("/sessions/some")).status_code == 500
    found = {labels: number for (name, labels), number in (await scrape(here)).items() if "refused" in name}
    assert found == {frozenset({("status", status)}): number for status, number in (("404", 2), ("422", 1), ("500", 1))}


async def test_the_caches_bytes_hits_and_misses_are_told(here: Asked) -> None:
    body = {"image": sent(saved(patches(64, 48))), "image_id": "one"}
    for _ in range(2):
        assert (await here.http.post("/sam3/embed_image", json=body)).status_code == 200
    samples = await scrape(here)
    assert value(samples, "streamer_cache_bytes", cache="embeddings") > 1e5
    assert value(samples, "streamer_cache_limit_bytes", cache="embeddings") == here.app.state.config.embeddings_bytes
    assert value(samples, "streamer_cache_requests_total", cache="embeddings", outcome="miss") == 1
    assert value(samples, "streamer_cache_requests_total", cache="embeddings", outcome="hit") == 1
    assert value(samples, "streamer_requests_waiting") == 0


async def test_until_the_model_is_there_it_says_so(here: Asked) -> None:
    samples = await scrape(here)
    assert (value(samples, "streamer_ready"), value(samples, "streamer_model", model="nano")) == (1, 1)
    engine = here.app.state.engines.all[0]
    engine.rest("The model other is being made ready.")
    assert value(await scrape(here), "streamer_ready") == 0
    engine.rest(None)
    assert value(await scrape(here), "streamer_ready") == 1
    engine.model = None
    assert value(await scrape(here), "streamer_ready") == 0


async def test_each_device_is_told_of() -> None:
    async with asking(device="cpu,cpu") as here:
        first, second = here.app.state.engines.all
        assert not any(name.startswith("streamer_device") for name, _ in await scrape(here))  # the second is loaded
        second.model = first.model
        live = await here.start()
        first._hanging = 1.0
        samples = await scrape(here)
        for name, values in (("ready", (0, 1)), ("sessions", (1, 0)), ("share", (0, 0))):
            told = [value(samples, f"streamer_device_{name}", device=device) for device in ("cpu#1", "cpu#2")]
            assert tuple(told) == values
        assert (value(samples, "streamer_ready"), value(samples, "streamer_model_hangs")) == (0, 1)
        first._hanging = None
        assert (await here.http.get(f"/sessions/{live.session.id}")).json()["device"] == "cpu#1"


async def test_where_the_server_has_keys_it_wants_one() -> None:
    async with asking(api_keys=("secret",)) as here:
        assert (await here.http.get("/metrics")).status_code == 401
        assert (await here.http.get("/metrics", headers={"Authorization": "Bearer secret"})).status_code == 200


async def test_operations_lists_exactly_what_there_is(here: Asked, live: Live) -> None:
    await results(live, 1)
    families = text_string_to_metric_families((await here.http.get("/metrics")).text)
    told = {family.name + "_total" * (family.type == "counter") for family in families}
    page = (DOCS / "operations.md").read_text()
    documented = set(re.findall(r"^\| `(streamer_\w+)", page, re.MULTILINE))
    assert documented == {name for name in told if name.startswith("streamer_")}


async def test_the_time_since_the_packet_and_what_the_source_left_out_are_counted_and_listed(
    here: Asked, live: Live
) -> None:
    live.source.decoding, live.source.lost = 100.0, LeftOut(late=3, corrupt=1)
    await results(live, 1)
    live.source.lost = LeftOut(late=5, corrupt=1)
    await results(live, 1)
    samples = await scrape(here)
    which = {"session": live.session.id, "source": "hand"}
    assert value(samples, "streamer_session_received_seconds", **which) > 100
    assert value(samples, "streamer_result_received_seconds_bucket", le="5.0") == 0
    assert value(samples, "streamer_result_received_seconds_count") >= 2
    assert value(samples, "streamer_frames_late_total") == 5
    assert value(samples, "streamer_frames_corrupt_total") == 1
    listed = (await here.http.get(f"/sessions/{live.session.id}")).json()
    assert listed["received_ms"] == pytest.approx(listed["age_ms"] + 100_000, abs=0.2)  # both are rounded
    assert (listed["dropped"]["late"], listed["dropped"]["corrupt"]) == (5, 1)

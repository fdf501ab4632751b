"""The client against a real server over real sockets; what no healthy server says is in unit/…/test_sync.py."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.recording import record
from streamer.client import Box, Busy, Client, ClientError, Prompt, Result, Session, VisualPrompt
from tests.support.models import untrained
from tests.support.pictures import patches, saved
from tests.support.serving import SECONDS, Served, serving
from tracker.worlds import worlds

DEMO = "demo:?seed=5&size=160x120&fps=15&objects=2"
ALL = Prompt("circle", threshold=0)  # of an untrained model: everything it sees
PICTURE = patches(120, 90)
FIRST = 10**9  # no stream is that long


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(untrained(), max_sessions=4) as served:
        yield served


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    with Client(f"http://{served.address}", timeout=SECONDS) as client:
        yield client


@pytest.fixture
def session(client: Client) -> Iterator[Session]:
    with client.start(DEMO, ALL) as session:
        yield session


def newest(session: Session) -> Result:
    return next(session.results())


# One picture


def test_concepts_are_found_prompt_by_prompt_with_masks_of_the_pictures_size(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "street.png"
    path.write_bytes(saved(PICTURE))
    found = client.concept_segment(path, ["red circle", "star"], threshold=0)
    assert [prompt.text for prompt in found] == ["red circle", "star"]
    assert found.model == "nano"
    assert found.seconds > 0
    for prediction in found[0].predictions:
        assert 0 <= prediction.confidence <= 1
        assert prediction.mask.dense().shape == (90, 120)
        assert prediction.mask.dense().sum() == prediction.mask.area > 0
    assert found.predictions
    for same in (path.read_bytes(), np.array(PICTURE), PICTURE):
        again = client.concept_segment(same, ["red circle", "star"], threshold=0)
        assert again.cached
        assert again.prompts == found.prompts


def test_thresholds_and_nms_reach_the_server(client: Client) -> None:
    assert client.concept_segment(PICTURE, "star", threshold=1).predictions == ()
    every = client.concept_segment(PICTURE, ALL).predictions
    assert 0 < len(client.concept_segment(PICTURE, ALL, nms_iou=0).predictions) < len(every)


def test_a_picture_is_segmented_by_a_click_and_a_box(client: Client) -> None:
    one = client.visual_segment(PICTURE, points=[(30, 40), (90, 80, False)], box=(20, 30, 60, 70))
    (prediction,) = one.predictions
    assert prediction.mask.dense().shape == (90, 120)
    several = [VisualPrompt([(30, 40)]), VisualPrompt(box=Box(20, 30, 60, 70))]
    found = client.visual_segment(PICTURE, prompts=several, candidates=True)
    assert [len(prompt.predictions) for prompt in found] == [1, 1]
    assert [len(prompt.candidates) for prompt in found] == [3, 3]
    (single,) = client.visual_segment(PICTURE, points=[(30, 40)], multimask=False, candidates=True)
    assert len(single.candidates) == 1


def test_a_box_is_the_one_that_was_meant(client: Client, served: Served) -> None:
    """The same box by its centre, which is what the documented request says."""
    image = client.embed_image(PICTURE)
    centre = {"box": {"x": 40, "y": 50, "width": 40, "height": 40}}
    body = {"image_id": image, "prompts": centre, "format": "rle"}
    (wanted,) = served.http.post("/sam3/visual_segment", json=body).json()["predictions"]
    (found,) = client.visual_segment(None, box=(20, 30, 60, 70), image_id=image).predictions
    assert found.mask.data == wanted["masks"]["counts"].encode()


def test_an_embedded_picture_is_asked_about_by_its_id(client: Client) -> None:
    assert client.embed_image(PICTURE, "patches") == "patches"
    found = client.concept_segment(None, ALL, image_id="patches")
    assert found.cached
    assert found.prompts == client.concept_segment(PICTURE, ALL).prompts
    with pytest.raises(ClientError, match="nothing") as unknown:
        client.visual_segment(None, points=[(1, 1)], image_id="nothing")
    assert unknown.value.status == 404


def test_a_live_sessions_newest_frame_is_a_picture_too(client: Client, session: Session) -> None:
    newest(session)
    (prediction,) = client.visual_segment({"type": "session", "value": session.id}, points=[(80, 60)]).predictions
    assert prediction.mask.dense().shape == (120, 160)


# Refusals


def test_a_wrong_field_is_named(client: Client) -> None:
    with pytest.raises(ClientError, match=r"^output_prob_thresh: .*less than or equal to 1") as refused:
        client.concept_segment(PICTURE, "star", threshold=7)
    assert refused.value.status == 422
    with pytest.raises(ClientError, match=r"^prompts\[1\]\.text: .*text or boxes"):
        client.concept_segment(PICTURE, ["star", " "])
    with pytest.raises(ClientError, match=r"^prompts\[0\]\.box\.x1: .*greater"):
        client.visual_segment(PICTURE, box=(20, 20, 10, 30))


def test_a_word_that_was_never_taught_comes_with_a_hint(client: Client) -> None:
    assert "zebra" in (client.concept_segment(PICTURE, ["star", "zebra"]).hint or "")
    assert "žába" in (client.concept_segment(PICTURE, "Žába").hint or "")
    assert client.concept_segment(PICTURE, "star").hint is None


def test_what_makes_no_request_is_refused_in_words(client: Client, session: Session) -> None:
    tries: list[tuple[type[Exception], str, Callable[[], object]]] = [
        (TypeError, "a string or a Prompt, not dict", lambda: client.concept_segment(PICTURE, [{"text": "star"}])),  # type: ignore[list-item]
        (TypeError, r"such as \[\(310, 200\)\]", lambda: client.visual_segment(PICTURE, points=(310, 200))),  # type: ignore[arg-type]
        (TypeError, "is a VisualPrompt, not tuple", lambda: client.visual_segment(PICTURE, prompts=[(3, 2)])),  # type: ignore[list-item]
        (ValueError, "four edges", lambda: client.visual_segment(PICTURE, box=(1, 2, 3))),  # type: ignore[arg-type]
        (ValueError, "is empty", lambda: client.visual_segment(PICTURE, prompts=[])),
        (ValueError, "threshold is nan", lambda: client.concept_segment(PICTURE, "star", threshold=float("nan"))),
        (ValueError, "x is nan", lambda: session.click(0, float("nan"), 1)),
        (TypeError, "not Result", lambda: session.click(newest(session), 1, 1)),  # type: ignore[arg-type]
    ]
    for kind, words, call in tries:
        with pytest.raises(kind, match=words):
            call()
    assert client.concept_segment(PICTURE, "star", threshold=np.float32(0.5)).model == "nano"  # type: ignore[arg-type]
    assert len(client.visual_segment(PICTURE, prompts=VisualPrompt([(30, 40)]))) == 1
    session.prompt(["circle", "star"])
    assert session.info().prompts == ("circle", "star")


def test_what_is_no_picture_is_refused_with_the_cause(client: Client) -> None:
    with pytest.raises(ClientError, match="no picture") as refused:
        client.concept_segment(b"dog", "dog")
    assert (refused.value.status, refused.value.detail is None) == (400, False)


def test_a_server_that_is_full_is_busy_and_says_when(client: Client) -> None:
    ids = [client.start(DEMO).id for _ in range(4)]
    with pytest.raises(Busy) as full:
        client.start(DEMO)
    for each in ids:
        client.attach(each).stop()
    assert full.value.status == 429
    assert full.value.retry_after


def test_a_server_that_is_not_there_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets the port, and nobody answers
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with Client(address) as client, pytest.raises(ClientError, match=f"No server could be reached at {address}"):
            client.sessions()


def test_where_there_are_keys_a_wrong_one_is_refused_on_both_roads() -> None:
    with serving(untrained(), api_keys=("right",)) as served:
        address = f"http://{served.address}"
        with Client(address, api_key="right") as client, Client(address, api_key="wrong") as stranger:
            assert client.concept_segment(PICTURE, "star").model == "nano"
            with client.start(DEMO) as session:
                newest(session)
                uninvited = Session(stranger, session.info(), pictures=False, ours=False)
                for road in (stranger.sessions, uninvited.picture, lambda: newest(uninvited)):
                    with pytest.raises(ClientError, match="not one of this server's") as refused:
                        road()
                    assert refused.value.status == 401
                uninvited.close()


# Live sessions


def test_a_session_is_started_listed_and_ended_with_its_block(client: Client) -> None:
    with client.start(DEMO, ["star", Prompt("zebra", threshold=0.2)]) as session:
        (listed,) = client.sessions()
        assert (listed.id, listed.source, listed.prompts) == (session.id, DEMO, ("star", "zebra"))
        assert listed.kind == "demo"
        assert "zebra" in (session.hint or "")
        assert "zebra" in (listed.hint or "")
        assert session.state == "connecting"
        result = newest(session)
        assert (session.state, result.session) == ("live", session.id)
        info = session.info()
        assert info.fps >= 0
        assert info.age_ms is not None
        assert info.since.tzinfo is not None
    assert session.state == "ended"
    assert client.sessions() == []


def test_results_are_typed_and_come_in_order(session: Session) -> None:
    results = [result for result, _ in zip(session.results(), range(3), strict=False)]
    assert [result.frame.index for result in results] == sorted({result.frame.index for result in results})
    assert all(result.error is None for result in results)
    assert (results[0].frame.width, results[0].frame.height) == (160, 120)
    things = next(result.objects for result in session.results() if result.objects)
    for thing in things:
        assert thing.text == "circle"
        assert 0 <= thing.box.x0 < thing.box.x1 <= 160
        assert thing.mask.dense().shape == (120, 160)
        assert thing.stage in ("keyframe", "refine", "flow")


def test_prompts_are_replaced_and_the_model_says_what_it_was_never_taught(session: Session) -> None:
    assert "zebra" in (session.prompt("star", "zebra") or "")
    assert session.prompt("star", Prompt("circle", threshold=0)) is None
    assert session.info().prompts == ("star", "circle")
    frame = newest(session).frame
    session.prompt("star", Prompt(boxes=[(10, 10, 50, 50)]), frame=frame)
    assert session.info().prompts == ("star", None)
    session.prompt()
    assert session.info().prompts == ()


def test_a_click_and_a_box_make_objects_that_can_be_corrected_and_removed(session: Session) -> None:
    session.prompt()
    first = session.click(newest(session).frame, x=80, y=60)
    other = session.box(newest(session).frame, 10, 10, 50, 50)
    assert other != first
    assert session.clicks(newest(session).frame, [(82, 62), (5, 5, False)], object_id=first) == first
    assert session.click(newest(session).frame.index, 81, 61, object_id=first) == first
    session.remove(other)
    with pytest.raises(ClientError, match=str(other)) as gone:
        session.remove(other)
    assert (gone.value.status, gone.value.field) == (404, "object_id")


def test_a_click_on_a_frame_that_is_gone_is_refused_with_what_there_is(session: Session) -> None:
    newest(session)
    with pytest.raises(ClientError, match="not known") as refused:
        session.click(FIRST, x=1, y=1)
    assert (refused.value.code, refused.value.field) == ("frame_gone", "frame_index")
    assert refused.value.available is not None
    with pytest.raises(ClientError, match="outside the picture"):
        session.click(newest(session).frame, x=161, y=1)


def test_a_caller_that_takes_its_time_gets_the_newest_result(session: Session) -> None:
    results = session.results()
    first = next(results).frame.index
    while session.missed < 3:
        session.options()  # each is answered, though nobody takes results meanwhile
    before = session.missed
    second = next(results).frame.index
    assert second > first + before
    assert next(results).frame.index > second


def test_one_thread_may_iterate_while_another_asks(session: Session) -> None:
    prompts: list[int] = []

    def iterate() -> None:
        prompts.extend(result.frame.index for result in session.results())

    thread = threading.Thread(target=iterate)
    thread.start()
    for _ in range(5):
        session.prompt("star")
    session.stop()
    thread.join(SECONDS)
    assert not thread.is_alive()
    assert prompts == sorted(prompts)


def test_masks_may_come_as_polygons_instead(session: Session) -> None:
    session.options(form="polygon", max_fps=50)
    for result in session.results():
        things = [thing for thing in result.objects if not isinstance(thing.mask.data, bytes)]
        if things:
            assert all(thing.mask.dense().shape == (120, 160) for thing in things)
            return


def test_a_reader_may_be_told_of_some_prompts_and_of_no_masks(session: Session) -> None:
    session.prompt(ALL, "star")
    session.options(form="none", only=["circle", ""])
    for result in session.results():
        if result.objects and result.objects[0].mask.data is None:
            break
    assert {thing.text for thing in result.objects} == {"circle"}
    with pytest.raises(ValueError, match="was not sent"):
        result.objects[0].mask.dense()


def test_messagepack_brings_the_same(client: Client) -> None:
    with client.start(DEMO, ALL, pictures=True, encoding="msgpack") as session:
        result = next(each for each in session.results() if each.objects)
        assert result.picture is not None
        assert result.picture.frame == result.frame.index
        assert session.picture(result.frame.index).jpeg == result.picture.jpeg
        assert isinstance(result.objects[0].mask.data, bytes)
        assert result.objects[0].mask.dense().shape == (120, 160)
        assert session.prompt("zebra") is not None


def test_the_picture_of_a_result_is_that_very_frame(client: Client) -> None:
    world = worlds.Video(5, 160, 120, fps=15, objects=(2, 2))
    truth = [world.next().image for _ in range(200)]
    with client.start(DEMO, pictures=True) as session:
        result = newest(session)
        assert result.picture is not None
        assert result.picture.frame == result.frame.index
        assert np.abs(result.picture.rgb().astype(int) - truth[result.frame.index]).mean() < 6
        assert session.picture(result.frame.index).jpeg == result.picture.jpeg
        assert session.picture().frame >= result.frame.index
        with pytest.raises(ClientError, match="not kept") as gone:
            session.picture(FIRST)
        assert gone.value.status == 404


def test_iteration_ends_when_somebody_else_stops_the_session(client: Client) -> None:
    with client.start(DEMO) as session, Client(client.address.base) as other:
        for number, _ in enumerate(session.results()):
            if number == 2:
                other.attach(session.id).stop()
        assert (session.state, session.reason) == ("ended", "It was stopped.")
        assert list(session.results()) == []
        with pytest.raises(ClientError, match=r"has ended: It was stopped\."):
            session.prompt("star")


def test_iteration_ends_with_the_recording(client: Client, tmp_path: Path) -> None:
    film = record(tmp_path / "film.mp4", 12, size=(64, 64))
    with client.start(str(film)) as session:
        assert [result.frame.index for result in session.results()][-1] == 11
        assert session.reason == "The recording has ended."
        assert list(client.attach(session.id).results()) == []


def test_iteration_ends_after_so_many_seconds_whether_or_not_results_come(client: Client, session: Session) -> None:
    newest(session)
    assert list(session.results(seconds=0)) == []
    assert 0 < len(list(session.results(seconds=1))) <= 15
    with client.start("udp://127.0.0.1:0") as silent:
        assert list(silent.results(seconds=0.2)) == []
    newest(session)


def test_a_session_that_was_joined_is_left_running(client: Client, session: Session) -> None:
    with client.attach(session.id) as joined:
        assert newest(joined).session == session.id
    assert [each.id for each in client.sessions()] == [session.id]
    assert list(joined.results()) == []
    with pytest.raises(ClientError, match="closed"):
        joined.prompt("star")
    newest(session)
    with pytest.raises(ClientError, match="nobody") as unknown:
        client.attach("nobody")
    assert unknown.value.status == 404


def test_a_session_closed_before_it_was_read_is_not_read_any_more(session: Session) -> None:
    session.close()
    session.close()
    assert list(session.results()) == []


def test_leaving_a_block_by_an_error_ends_the_session_and_keeps_the_error(client: Client) -> None:
    def broken() -> None:
        with client.start(DEMO):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    assert client.sessions() == []


def test_a_server_that_goes_away_is_an_error_in_the_middle_of_the_results() -> None:
    with serving(untrained()) as served:
        client = Client(f"http://{served.address}")
        session = client.start(DEMO)
        info = session.info()
        newest(session)
    with pytest.raises(ClientError, match=r"stopped or restarted|could be reached"):
        list(session.results())
    with pytest.raises(ClientError, match=r"stopped or restarted|could be reached"):
        session.prompt("star")
    late = Session(client, info, pictures=False, ours=True)
    with pytest.raises(ClientError, match="No server could be reached at ws://"):
        newest(late)
    with pytest.raises(ClientError, match="No server could be reached at http://"), late:
        pass
    with pytest.raises(ZeroDivisionError), late:
        raise ZeroDivisionError
    session.close()
    client.close()

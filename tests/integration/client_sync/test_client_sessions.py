"""The client against a real server over real sockets: live sessions."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from benchmarks.recording import record
from streamer.client import Client, ClientError, Prompt, Session
from tests.support.client import ALL, DEMO, FIRST, newest
from tests.support.models import untrained
from tests.support.serving import SECONDS, serving
from tracker.worlds import worlds


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
    session.options(form="polygon", max_fps=50, ahead=True)
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
        session.options(picture_width=80)
        small = (each.picture.rgb() for each in session.results() if each.picture is not None)
        assert next(rgb for rgb in small if rgb.shape[1] < 160).shape == (60, 80, 3)
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

"""The client against a real server over real sockets: pictures, and what is refused."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from streamer.client import Box, Busy, Client, ClientError, Session, VisualPrompt
from tests.support.client import ALL, DEMO, PICTURE, newest
from tests.support.models import untrained
from tests.support.pictures import saved
from tests.support.serving import Served, serving


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
    with pytest.raises(ClientError, match="not a picture") as refused:
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

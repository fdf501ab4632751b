"""streamer.wire.results: what readers are sent, exactly as documented."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgpack
import numpy as np
import pytest

from streamer.frame import LeftOut
from streamer.result import LookedAt
from streamer.wire import fields, results
from tests.support.documents import DOCS, blocks
from tests.support.results import HEIGHT, WIDTH, result, track
from tracker import Box, Mask, Prompt, Stage


def test_a_result_is_exactly_what_is_documented() -> None:
    prompts = (Prompt("person"), Prompt(None, (Box(1, 2, 3, 4),), (True,)))
    message = results.result_message(result(841, (track(7, 0, score=0.93),), prompts), dropped=5)
    counts = track(7, 0).mask.counts.decode()
    assert message == {
        "type": "result",
        "session": "abc",
        "frame": {
            "index": 841,
            "epoch": 0,
            "pts": 841 * 3000,
            "time_base": [1, 90000],
            "rtp_timestamp": None,
            "width": WIDTH,
            "height": HEIGHT,
        },
        "stage": "keyframe",
        "reason": "interval",
        "looked_at": {"index": 841, "age_ms": 41.0, "stage": "keyframe", "reason": "interval"},
        "age_ms": 41.0,
        "dropped": {"source": 2, "subscriber": 5},
        "prompt_results": [
            {
                "prompt_index": 0,
                "echo": {"prompt_index": 0, "type": "text", "text": "person", "num_boxes": 0},
                "predictions": [
                    {
                        "format": "rle",
                        "confidence": 0.93,
                        "masks": {"size": [HEIGHT, WIDTH], "counts": counts},
                        "object_id": 7,
                        "box": [10, 5, 30, 25],
                        "stage": "refine",
                        "tentative": False,
                    }
                ],
            },
            {
                "prompt_index": 1,
                "echo": {"prompt_index": 1, "type": "visual", "text": None, "num_boxes": 1},
                "predictions": [],
            },
        ],
        "time": 0.021,
    }


def test_the_documents_show_a_result_of_the_same_shape() -> None:
    def shape(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: shape(each) for name, each in value.items()}
        return [shape(each) for each in value] if isinstance(value, list) else None

    (example,) = [each for each in map(json.loads, blocks(DOCS / "api.md", "json")) if each.get("type") == "result"]
    sent = json.loads(results.result_json(result(3, (track(7, 0),), (Prompt("circle"),))))
    assert shape(example) == shape(sent)


def test_objects_made_by_clicks_stand_in_one_more_entry() -> None:
    tracks = (track(1, None, score=0.5), track(2, 0), track(3, None, score=0.8))
    entries = results.result_message(result(0, tracks, (Prompt("person"),)))["prompt_results"]
    assert [[each["object_id"] for each in entry["predictions"]] for entry in entries] == [[2], [3, 1]]
    assert entries[1]["echo"] == {"prompt_index": 1, "type": "visual", "text": None, "num_boxes": 0}


def test_without_prompts_or_objects_the_list_is_empty() -> None:
    assert results.result_message(result())["prompt_results"] == []


def test_a_prompt_that_rests_says_so() -> None:
    entries = results.result_message(result(0, (), (Prompt("cup"),), notes={0: "rests"}))["prompt_results"]
    assert entries[0]["note"] == "rests"


def test_the_mask_in_a_result_is_the_mask() -> None:
    (entry,) = results.result_message(result(0, (track(1, 0),), (Prompt("cup"),)))["prompt_results"]
    masks = json.loads(json.dumps(entry["predictions"][0]["masks"]))
    height, width = masks["size"]
    mask = Mask(height, width, masks["counts"].encode())
    assert mask.dense().sum() == 400


def test_a_frame_that_failed_gives_an_error_message_for_that_frame() -> None:
    message = results.result_message(result(8, error="It broke."))
    assert message["type"] == "error"
    assert message["frame"]["index"] == 8
    assert message["message"] == "It broke."
    assert "request" not in message


def test_a_presented_frame_names_the_look_behind_its_masks() -> None:
    look = LookedAt(836, 0.2071, Stage.REFINE, "interval")
    message = results.result_message(replace(result(841), presented=True, looked_at=look))
    assert message["looked_at"] == {"index": 836, "age_ms": 207.1, "stage": "refine", "reason": "interval"}
    assert message["age_ms"] == 41.0


def test_a_presented_frame_whose_scene_had_no_look_says_so() -> None:
    message = results.result_message(replace(result(841), presented=True))
    assert message["looked_at"] is None


def test_who_asks_for_masks_ahead_gets_them_where_they_were_made_and_is_told() -> None:
    told = result(841, (track(1, None),))
    assert "ahead" not in results.result_message(told, ahead=True)
    moved = replace(told, ahead=(replace(track(1, None), box=Box(14, 5, 34, 25)),))
    assert "ahead" not in results.result_message(moved)
    message = results.result_message(moved, ahead=True)
    assert message["ahead"] == 1
    assert message["prompt_results"][0]["predictions"][0]["box"] == [14, 5, 34, 25]
    gone = results.result_message(replace(told, ahead=()), ahead=True)
    assert (gone["ahead"], gone["prompt_results"]) == (1, [])


def test_what_is_no_number_never_reaches_the_wire() -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        results.dumps({"confidence": float("nan")})


def test_a_prompt_is_listed_as_it_would_be_sent() -> None:
    asked = Prompt("cup", (Box(1, 2, 3, 4),), (False,), 0.25, "mine")
    again = fields.parse(fields.PromptIn, json.loads(json.dumps(results.prompt_json(asked))))
    assert again.prompt() == asked


@pytest.mark.parametrize(
    ("names", "told"),
    [(None, [0, 1, 2]), (["cup"], [0]), (["mine"], [1]), ([""], [2]), (["cup", ""], [0, 2]), (["other"], [])],
)
def test_a_reader_that_names_prompts_is_told_of_those_and_they_keep_their_places(
    names: list[str] | None, told: list[int]
) -> None:
    prompts = (Prompt("cup"), Prompt("plate", id="mine"))
    message = results.result_message(result(0, (track(1, None),), prompts), names=names)
    assert [entry["prompt_index"] for entry in message["prompt_results"]] == told


def test_message_pack_carries_run_lengths_as_bytes() -> None:
    shown = result(0, (track(1, 0),), (Prompt("cup"),))
    read = msgpack.unpackb(results.packs(results.result_message(shown)))
    (prediction,) = read["prompt_results"][0]["predictions"]
    assert prediction["masks"]["counts"] == track(1, 0).mask.counts
    assert msgpack.unpackb(results.packs(results.state_message("live", ""))) == {
        "type": "state",
        "state": "live",
        "reason": "",
    }


def test_polygons_of_a_reader_that_wants_holes_have_them_and_say_so() -> None:
    ring = np.ones((HEIGHT, WIDTH), np.bool_)
    ring[5:-5, 5:-5] = False
    told = result(0, (replace(track(1, None), mask=Mask.from_dense(ring)),))
    for form, holes, rings in (("polygon", True, 2), ("polygon", False, 1), ("rle", True, 2), ("none", True, None)):
        message = results.result_message(told, form, holes=holes)  # type: ignore[arg-type]
        (found,) = message["prompt_results"][-1]["predictions"]
        assert found.get("holes") is (True if form == "polygon" and holes else None)
        assert (None if found["masks"] is None else len(found["masks"])) == rings


def test_masks_come_as_polygons_or_not_at_all_when_asked() -> None:
    mask = track(1, 0).mask
    (polygon,) = results.masks_json(mask, "polygon")
    assert len(polygon) >= 3 and all(len(point) == 2 for point in polygon)
    assert results.masks_json(mask, "none") is None


def test_how_long_ago_the_packet_came_and_what_the_source_left_out_are_told_where_they_are_known() -> None:
    told = result(841)
    assert not {"received_ms", "late", "corrupt"} & {
        *results.result_message(told),
        *results.result_message(told)["dropped"],
    }
    frame = replace(told.frame, received=told.frame.arrived - 0.25)
    message = results.result_message(replace(told, frame=frame, lost=LeftOut(late=7)), dropped=3)
    assert (message["age_ms"], message["received_ms"]) == (41.0, 291.0)
    assert message["dropped"] == {"source": told.dropped, "late": 7, "subscriber": 3}
    failed = results.result_message(replace(result(8, error="It broke."), frame=frame, lost=LeftOut(0, 2)))
    assert (failed["received_ms"], failed["dropped"]["corrupt"]) == (291.0, 2)

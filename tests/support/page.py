"""Small steps that the tests of the page share."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.support.browser import Visit, decoded
from tests.support.serving import Served
from tracker import Mask, Sam3, load_model

DEMO_SEED = 7
DEMO = f"demo:?seed={DEMO_SEED}&fps=10"
# Two large objects that stand apart and hardly move, for what must not hang on one moment: over their first 70 seconds
# nano finds each with a score of 0.85 or more, and what is pointed at with an IoU of 0.9. Seeds 9 and 29 are as calm.
CALM_SEED = 1
CALM = f"demo:?seed={CALM_SEED}&fps=10&objects=2&speed=5"


@functools.cache
def trained() -> Sam3:
    return load_model("nano")


def stop_all(served: Served) -> None:
    for session in served.http.get("/sessions").json()["sessions"]:
        served.http.delete(f"/sessions/{session['id']}")


def port(served: Served) -> str:
    return served.address.rpartition(":")[2]


def jpeg(served: Served, result: dict[str, Any]) -> npt.NDArray[np.uint8] | None:
    """The picture the server looked at, if it is still kept."""
    answer = served.http.get(f"/sessions/{result['session']}/frames/{result['frame']['index']}.jpg")
    return decoded(answer.content) if answer.status_code == 200 else None


def found_in(result: dict[str, Any]) -> list[tuple[str | None, npt.NDArray[np.bool_]]]:
    """Name (None: clicked) and mask of each object of a result."""
    return [
        (entry["echo"]["text"], dense(prediction["masks"]))
        for entry in result["prompt_results"]
        for prediction in entry["predictions"]
    ]


def dense(masks: dict[str, Any]) -> npt.NDArray[np.bool_]:
    height, width = masks["size"]
    return Mask(height, width, masks["counts"].encode()).dense()


def next_result(page: Visit) -> None:
    page.wait_for("(seen) => document.getElementById('screen').dataset.index !== seen", shown_index(page))


def shown_index(page: Visit) -> str:
    return page.page.locator("#screen").get_attribute("data-index") or ""


def open_sessions(served: Served) -> list[dict[str, Any]]:
    return [each for each in served.http.get("/sessions").json()["sessions"] if each["state"] != "ended"]


def until_none_open(page: Visit, served: Served) -> None:
    for _ in range(100):
        if not open_sessions(served):
            return
        page.page.wait_for_timeout(50)
    raise AssertionError(f"still open: {open_sessions(served)}")


def open_address(page: Visit, address: str) -> None:
    page.page.fill("#url", address)
    page.page.click("#address button")

"""Where a request's picture comes from, over real HTTP: the cache, a live session, a URL, or its own data."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from PIL import Image

from streamer.config import Config
from streamer.hosted.cache import Caches
from tests.support.models import untrained
from tests.support.pictures import patches, saved, sent
from tests.support.serving import SECONDS, Served, read, serving

WIDTH, HEIGHT = 80, 60
PVS = "/sam3/visual_segment"
PICTURE = patches(WIDTH, HEIGHT)
IMAGE = sent(saved(PICTURE))
LOCAL = {"fetch_http": True, "fetch_networks": ("127.0.0.0/8",)}


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(untrained(), **LOCAL) as served:
        yield served


@pytest.fixture(autouse=True)
def _empty_caches(served: Served) -> None:
    served.app.state.embeddings.caches = Caches(Config().embeddings_bytes, Config().logits_bytes)


def ask(served: Served, query: str = "", **body: Any) -> httpx.Response:
    return served.http.post(f"{PVS}{query}", json={"format": "rle", **body})


def embed(served: Served, query: str = "", **body: Any) -> str:
    answer = served.http.post(f"/sam3/embed_image{query}", json=body)
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"image_id", "time"}
    return str(answer.json()["image_id"])


def size(answer: httpx.Response) -> list[int]:
    """Height and width of what was looked at."""
    assert answer.status_code == 200, answer.text
    found: list[int] = answer.json()["predictions"][0]["masks"]["size"]
    return found


def figures(served: Served) -> dict[str, int]:
    found: dict[str, int] = served.app.state.embeddings.caches.figures()["embeddings"]
    return found


def test_an_embedded_picture_need_not_be_sent_again(served: Served) -> None:
    assert embed(served, image=IMAGE, image_id="dog") == "dog"
    for path, more in [(PVS, {}), ("/sam3/concept_segment", {"prompts": [{"text": "dog"}]}), ("/sam3/embed_image", {})]:
        answer = served.http.post(path, json={"image_id": "dog", **more})
        assert (answer.status_code, answer.headers["x-cache"]) == (200, "hit"), answer.text
    assert (figures(served)["misses"], figures(served)["hits"]) == (1, 3)


def test_without_an_id_of_its_own_an_embedded_picture_gets_one(served: Served) -> None:
    given = embed(served, image=IMAGE)
    assert size(ask(served, image_id=given)) == [HEIGHT, WIDTH]


def test_the_first_request_with_an_id_leaves_its_picture_under_it(served: Served) -> None:
    body = {"image": IMAGE, "image_id": "dog", "prompts": [{"text": "dog"}]}
    first = served.http.post("/sam3/concept_segment", json=body)
    assert (first.status_code, first.headers["x-cache"]) == (200, "miss")
    assert ask(served, image_id="dog").headers["x-cache"] == "hit"


@pytest.mark.parametrize(
    "image",
    [
        {"type": "base64", "value": "no base64!"},
        {"type": "base64"},
        {"type": "url", "value": "https://127.0.0.1/"},
        {"type": "session", "value": "unknown"},
        {"type": "dove", "value": "x"},
        sent(saved(patches(7, 5))),
    ],
)
def test_a_cached_id_wins_and_the_picture_sent_with_it_is_not_even_read(served: Served, image: dict[str, str]) -> None:
    embed(served, image=IMAGE, image_id="dog")
    assert size(ask(served, image=image, image_id="dog")) == [HEIGHT, WIDTH]


def test_an_id_that_is_not_cached_needs_its_picture(served: Served) -> None:
    answer = ask(served, image_id="cat")
    assert answer.status_code == 404
    assert "'cat'" in answer.json()["message"]


def test_an_evicted_id_needs_its_picture_again(served: Served) -> None:
    embed(served, image=IMAGE, image_id="first")
    one = figures(served)["bytes"]
    served.app.state.embeddings.caches = Caches(2 * one, 0)
    for number, name in enumerate(("first", "second", "third")):
        embed(served, image=sent(saved(patches(WIDTH, HEIGHT, number))), image_id=name)
    assert [ask(served, image_id=name).status_code for name in ("first", "second", "third")] == [404, 200, 200]
    assert figures(served)["bytes"] <= 2 * one
    assert figures(served)["evicted"] == 1


@pytest.mark.parametrize(("form", "options"), [("BMP", {}), ("WEBP", {"lossless": True}), ("PNG", {"optimize": True})])
def test_the_same_pixels_in_another_encoding_are_the_same_picture(
    served: Served, form: str, options: dict[str, Any]
) -> None:
    assert ask(served, image=IMAGE).headers["x-cache"] == "miss"
    assert ask(served, image=sent(saved(PICTURE, form, **options))).headers["x-cache"] == "hit"


def test_one_other_pixel_or_the_same_ones_in_another_shape_are_another_picture(served: Served) -> None:
    other = PICTURE.copy()
    other.putpixel((3, 3), (1, 2, 3))
    plain = [Image.new("RGB", shape) for shape in ((40, 30), (30, 40), (1200, 1))]
    for picture in (PICTURE, other, *plain):
        assert ask(served, image=sent(saved(picture))).headers["x-cache"] == "miss"


def test_no_account_sees_what_another_one_left(served: Served) -> None:
    embed(served, "?api_key=mine", image=IMAGE, image_id="dog")
    for query in ("?api_key=other", ""):
        assert ask(served, query, image_id="dog").status_code == 404
        assert ask(served, query, image=IMAGE).headers["x-cache"] == "miss"  # nor whether somebody has that picture
    assert ask(served, "?api_key=mine", image_id="dog").status_code == 200
    assert ask(served, api_key="mine", image_id="dog").status_code == 200
    headers = {"Authorization": "Bearer mine"}
    assert served.http.post(PVS, json={"image_id": "dog"}, headers=headers).status_code == 200


# Pictures by URL


class PictureServer:
    """A web server in another thread that gives one picture, when it is allowed to."""

    def __init__(self) -> None:
        self.asked, self.go_on = threading.Semaphore(0), threading.Event()
        self.go_on.set()
        shown = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                shown.asked.release()
                shown.go_on.wait(SECONDS)
                data = saved(PICTURE)
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.image = {"type": "URL", "value": f"http://127.0.0.1:{self.http.server_port}/dog.png"}


@pytest.fixture
def elsewhere() -> Iterator[PictureServer]:
    server = PictureServer()
    thread = threading.Thread(target=server.http.serve_forever)
    thread.start()
    yield server
    server.go_on.set()
    server.http.shutdown()
    thread.join(SECONDS)
    server.http.server_close()


def test_a_picture_may_be_named_by_its_url(served: Served, elsewhere: PictureServer) -> None:
    assert ask(served, image=IMAGE).headers["x-cache"] == "miss"
    answer = ask(served, image=elsewhere.image)
    assert size(answer) == [HEIGHT, WIDTH]
    assert answer.headers["x-cache"] == "hit"  # the same pixels came another way


def test_a_web_server_that_is_slow_holds_up_no_other_request(served: Served, elsewhere: PictureServer) -> None:
    elsewhere.go_on.clear()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(httpx.post, f"http://{served.address}{PVS}", json={"image": elsewhere.image}, timeout=60)
        assert elsewhere.asked.acquire(timeout=SECONDS)
        assert ask(served, image=IMAGE).status_code == 200
        elsewhere.go_on.set()
        assert waiting.result().status_code == 200


def test_a_web_server_that_is_slow_is_waited_for_by_some_and_the_next_is_told_so(elsewhere: PictureServer) -> None:
    elsewhere.go_on.clear()
    with serving(untrained(), max_waiting=1, **LOCAL) as served, ThreadPoolExecutor(2) as pool:
        address, body = f"http://{served.address}{PVS}", {"image": elsewhere.image}
        waiting = [pool.submit(httpx.post, address, json=body, timeout=60) for _ in range(2)]
        for _ in waiting:
            assert elsewhere.asked.acquire(timeout=SECONDS)
        refused = ask(served, image=elsewhere.image)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) > 0
        elsewhere.go_on.set()
        assert [each.result().status_code for each in waiting] == [200, 200]


# A live session's newest frame


def test_a_live_sessions_picture_can_be_asked_about_while_it_runs(served: Served) -> None:
    id = served.start("demo:?size=128x96&fps=30", "circle")  # noqa: A001
    with served.results(id) as socket:
        read(socket, "result")
        image = {"type": "session", "value": id}
        answer = ask(served, image=image, prompts={"points": [{"x": 120, "y": 90}]})
        assert (size(answer), answer.headers["x-cache"]) == ([96, 128], "hit")
        body = {"image": image, "prompts": [{"text": "circle", "output_prob_thresh": 0}], "format": "rle"}
        found = served.http.post("/sam3/concept_segment", json=body).json()["prompt_results"][0]["predictions"]
        assert {tuple(each["masks"]["size"]) for each in found} <= {(96, 128)}
        read(socket, "result")
    assert figures(served)["entries"] == 0  # its frames are not hoarded
    served.http.delete(f"/sessions/{id}")
    assert ask(served, image=image).status_code == 404


def test_embedding_a_sessions_picture_keeps_it(served: Served) -> None:
    id = served.start("demo:?size=128x96&fps=30", "circle")  # noqa: A001
    with served.results(id) as socket:
        read(socket, "result")
    given = embed(served, image={"type": "session", "value": id})
    served.http.delete(f"/sessions/{id}")
    assert size(ask(served, image_id=given)) == [96, 128]

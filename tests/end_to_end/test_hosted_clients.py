"""The hosted API's own clients, from PyPI and from its document, against our server."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from tests.support import client_environment
from tests.support.documents import ROOT
from tests.support.serving import Served, serving
from tracker import Mask, load_model
from tracker.worlds import worlds

KEY = "secret"
SEED = 5

# The document's sample for concept_segment, with three edits: the picture is ours and lies at PICTURE, the address is
# ours, and its last loop, which is no Python as it is printed ("for key in dat"), prints what its comment says.
SAMPLE = """
import os
import requests
import base64
import cv2
import numpy as np

image = cv2.imread(os.environ["PICTURE"])

# Encode image as base64
_, buffer = cv2.imencode('.jpg', image)
image_base64 = base64.b64encode(buffer).decode('utf-8')

payload = {
    "image": { "type": "base64", "value": image_base64 },
    "prompts": [
        { "type": "text", "text": "person" },
        { "type": "text", "text": "dog" },
    ],
    "output_prob_thresh": 0.5,
    "format": "polygon",
}

url = os.environ["HOST"] + "/sam3/concept_segment?api_key=" + os.getenv("API_KEY")
response = requests.post(url, json=payload)
data = response.json()

for key in data:
    print(key) # Should be prompt_results and time
"""

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def python() -> Path:
    """The interpreter of an environment that holds the clients."""
    return client_environment.python()


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(load_model("nano"), threads=1, api_keys=(KEY,)) as served:
        yield served


@pytest.fixture(scope="module")
def drawn() -> worlds.WorldFrame:
    return worlds.Video(SEED, 320, 240, objects=(3, 3)).next()


@pytest.fixture(scope="module")
def picture(drawn: worlds.WorldFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("picture") / "world.png"
    Image.fromarray(drawn.image).save(path)
    return path


@pytest.fixture(scope="module")
def seen(python: Path, served: Served, picture: Path) -> dict[str, Any]:
    """What the clients made of it."""
    script = ROOT / "tests" / "support" / "hosted_clients.py"
    command = [str(python), str(script), f"http://{served.address}", str(picture), KEY]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_the_sdk_segments_concepts(seen: dict[str, Any], drawn: worlds.WorldFrame) -> None:
    circle, star = seen["concept"]["prompt_results"]
    assert (circle["echo"]["text"], star["echo"]["text"]) == ("circle", "star")
    boxes, classes, areas = seen["concept_boxes"]
    assert len(boxes) == len(classes) == len(areas) == len(circle["predictions"]) + len(star["predictions"])
    assert seen["header"]["prompt_results"]


def test_the_sdk_segments_what_is_pointed_at(seen: dict[str, Any]) -> None:
    assert len(seen["visual"]["prompt_results"]) == len(seen["visual"]["predictions"]) == 2
    boxes, classes, _ = seen["visual_boxes"]
    assert len(boxes) == sum(bool(each["masks"]) for each in seen["visual"]["predictions"])
    assert set(classes) <= {0, 1}
    assert len(seen["nothing"]["predictions"]) == 1


def test_the_sdk_embeds_pictures(seen: dict[str, Any]) -> None:
    assert seen["embedded"]["image_id"] == "sync"
    concept, visual, embedded = seen["async"]
    assert (
        concept["prompt_results"][0]["predictions"] == []
        or "counts" in (concept["prompt_results"][0]["predictions"][0]["masks"])
    )
    assert len(visual["predictions"]) == 1
    assert embedded["image_id"] == "async"


def test_supervision_reads_the_very_masks_that_run_lengths_hold(seen: dict[str, Any]) -> None:
    """Its polygons filled cover what the same answer's run lengths cover, up to holes."""
    masks = [each["masks"] for entry in seen["concept_rle"]["prompt_results"] for each in entry["predictions"]]
    assert seen["concept_boxes"][2] == pytest.approx([_filled(each).sum() for each in masks], rel=0.02)


def _filled(masks: dict[str, Any]) -> npt.NDArray[np.uint8]:
    """A mask without its holes."""
    height, width = masks["size"]
    dense = Mask(height, width, masks["counts"].encode()).dense().astype(np.uint8)
    contours, _ = cv2.findContours(dense, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(np.zeros((height, width), np.uint8), contours, -1, 1, cv2.FILLED), np.uint8)


def test_the_documents_own_sample_runs(python: Path, served: Served, picture: Path) -> None:
    environment = {"HOST": f"http://{served.address}", "API_KEY": KEY, "PICTURE": str(picture)}
    done = subprocess.run([str(python), "-c", SAMPLE], capture_output=True, text=True, check=False, env=environment)
    assert done.stdout.split() == ["prompt_results", "time"], done.stderr

"""What one command loads: `streamer run` on a still picture, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.support.pictures import patches

# Each takes from a tenth of a second to two; a picture needs none of them. Nor does serving need what teaches nano.
NOT_NEEDED = {
    *("torch._dynamo", "torch._inductor", "sympy", "timm", "scipy", "skimage", "fastapi", "uvicorn"),
    *("aiortc", "aioice", "cryptography", "tracker.worlds", "tracker.training"),
}
RUN = """
import json, sys
from streamer import cli
status = cli.main(sys.argv[1:])
json.dump([status, sorted(sys.modules)], sys.stderr)
"""


def test_a_still_picture_is_answered_without_what_it_does_not_need(tmp_path: Path) -> None:
    picture, results = tmp_path / "picture.png", tmp_path / "results.jsonl"
    patches(320, 240).save(picture)
    command = [sys.executable, "-c", RUN, "run", str(picture), "--prompt", "thing", "--out", str(results)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    status, loaded = json.loads(done.stderr[done.stderr.rindex("[0, [") :])
    assert status == 0
    (line,) = results.read_text().splitlines()
    assert json.loads(line)["frame"]
    assert "torch" in loaded
    assert not NOT_NEEDED & {*loaded}

"""
Draw masks with supervision (https://supervision.roboflow.com), from this server's /sam3/concept_segment.

It wants an environment of its own, for supervision brings another OpenCV than the server has:

    python -m venv drawing && drawing/bin/pip install supervision requests
    drawing/bin/python examples/draw_with_supervision.py street.jpg --prompt person --prompt car

So this program imports nothing of ours. It speaks the documented HTTP API, whose answers supervision reads as they are.
"""

from __future__ import annotations

import argparse
import base64
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import requests
import supervision as sv

TIMEOUT = 120  # seconds: a full-size model on a CPU takes long


def main() -> None:
    """Ask, draw, save."""
    parser = argparse.ArgumentParser(description="Draw what was found in a picture.")
    parser.add_argument("picture", type=Path)
    parser.add_argument("--prompt", action="append", help="what to look for; may be given several times")
    parser.add_argument("--out", type=Path, default=Path("drawn.png"))
    parser.add_argument("--server", default="http://localhost:8000")
    parser.add_argument("--key", help="API key, if the server has keys")
    args = parser.parse_args()
    picture = args.picture.read_bytes()
    prompts = [{"type": "text", "text": text} for text in args.prompt or ["person"]]
    image = {"type": "base64", "value": base64.b64encode(picture).decode()}
    body: dict[str, Any] = {"image": image, "prompts": prompts, "format": "polygon"}
    headers = {"Authorization": f"Bearer {args.key}"} if args.key else {}
    try:
        answer = requests.post(f"{args.server}/sam3/concept_segment", json=body, headers=headers, timeout=TIMEOUT)
    except requests.ConnectionError:
        sys.exit(f"No server could be reached at {args.server}. Is it running there?")
    if not answer.ok:
        sys.exit(f"The server says {answer.status_code}: {answer.text}")

    if (pixels := cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)) is None:
        sys.exit(f"{args.picture} is not a picture.")
    detections = sv.Detections.from_sam3(sam3_result=answer.json(), resolution_wh=(pixels.shape[1], pixels.shape[0]))
    names = [prompts[kind]["text"] for kind in detections.class_id]
    labels = [f"{name} {share:.0%}" for name, share in zip(names, detections.confidence, strict=True)]
    drawn = sv.MaskAnnotator(opacity=0.6).annotate(pixels.copy(), detections)
    drawn = sv.LabelAnnotator().annotate(drawn, detections, labels)
    cv2.imwrite(str(args.out), drawn)
    print(f"{args.out}: {', '.join(labels) or 'nothing was found'}")


if __name__ == "__main__":
    try:
        main()
    except OSError as error:  # the picture cannot be read, or no answer came in time
        sys.exit(str(error))
    except KeyboardInterrupt:
        pass

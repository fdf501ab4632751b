"""
What people run against the hosted API, run against ours: ``python hosted_clients.py ADDRESS PICTURE KEY``.

It runs in an environment of its own, with inference-sdk and supervision from PyPI, whose pins clash with ours, and
prints one JSON object.
"""

import asyncio
import json
import sys

import cv2
import supervision as sv
from inference_sdk import InferenceConfiguration, InferenceHTTPClient
from inference_sdk.http.entities import ApiKeyTransport

PROMPTS = [{"type": "text", "text": "circle"}, {"type": "text", "text": "star"}]


def boxes(result: dict, image) -> list:
    """Boxes, classes and areas as supervision reads them."""
    found = sv.Detections.from_sam3(sam3_result=result, resolution_wh=(image.shape[1], image.shape[0]))
    classes = [] if found.class_id is None else found.class_id.tolist()
    return [found.xyxy.tolist(), classes, [] if found.mask is None else found.mask.sum((1, 2)).tolist()]


async def asynchronous(client: InferenceHTTPClient, image) -> list:
    """Every method's other half."""
    return [
        await client.sam3_concept_segment_async(image, prompts=PROMPTS, format="rle"),
        await client.sam3_visual_segment_async(image, prompts=[{"points": [{"x": 60, "y": 50, "positive": True}]}]),
        await client.sam3_embed_image_async(image, image_id="async"),
    ]


def main() -> None:
    """Ask everything."""
    address, path, key = sys.argv[1:]
    image = cv2.imread(path)
    client = InferenceHTTPClient(api_url=address, api_key=key)
    asked = {"prompts": PROMPTS, "output_prob_thresh": 0.3, "nms_iou_threshold": 0.9}
    concept = client.sam3_concept_segment(image, **asked)
    points = [
        {"points": [{"x": 60, "y": 50, "positive": True}]},
        {"box": {"x": 60, "y": 50, "width": 40, "height": 30}},
    ]
    visual = client.sam3_visual_segment(image, prompts=points)
    header = InferenceHTTPClient(api_url=address, api_key=key)
    header.configure(InferenceConfiguration(api_key_transport=ApiKeyTransport.HEADER))
    print(
        json.dumps(
            {
                "concept": concept,
                "concept_rle": client.sam3_concept_segment(image, format="rle", **asked),
                "concept_boxes": boxes(concept, image),
                "visual": visual,
                "visual_boxes": boxes(visual, image),
                "nothing": client.sam3_visual_segment(image),
                "embedded": client.sam3_embed_image(image, image_id="sync"),
                "header": header.sam3_concept_segment(path, prompts=PROMPTS),
                "async": asyncio.run(asynchronous(client, image)),
            }
        )
    )


if __name__ == "__main__":
    main()

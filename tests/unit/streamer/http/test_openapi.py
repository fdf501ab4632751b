"""The served OpenAPI document against the two published ones: equal but for the differences that are listed here."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any

import pytest

from streamer.app import create_app
from streamer.config import Config
from streamer.hosted import contract

GONE = object()
POLYGONS = {
    "type": "array",
    "items": {
        "type": "array",
        "items": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
    },
}
MASKS = "/components/schemas/Sam3SegmentationPrediction/properties/masks"

# "Where we differ from the document, on purpose": everything, by JSON pointer (RFC 6901). What is added stands below.
DIFFERENCES: dict[str, Any] = {
    "/paths/~1sam3~1concept_segment/post/parameters/0/required": False,
    "/paths/~1sam3~1visual_segment/post/parameters/0/required": False,
    f"{MASKS}/type": GONE,
    f"{MASKS}/items": GONE,
    f"{MASKS}/anyOf": [POLYGONS, {"$ref": "#/components/schemas/RunLengths"}],
}
# Referred to there and defined nowhere.
DEFINED = {"Box", "BoxXYXY", "Sam2PromptSet", "Sam2SegmentationPrediction"}
# Ours, in the published schemas and paths.
EXTENSIONS = {
    "/paths/~1sam3~1embed_image",
    "/components/schemas/Sam3SegmentationRequest/properties/holes",
    "/components/schemas/Sam3SegmentationPrediction/properties/holes",
    "/components/schemas/Sam2SegmentationRequest/properties/holes",
    "/components/schemas/Sam2SegmentationRequest/properties/return_candidates",
    "/components/schemas/Sam2SegmentationResponse/properties/predictions",
    "/components/schemas/Sam2PromptResult/properties/candidates",
    "/components/schemas/InferenceRequestImage/x-extension-session",
}

WORD_FOR_WORD = {
    "concept_segment": "21614a712d2d68c3bd5352361585017106ea63f81ee98ef836a3bb0d333fd9f1",
    "visual_segment": "d6b9584f76e4dec6edd589b55da8b9aca4a582ab7c07741009d99b75fb970383",
}


def published() -> dict[str, Any]:
    """The two documents as one; what both describe they describe alike."""
    both: dict[str, Any] = {"paths": {}, "components": {"schemas": {}}}
    for name in WORD_FOR_WORD:
        document = contract.read(name)
        both["paths"] |= document["paths"]
        for schema, described in document["components"]["schemas"].items():
            assert both["components"]["schemas"].setdefault(schema, described) == described
    return both


@pytest.fixture(scope="module")
def served() -> dict[str, Any]:
    """What ``/openapi.json`` answers (test_api.py gets it from there)."""
    return create_app(Config()).openapi()


def differences(theirs: Any, ours: Any, pointer: str = "") -> Iterator[tuple[str, Any]]:
    """Every place where ours is another, or has more: its JSON pointer, and what stands there."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in [*theirs, *(key for key in ours if key not in theirs)]:
            place = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
            if key in theirs and key in ours:
                yield from differences(theirs[key], ours[key], place)
            else:
                yield place, ours.get(key, GONE)
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for index, (their, our) in enumerate(zip(theirs, ours, strict=True)):
            yield from differences(their, our, f"{pointer}/{index}")
    elif type(theirs) is not type(ours) or theirs != ours:  # False is no 0
        yield pointer, ours


def marked(pointer: str, value: Any) -> bool:
    """Whether an addition says that it is ours: by its own name, in itself, or in all operations of a path."""
    if pointer.rpartition("/")[2].startswith("x-extension"):
        return True
    if not isinstance(value, dict):
        return False
    if pointer.count("/") == 2 and pointer.startswith("/paths/"):
        return all(operation.get("x-extension") is True for operation in value.values())
    return value.get("x-extension") is True


def unlisted(served: dict[str, Any]) -> list[str]:
    """Where the served document differs from the published ones and should not."""
    ours = {"paths": served["paths"], "components": {"schemas": served["components"]["schemas"]}}
    found = dict(differences(published(), ours))
    listed = {pointer for pointer, value in DIFFERENCES.items() if pointer in found and same(found[pointer], value)}
    defined = {f"/components/schemas/{name}" for name in DEFINED}
    allowed = listed | defined | {pointer for pointer, value in found.items() if marked(pointer, value)}
    return sorted((set(found) - allowed) | (set(DIFFERENCES) - listed) | (defined - set(found)))


def same(found: Any, wanted: Any) -> bool:
    return found is wanted or (type(found) is type(wanted) and found == wanted)


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def test_the_published_documents_lie_here_word_for_word() -> None:
    for name, digest in WORD_FOR_WORD.items():
        data = files("streamer.hosted").joinpath("documents", f"{name}.json").read_bytes()
        assert hashlib.sha256(data).hexdigest() == digest


def test_what_is_served_is_what_was_published_but_for_the_listed_differences(served: dict[str, Any]) -> None:
    assert unlisted(served) == []


def test_our_extensions_are_those_that_are_listed(served: dict[str, Any]) -> None:
    """Beside sessions and operations, which the hosted API has not at all, and schemas of their own."""
    both = published()
    ours = {"paths": served["paths"], "components": {"schemas": served["components"]["schemas"]}}
    added = {pointer for pointer, _ in differences(both, ours)} - set(DIFFERENCES)
    schemas = {f"/components/schemas/{name}" for name in served["components"]["schemas"]}
    paths = {pointer for pointer in added if pointer.startswith("/paths/") and not pointer.startswith("/paths/~1sam3")}
    assert added - schemas - paths == EXTENSIONS


def test_schemas_that_were_referred_to_and_not_defined_are_ours() -> None:
    both = published()
    wanted = {reference.rpartition("/")[2] for reference in references(both)}
    assert wanted - set(both["components"]["schemas"]) == DEFINED


def test_every_reference_leads_somewhere(served: dict[str, Any]) -> None:
    wanted = set(references(served))
    assert wanted
    for reference in wanted:
        head, _, name = reference.rpartition("/")
        assert head == "#/components/schemas"
        assert name in served["components"]["schemas"]


def test_a_box_says_in_each_endpoint_where_its_x_and_y_are(served: dict[str, Any]) -> None:
    schemas = served["components"]["schemas"]
    assert "top left corner" in schemas["Box"]["description"]
    assert "CENTRE" in schemas["Sam2Box"]["description"]


def test_keys_are_described_for_our_routes_as_what_may_be_left_out(served: dict[str, Any]) -> None:
    """The published documents name the key as a parameter, which stays; theirs has no security schemes."""
    schemes = served["components"]["securitySchemes"]
    told = {name: (scheme["type"], scheme.get("in"), scheme.get("scheme")) for name, scheme in schemes.items()}
    assert sorted(told.values(), key=str) == [("apiKey", "query", None), ("http", None, "bearer")]
    assert all(scheme["x-extension"] is True for scheme in schemes.values())
    any_or_none: list[Any] = [*({name: []} for name in schemes), {}]
    assert served["paths"]["/sessions"]["post"]["security"] == any_or_none
    assert "security" not in served["paths"]["/healthz"]["get"]
    assert not [path for path in published()["paths"] if "security" in served["paths"][path]["post"]]


def schema(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = document["components"]["schemas"][name]
    return found


@pytest.mark.parametrize(
    "change",
    [
        lambda document: schema(document, "Sam2SegmentationRequest")["properties"]["format"].update(default="rle"),
        lambda document: schema(document, "Sam2SegmentationRequest")["properties"].pop("image_id"),
        lambda document: schema(document, "Sam2SegmentationRequest")["required"].append("prompts"),
        lambda document: schema(document, "Sam3Prompt").pop("required"),
        lambda document: schema(document, "Sam3Prompt")["properties"].update(more={"type": "string"}),
        lambda document: schema(document, "Sam3SegmentationRequest")["properties"]["prompts"].update(maxItems=16),
        lambda document: schema(document, "Sam3SegmentationPrediction")["properties"]["masks"].pop("anyOf"),
        lambda document: document["components"]["schemas"].pop("BoxXYXY"),
        lambda document: document["components"]["schemas"].update(More={"type": "object"}),
        lambda document: document["paths"]["/sam3/visual_segment"]["post"]["parameters"][0].update(required=True),
        lambda document: document["paths"]["/sam3/visual_segment"]["post"]["parameters"][0].update(required=0),
        lambda document: document["paths"]["/sam3/visual_segment"]["post"]["parameters"].append({"name": "more"}),
        lambda document: document["paths"]["/sam3/visual_segment"].update(get={}),
        lambda document: document["paths"].update({"/sam3/more": {"post": {}}}),
    ],
)
def test_any_other_difference_is_noticed(served: dict[str, Any], change: Callable[[dict[str, Any]], object]) -> None:
    document = copy.deepcopy(served)
    change(document)
    assert unlisted(document)

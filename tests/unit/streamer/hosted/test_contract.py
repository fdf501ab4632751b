"""streamer.hosted.contract: the published documents and our additions; http/test_openapi.py compares all of it."""

from __future__ import annotations

from streamer.hosted.contract import contract, read


def test_every_documented_path_is_served_and_ours_is_marked() -> None:
    paths = contract()["paths"]
    documented = {path for name in ("concept_segment", "visual_segment") for path in read(name)["paths"]}
    assert documented == {"/sam3/concept_segment", "/sam3/visual_segment"}
    assert set(paths) - documented == {"/sam3/embed_image"}
    assert paths["/sam3/embed_image"]["post"]["x-extension"] is True


def test_what_we_added_to_a_documented_schema_is_marked() -> None:
    schemas = contract()["schemas"]
    for schema, field in (
        ("Sam2SegmentationResponse", "predictions"),
        ("Sam2SegmentationRequest", "return_candidates"),
        ("Sam2PromptResult", "candidates"),
    ):
        assert schemas[schema]["properties"][field]["x-extension"] is True
        assert field not in read("visual_segment")["components"]["schemas"][schema]["properties"]


def test_a_key_may_be_left_out_and_a_mask_may_be_run_lengths() -> None:
    made = contract()
    assert {each["required"] for path in made["paths"].values() for each in path["post"]["parameters"]} == {False}
    masks = made["schemas"]["Sam3SegmentationPrediction"]["properties"]["masks"]["anyOf"]
    assert {"$ref": "#/components/schemas/RunLengths"} in masks


def test_making_it_leaves_the_published_documents_as_they_are() -> None:
    before = read("concept_segment")
    contract()["paths"].clear()
    assert read("concept_segment") == before
    assert contract() == contract()

"""
``transformers``' own SAM3, with the same random weights, answers as ours does: stage by stage, number for number.

Nobody here has Meta's weights; an implementation that others wrote stands in for them. docs/agreement.md has the
figures, and a line for each difference that is theirs: a test here shows that it is the whole difference.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support import agreement, needs, theirs
from tests.support.agreement import HEIGHT, TINY, WIDTH, Both, Pair, picture
from tracker import Prompt, Sam3, SegmentPrompt
from tracker.model import postprocess
from tracker.model.detector import distinct, exemplars, reached
from tracker.stream.association import assign


@pytest.fixture(scope="module")
def ours() -> Sam3:
    needs.transformers()
    model = Sam3(TINY, torch.device("cpu"))
    model.bf16_backbone = False
    theirs.randomise(model.network)
    sure(model)
    return model


def sure(model: Sam3) -> None:
    """Objects are there: where they are not, both write one constant into the mask and nothing is compared."""
    model.interactive.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(5.0)


@pytest.fixture(scope="module")
def checkpoint(ours: Sam3) -> dict[str, Tensor]:
    return {key: each.clone() for key, each in theirs.checkpoint(ours).items()}


@pytest.fixture(scope="module")
def model(checkpoint: dict[str, Tensor]) -> Any:
    return theirs.build(TINY, checkpoint)


@pytest.fixture(scope="module")
def clicker(checkpoint: dict[str, Tensor]) -> Any:
    return theirs.clicker(TINY, checkpoint)


@pytest.fixture(scope="module")
def found(ours: Sam3, model: Any, clicker: Any) -> list[Pair]:
    return list(agreement.pairs(Both(ours, model), clicker))


@pytest.mark.parametrize("stage", agreement.STAGES)
def test_a_stage_is_the_same(found: list[Pair], stage: str) -> None:
    some = [pair for pair in found if pair.stage == stage]
    least, most = min(pair.cosine for pair in some), max(pair.relative for pair in some)
    print(f"{stage}: {len(some)} tensors, least cosine {least:.9f}, greatest relative error {most:.1e}")
    for pair in some:
        assert pair.agrees, pair.what
        assert pair.theirs.numel() == 1 or pair.theirs.float().std() > 1e-3, f"{pair.what} says nothing"


def test_masks_are_the_same(found: list[Pair]) -> None:
    masks = [pair for pair in found if pair.what.endswith("masks")]
    assert len(masks) == 3 + 10 + 3
    assert min(pair.iou for pair in masks) > 0.999


HEAD = "inst_interactive_predictor.model"


@pytest.mark.parametrize(
    ("stage", "one", "other"),
    [
        ("features", *(f"backbone.vision_backbone.trunk.{name}.bias" for name in ("blocks.3.norm1", "ln_pre"))),
        ("text", *(f"backbone.language_backbone.encoder.transformer.resblocks.1.ln_{n}.weight" for n in (1, 2))),
        ("detector", *(f"transformer.decoder.boxRPB_embed_{axis}.layers.0.bias" for axis in "xy")),
        ("detector", "geometry_encoder.norm.weight", "geometry_encoder.encode_norm.weight"),
        ("clicks", *(f"{HEAD}.sam_mask_decoder.transformer.layers.0.norm{n}.weight" for n in (1, 2))),
        ("memory", f"{HEAD}.maskmem_backbone.fuser.layers.0.gamma", f"{HEAD}.maskmem_backbone.fuser.layers.1.gamma"),
    ],
)  # fmt: skip
def test_two_parameters_that_are_swapped_are_seen(
    ours: Sam3, model: Any, clicker: Any, stage: str, one: str, other: str
) -> None:
    """The comparison can fail, for the smallest tensors too."""
    found = []
    for _ in ("swap", "swap back"):
        a, b = ours.network.get_parameter(one), ours.network.get_parameter(other)
        a.data, b.data = b.data.clone(), a.data.clone()
        ours.detector.forget()
        found.append(all(pair.agrees for pair in agreement.pairs(Both(ours, model), clicker, (stage,))))
    assert found == [False, True]


# What follows are the differences that are theirs, one test each.


@torch.inference_mode()
def test_without_boxes_theirs_leaves_out_the_token_that_stands_for_all_exemplars(ours: Sam3, model: Any) -> None:
    """Upstream's prompt ends in it even where there are no boxes (sam3_image.py, ``_encode_prompt``)."""
    ids, embedding, encoder = theirs.tokens(ours, "star"), ours.embed(picture(0)), ours.network.geometry_encoder
    answer = model.detector_model(
        pixel_values=ours._square(picture(0)), input_ids=ids, attention_mask=(ids != 0).long()
    ).pred_logits
    with_token = agreement.raw(ours, embedding, Prompt("star"))["pred_logits"][..., 0]
    hook = encoder.register_forward_hook(lambda *args: (args[-1][0][:0], args[-1][1][:, :0]))
    without = agreement.raw(ours, embedding, Prompt("star"))["pred_logits"][..., 0]
    hook.remove()
    assert Pair("", "", without, answer).agrees
    assert not Pair("", "", with_token, answer).agrees


@torch.inference_mode()
@pytest.mark.parametrize("prompt", [SegmentPrompt(), SegmentPrompt(logits=torch.zeros(56, 56))])
def test_asked_without_a_point_theirs_adds_one_that_is_none(ours: Sam3, clicker: Any, prompt: SegmentPrompt) -> None:
    """Upstream's ``predict_inst`` gives no points at all then (sam1_task_predictor.py, ``_predict``)."""
    embedding = ours.embed(picture(0))
    levels = list(embedding.interactive)
    answer = theirs.click(clicker, levels, prompt, (1, 1), True)
    order = answer.iou_scores[0, 0].argsort(descending=True)
    expected = answer.pred_masks[0, 0, order].clamp(-32, 32)
    none = torch.zeros(1, 1, 2), torch.full((1, 1), -1)
    with pytest.MonkeyPatch.context() as patch:
        assert not Pair("", "", ours.segment(embedding, [prompt], multimask=True).logits[0], expected).agrees
        patch.setattr(ours.segmenter, "_points", lambda *_: none)
        assert Pair("", "", ours.segment(embedding, [prompt], multimask=True).logits[0], expected).agrees


@torch.inference_mode()
def test_their_clicker_marks_a_level_that_it_then_drops(ours: Sam3, clicker: Any) -> None:
    """The embedding that says "no memory" belongs to the coarsest of three levels; they have four at that line."""
    pixels, mark = ours._square(picture(0)), clicker.no_memory_embedding
    before = clicker.get_image_embeddings(pixels)
    mark.data += 1
    after = clicker.get_image_embeddings(pixels)
    mark.data -= 1
    assert len(before) == 3
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


@torch.inference_mode()
def test_of_a_mask_taken_as_true_theirs_keeps_the_best_of_three_pointers(ours: Sam3, model: Any) -> None:
    """Upstream's is that of the token for one mask (sam3_tracker_base.py, ``_use_mask_as_output``)."""
    (made,) = ours.memorize(ours.embed(picture(0)), agreement.drawn(ours), 0)
    mask = agreement.full_size(ours, agreement.drawn(ours))
    pixels, _, seen = Both(ours, model).look(0)
    kept = theirs.Following(model).step(pixels, seen, 0, mask)
    assert made.features is not None
    ours_map = made.features.bfloat16().flatten(2).permute(2, 0, 1)
    assert Pair("", "", ours_map, kept["maskmem_features"], agreement.BFLOAT).agrees
    assert not Pair("", "", made.pointer, kept["object_pointer"][0]).agrees
    forward = model.tracker_model._single_frame_forward
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            model.tracker_model, "_single_frame_forward", lambda **asked: forward(multimask_output=False, **asked)
        )
        kept = theirs.Following(model).step(pixels, seen, 0, mask)
    assert Pair("", "", made.pointer, kept["object_pointer"][0]).agrees


@torch.inference_mode()
def test_where_no_object_is_seen_both_remember_that(model: Any) -> None:
    """The other branch of the memory tracker: a constant for the mask, the pointer and the map of an absent object."""
    absent = Sam3(TINY, torch.device("cpu"))
    absent.bf16_backbone = False
    theirs.randomise(absent.network)
    absent.interactive.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(-5.0)
    pairs = list(agreement.memory(Both(absent, theirs.build(TINY, theirs.checkpoint(absent))), steps=2))
    assert all(pair.theirs.max() < 0.5 for pair in pairs if "present" in pair.what)
    assert all(pair.agrees for pair in pairs if not pair.what.endswith("masks"))
    assert all(torch.equal(pair.ours, pair.theirs) for pair in pairs if pair.what.endswith("masks"))


# What comes before the network and after it, on the same numbers for both.


@pytest.mark.parametrize("size", [(96, 128), (480, 640), (224, 224), (104, 1000), (8, 8)])
def test_a_picture_is_prepared_alike(ours: Sam3, size: tuple[int, int]) -> None:
    """Colours in one order, the same filter, the same mean and deviation; not square, each side is scaled by itself."""
    from transformers import Sam3ImageProcessor

    image = np.random.default_rng(0).integers(0, 255, (*size, 3), np.uint8)
    image[..., 2] //= 4  # a channel that is unlike the others
    processor = Sam3ImageProcessor(size={"height": TINY.image_size, "width": TINY.image_size})
    expected = processor(images=image, return_tensors="pt", input_data_format="channels_last").pixel_values
    assert torch.allclose(ours._square(image), expected, atol=1e-6)


def test_boxes_are_scaled_alike(ours: Sam3) -> None:
    """An exemplar in pixels is what their processor makes of it: centre and size, as shares of the picture."""
    from transformers.models.sam3 import processing_sam3

    boxes = agreement.EXEMPLARS.boxes
    shares = exemplars((HEIGHT, WIDTH), [agreement.EXEMPLARS], ours.device)
    corners = torch.tensor([[b.x0, b.y0, b.x1, b.y1] for b in boxes]) / torch.tensor([WIDTH, HEIGHT] * 2)
    to_centres: Any = processing_sam3.box_xyxy_to_cxcywh
    assert torch.allclose(shares.box_embeddings[:, 0], to_centres(corners), atol=1e-6)
    assert shares.box_labels[:, 0].tolist() == [1, 0]


def blobs(count: int, side: int = 56) -> Tensor:
    """Logits of squares, each of which covers part of the one before, with a hole and a speck."""
    logits = torch.full((count, side, side), -4.0)
    for place in range(count):
        logits[place, 4 + 3 * place : 20 + 3 * place, 6:26] = 4.0
        logits[place, 10 + 3 * place, 12] = -1.0
        logits[place, side - 4, side - 4] = 1.0
    return logits


class Kernels:
    """
    Stands in for the ``kernels`` that theirs downloads for two primitives; the steps around them are theirs.

    Without it theirs skips suppression and hole filling, silently.
    """

    @staticmethod
    def generic_nms(ious: Tensor, scores: Tensor, threshold: float, use_iou_matrix: bool) -> Tensor:
        assert use_iou_matrix
        kept: list[int] = []
        for index in scores.argsort(descending=True).tolist():
            if all(ious[index, other] <= threshold for other in kept):
                kept.append(index)
        return torch.tensor(kept)

    @staticmethod
    def cc_2d(mask: Tensor, get_counts: bool) -> tuple[Tensor, Tensor]:
        from scipy import ndimage

        assert get_counts
        labels = np.stack([ndimage.label(each, np.ones((3, 3)))[0] for each in mask[:, 0].numpy()])
        counts = np.stack([np.where(each > 0, np.bincount(each.ravel())[each], 0) for each in labels])
        return torch.from_numpy(labels)[:, None], torch.from_numpy(counts)[:, None]


@pytest.fixture
def video(monkeypatch: pytest.MonkeyPatch) -> Any:
    needs.transformers()
    from transformers.models.sam3_video import modeling_sam3_video

    monkeypatch.setattr(modeling_sam3_video, "cv_utils_kernel", Kernels)
    monkeypatch.setattr(modeling_sam3_video, "_load_cv_utils_kernel_once", lambda: None)
    return modeling_sam3_video


@pytest.mark.parametrize("threshold", [0.0, 0.4, 0.5])
@pytest.mark.parametrize("most", [0.1, 0.35, 0.6])
def test_the_same_detections_are_kept(video: Any, threshold: float, most: float) -> None:
    scores = torch.tensor([0.45, 0.9, 0.2, 0.55, 0.8, 0.6, 0.41])
    kept = video.nms_masks(scores, blobs(7), threshold, most)
    (found,) = distinct([reached(scores, blobs(7), threshold)], most)
    assert found.scores.tolist() == sorted(scores[kept].tolist(), reverse=True)


def test_holes_and_specks_are_repaired_alike(video: Any) -> None:
    noise = torch.randn(6, 288, 288, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.avg_pool2d(noise[:, None], 5, 1, 2)
    expected = video.fill_holes_in_mask_scores(smooth, max_area=postprocess.TRACK_SPECK)[:, 0]
    ours = postprocess.fill_holes(smooth[:, 0], postprocess.speck_area(288))
    assert (expected != smooth[:, 0]).sum() > 1000
    assert torch.equal(ours, expected)


def test_scores_hold_the_presence_and_thresholds_cut_alike(ours: Sam3) -> None:
    from transformers import Sam3ImageProcessor

    generator = torch.Generator().manual_seed(0)
    logits, presence = torch.randn(1, 12, generator=generator) * 2, torch.tensor([[1.2]])
    outputs = SimpleNamespace(
        pred_logits=logits, presence_logits=presence, pred_masks=blobs(12)[None], pred_boxes=torch.zeros(1, 12, 4)
    )
    (theirs_kept,) = Sam3ImageProcessor().post_process_instance_segmentation(outputs, threshold=0.4)
    with pytest.MonkeyPatch.context() as patch:
        answer = {"pred_logits": logits[..., None], "presence_logit_dec": presence, "pred_masks": blobs(12)[None]}
        patch.setattr(ours.network, "forward_grounding", lambda **_: answer | {"pred_boxes": None})
        levels = ours.levels(ours.embed(picture(0)))
        scores, masks = ours.detector.ground(levels, (), (HEIGHT, WIDTH), [Prompt("star")])
    kept = reached(scores[0], masks[0], 0.4)
    assert 0 < len(kept) < 12
    assert torch.allclose(kept.scores, theirs_kept["scores"].sort(descending=True).values)


def test_masks_at_picture_size_are_alike_but_for_the_edge(ours: Sam3) -> None:
    """Theirs scales probabilities and cuts at a half, ours (and upstream's video) scales logits and cuts at zero."""
    from transformers import Sam3ImageProcessor

    logits = torch.nn.functional.avg_pool2d(blobs(3)[:, None], 7, 1, 3)[:, 0]
    sure, nowhere = torch.full((1, 3), 9.0), torch.zeros(1, 3, 4)
    outputs = SimpleNamespace(pred_logits=sure, presence_logits=None, pred_masks=logits[None], pred_boxes=nowhere)
    (answer,) = Sam3ImageProcessor().post_process_instance_segmentation(outputs, target_sizes=[(HEIGHT, WIDTH)])
    mine = np.stack([mask.dense() for mask, _ in postprocess.to_masks(logits, HEIGHT, WIDTH)])
    scaled = torch.nn.functional.interpolate(logits[None], (HEIGHT, WIDTH), mode="bilinear")[0] > 0
    assert np.array_equal(mine, scaled.numpy())
    assert (mine != answer["masks"].bool().numpy()).mean() < 0.005


def test_detections_and_objects_are_paired_alike(ours: Sam3, model: Any) -> None:
    """Where each detection covers one object: theirs may give one detection to several objects, ours never does."""
    objects = torch.full((4, 56, 56), -4.0)
    for place in range(4):
        objects[place, 2:12, 13 * place : 13 * place + 11] = 4.0
    shifted = objects.roll((1, 2), (1, 2))[[2, 0, 3]]
    unseen = torch.full((1, 56, 56), -4.0)
    unseen[0, 40:50, 10:20] = 4.0
    detections, same = torch.cat([shifted, unseen]), torch.zeros(4, dtype=torch.long)
    new, _, matched, *_ = model._associate_det_trk(detections, torch.full((4,), 0.9), objects, [0, 1, 2, 3], same, same)
    ious = postprocess.pairwise_iou(detections > 0, objects > 0).numpy()
    assert assign(ious, model.assoc_iou_thresh) == [(row, ids[0]) for row, ids in matched.items() if ids]
    assert new == [3]
    assert list(matched.values()) == [[2], [0], [3], []]

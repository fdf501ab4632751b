"""What others take for a frame of video, in the same run: the ``sam3`` wheel's own path, and transformers' session."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any

import numpy as np
import torch

from benchmarks.gpu_parts import Picture, Timing, boxes, timed
from tracker import Sam3


def wheel(model: Sam3, image: Picture, objects: int, frames: int, warm_up: int) -> Timing:
    """
    The wheel on the same weights: encoder and detector on every frame, and its tracker's own propagation.

    Left out are association, hotstart and hole filling (its video model is for CUDA and whole files), so it is faster
    here than in truth. Objects are given as masks on the first frame; its state grows with every frame.
    """
    from sam3.model.data_misc import FindStage

    tracker, network, height, width = model.interactive, model.network, *image.shape[:2]
    zero = torch.zeros(1, dtype=torch.long, device=model.device)
    stage = FindStage(zero, zero, *[None] * 6)

    def features(index: int) -> dict[str, Any]:
        """Embed a frame for detector and tracker."""
        found: dict[str, Any] = network.backbone.forward_image(model._square(image))
        levels, decoder = found["sam2_backbone_out"]["backbone_fpn"], tracker.sam_mask_decoder
        levels[0], levels[1] = decoder.conv_s0(levels[0]), decoder.conv_s1(levels[1])
        state["cached_features"] = {index: (torch.zeros(1, 3, 1, 1, device=model.device), found["sam2_backbone_out"])}
        return found

    def step() -> None:
        index = len(done)
        done.append(index)
        found = features(index)
        network.forward_grounding(
            backbone_out={**found, **text},
            find_input=stage,
            find_target=None,
            geometric_prompt=network._get_dummy_prompt(),
        )
        for *_, masks, _ in tracker.propagate_in_video(
            state, start_frame_idx=index, max_frame_num_to_track=0, reverse=False, tqdm_disable=True
        ):
            (masks > 0).cpu()

    with torch.inference_mode(), model.precision():
        text = network.backbone.forward_text(["thing"], device=model.device)
        state = _state(model, height, width)
        features(0)
        _give_masks(model, state, objects)
        done = [0]
        return timed(model, step, frames, warm_up)


def _state(model: Sam3, height: int, width: int) -> dict[str, Any]:
    """The wheel's own state of a stream that has no end."""
    state: dict[str, Any] = model.interactive.init_state(
        video_height=height,
        video_width=width,
        num_frames=10**9,
        cached_features={},
        offload_state_to_cpu=model.device.type == "cpu",
    )
    return state


def _give_masks(model: Sam3, state: dict[str, Any], objects: int) -> None:
    """Tell the wheel's tracker the objects of the first frame."""
    height, width = state["video_height"], state["video_width"]
    for number, box in enumerate(boxes(objects, height, width)):
        mask = torch.zeros(height, width)
        mask[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)] = 1
        model.interactive.add_new_mask(state, 0, number, mask)
    model.interactive.propagate_in_video_preflight(state)


_SIDE, _PATCH = 224, 14
_TRUNK = {
    "model_type": "sam3_vit_model",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": _SIDE,
    "patch_size": _PATCH,
    "window_size": 8,
    "global_attn_indexes": [1],
    "pretrain_image_size": _SIDE,
}
_VISION = {
    "model_type": "sam3_vision_model",
    "backbone_config": _TRUNK,
    "backbone_feature_sizes": [[_SIDE // _PATCH * scale] * 2 for scale in (4, 2, 1)],
}
_TEXT = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
TINY: dict[str, Any] = {  # sizes of transformers' configuration for a CPU
    "detector_config": {
        "vision_config": _VISION,
        "text_config": _TEXT,
        "geometry_encoder_config": {"num_layers": 1},
        "detr_encoder_config": {"num_layers": 1},
        "detr_decoder_config": {"num_layers": 1},
    },
    "tracker_config": {"vision_config": _VISION, "memory_attention_num_layers": 1},
    "low_res_mask_size": _SIDE // _PATCH * 4,
}


def _config(library: Any, model: Sam3, objects: int) -> Any:
    """Sizes, and thresholds that let every detection be an object at once."""
    config = library.Sam3VideoConfig(
        **(TINY if model.device.type == "cpu" else {}),
        score_threshold_detection=0.0,
        new_det_thresh=0.0,
        det_nms_thresh=0.0,
        max_num_objects=objects,
        hotstart_delay=0,
        hotstart_unmatch_thresh=0,
        hotstart_dup_thresh=0,
        suppress_overlapping_based_on_recent_occlusion_threshold=0.0,
        recondition_every_nth_frame=0,
        init_trk_keep_alive=10**6,
        max_trk_keep_alive=10**6,
    )
    if model.device.type == "cpu":
        config.image_size = _SIDE
    return config


def transformers(model: Sam3, image: Picture, objects: int, frames: int, warm_up: int) -> Timing:
    """
    The ``Sam3VideoModel`` of transformers, frame by frame, with random weights of the same sizes: it reads other files.

    It leaves suppression and hole filling out where the package ``kernels`` is missing, and is faster for it.
    Every detection counts as an object until there are as many as wanted. Raises ImportError where it is not installed.
    """
    library = import_module("transformers")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = _config(library, model, objects)
        kind = torch.bfloat16 if model.device.type == "cuda" else torch.float32
        with torch.random.fork_rng():
            rival = library.Sam3VideoModel(config).to(model.device, kind).eval()
        session = import_module("transformers.models.sam3_video.modeling_sam3_video").Sam3VideoInferenceSession(
            video_height=image.shape[0],
            video_width=image.shape[1],
            inference_device=model.device,
            inference_state_device=model.device,
            video_storage_device=model.device,
            dtype=kind,
        )
        session.prompts[0] = "thing"
        ids = torch.ones(1, config.detector_config.text_config.max_position_embeddings, dtype=torch.long)
        session.prompt_input_ids[0] = ids.to(model.device)
        session.prompt_attention_masks[0] = torch.ones_like(session.prompt_input_ids[0])
        side = config.detector_config.vision_config.backbone_config.image_size
        pixels = (
            torch.from_numpy(np.ascontiguousarray(image)).to(model.device).permute(2, 0, 1)[None].float() / 127.5 - 1
        )
        pixels = torch.nn.functional.interpolate(pixels, (side, side), mode="bilinear").to(kind)
        found = timed(model, lambda: rival(session, frame=pixels), frames, warm_up)
    if len(session.obj_ids) != objects:
        found.note = f"{len(session.obj_ids)} objects were followed"
    return found

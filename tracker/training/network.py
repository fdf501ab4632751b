"""Nano in training: the forward passes of the detector and the interactive head on one batch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tracker.model.network import build
from tracker.model.vocabulary import WordTokenizer
from tracker.training.data import Batch
from tracker.training.losses import find_targets
from tracker.training.recipe import MODEL


def fresh() -> Any:
    """Nano with random weights, its query boxes on a grid over the picture so that each starts in its own place."""
    model = build(MODEL, WordTokenizer())
    decoder = model.transformer.decoder
    side = round(MODEL.queries**0.5)
    axis = (torch.arange(side) + 0.5) / side
    rows, columns = torch.meshgrid(axis, axis, indexing="ij")
    boxes = torch.stack([columns, rows, *[torch.full_like(rows, 0.2)] * 2], -1).reshape(-1, 4)
    with torch.no_grad():
        decoder.reference_points.weight.copy_(torch.logit(boxes))
        nn.init.normal_(decoder.query_embed.weight, std=0.1)
    _keep_activations()
    look_inside(decoder)
    look_where_asked(model.inst_interactive_predictor.model.sam_mask_decoder.transformer)
    return model


def _keep_activations() -> None:
    """Upstream's decoder trains with activations made twice, to save memory: this network is small enough without."""
    from sam3.model import decoder

    def plainly(module: Any) -> Any:
        return lambda *args, act_ckpt_enable=True, **options: module(*args, **options)

    decoder.activation_ckpt_wrapper = plainly


def look_where_asked(transformer: Any) -> None:
    """
    Start the mask decoder's attention at the points it is given.

    A point and the picture's places carry the same Fourier code of their position. With one projection for queries and
    keys, their product is greatest where the positions agree, so a click finds its place before anything is learnt.
    """
    gain = 2.5  # logits between the clicked place and a far one, about
    crossings = [transformer.final_attn_token_to_image]
    for layer in transformer.layers:
        crossings += [layer.cross_attn_token_to_image, layer.cross_attn_image_to_token]
    with torch.no_grad():
        for attention in crossings:
            attention.q_proj.weight.mul_(gain)
            attention.k_proj.weight.copy_(attention.q_proj.weight)


def look_inside(decoder: Any) -> None:
    """
    Start the decoder's attention where its boxes are.

    Each query attends with a bias made from the distances to its box's sides (``boxRPB="log"``). From random weights
    that bias says nothing and queries take thousands of steps to tell places apart; here its two small networks are
    fitted first to fall off outside the box, wider from head to head.
    """
    generator = torch.Generator().manual_seed(0)
    low, size = torch.rand(2, 4096, generator=generator)
    place = torch.rand(4096, generator=generator)
    low, high = low - size / 2, low + size / 2
    sides = torch.stack([place - low, place - high], -1) * 8
    sides = sides.sign() * (sides.abs() + 1).log2() / 3  # as TransformerDecoder._get_rpb_matrix scales them
    outside = (torch.maximum(low - place, place - high) / size.clamp(min=0.1)).clamp(min=0)
    reach = torch.tensor([0.15 * 2**head for head in range(MODEL.heads)])
    wanted = -3 * (outside[:, None] / reach).clamp(max=1)
    for embed in (decoder.boxRPB_embed_x, decoder.boxRPB_embed_y):
        optimizer = torch.optim.Adam(embed.parameters(), lr=3e-3)
        for _ in range(300):
            optimizer.zero_grad()
            nn.functional.mse_loss(embed(sides), wanted).backward()
            optimizer.step()
        optimizer.zero_grad()


def ground(model: Any, backbone: dict[str, Any], batch: Batch) -> dict[str, Any]:
    """
    The detector on every prompt of the batch, matched with its targets when the model is in training mode.

    ``backbone`` holds what ``forward_image`` made of the pictures and ``forward_text`` of the texts.
    """
    from sam3.model.data_misc import FindStage
    from sam3.model.geometry_encoders import Prompt

    device = batch.images.device
    stage = FindStage(
        img_ids=batch.image_of_prompt,
        text_ids=torch.arange(len(batch.texts), device=device),
        input_boxes=None,
        input_boxes_mask=None,
        input_boxes_label=None,
        input_points=None,
        input_points_mask=None,
    )
    prompt = Prompt(box_embeddings=batch.exemplars, box_mask=batch.exemplar_pad, box_labels=batch.exemplar_labels)
    encoded, mask, backbone = model._encode_prompt(backbone, stage, prompt)
    backbone, encoder_out, _ = model._run_encoder(backbone, stage, encoded, mask)
    out: dict[str, Any] = {"encoder_hidden_states": encoder_out["encoder_hidden_states"]}
    out, queries = model._run_decoder(
        memory=out["encoder_hidden_states"],
        pos_embed=encoder_out["pos_embed"],
        src_mask=encoder_out["padding_mask"],
        out=out,
        prompt=encoded,
        prompt_mask=mask,
        encoder_out=encoder_out,
    )
    model._run_segmentation_heads(
        out=out,
        backbone_out=backbone,
        img_ids=stage.img_ids,
        vis_feat_sizes=encoder_out["vis_feat_sizes"],
        encoder_hidden_states=out["encoder_hidden_states"],
        prompt=encoded,
        prompt_mask=mask,
        hs=queries,
    )
    if model.training:
        model._compute_matching(out, find_targets(batch))
    return out


def interact(model: Any, backbone: dict[str, Any], batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """The interactive head on every click, box and mask prompt: masks (K, 4, H, W), IoU (K, 4), object score (K, 1)."""
    tracker = model.inst_interactive_predictor.model
    decoder, encoder = tracker.sam_mask_decoder, tracker.sam_prompt_encoder
    fine, middle, coarse = backbone["sam2_backbone_out"]["backbone_fpn"]
    pick = batch.image_of_click
    coarse = coarse + tracker.no_mem_embed.view(1, -1, 1, 1)
    sparse, _ = encoder(points=(batch.points * tracker.image_size, batch.point_labels), boxes=None, masks=None)
    blank = encoder.no_mask_embed.weight.reshape(1, -1, 1, 1)
    dense = torch.where(batch.has_previous[:, None, None, None], encoder._embed_masks(batch.previous), blank)
    masks, iou, _, exists = decoder.predict_masks(
        image_embeddings=coarse[pick],
        image_pe=encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        repeat_image=False,
        high_res_features=[decoder.conv_s0(fine)[pick], decoder.conv_s1(middle)[pick]],
    )
    return masks, iou, exists

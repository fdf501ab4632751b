"""
SAM3-LiteText (Zeng et al. 2026): Meta's SAM 3 with a small text encoder, taught to answer as the large one does.

Detector, clicks and memory are Meta's own weights, so nothing but words is read in another way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tracker.model.configs.config import Config
from tracker.model.configs.entry import Entry, RemoteFile
from tracker.model.configs.sam3 import FULL, SAM3_ENTRY

_TEXT = "detector.backbone.language_backbone.encoder"
_TRUNK = {"detector.backbone.vision_backbone.trunk.patch_embed.proj.weight": (1024, 3, 14, 14)}

LITETEXT_S0 = replace(
    FULL, name="sam3-litetext-s0", text_tower="mobileclip", text_width=512, text_heads=8, text_layers=4, text_context=16
)
LITETEXT_S1 = replace(LITETEXT_S0, name="sam3-litetext-s1", text_layers=12, text_mixing=False)
LITETEXT_L = replace(LITETEXT_S1, name="sam3-litetext-l", text_width=768, text_heads=12)


def _entry(config: Config, size: str, file: str, marks: Mapping[str, tuple[int, ...]]) -> Entry:
    return Entry(
        config=config,
        title=f"SAM3-LiteText {size}",
        knows="Any short noun phrase in English, of 14 tokens at most.",
        licence="SAM License",
        gflop=SAM3_ENTRY.gflop,  # what sees is SAM 3's
        file=RemoteFile(
            repository="Simon7108528/EfficientSAM3",
            name=f"sam3_litetext/sam3_litetext_{file}_ctx16.pt",
            revision="85b05896928f974e308f889d7ccb2eefc069de98",
        ),
        marks={**_TRUNK, **marks},
    )


LITETEXT_ENTRIES = (
    _entry(LITETEXT_S0, "S0", "mobileclip_s0", {f"{_TEXT}.transformer.resblocks.0.inner.weight": (2048, 512)}),
    _entry(
        LITETEXT_S1,
        "S1",
        "mobileclip_s1",
        {f"{_TEXT}.token_embedding.weight": (49408, 512), f"{_TEXT}.transformer.resblocks.11.ln_1.weight": (512,)},
    ),
    _entry(LITETEXT_L, "L", "mobileclip2_l", {f"{_TEXT}.token_embedding.weight": (49408, 768)}),
)

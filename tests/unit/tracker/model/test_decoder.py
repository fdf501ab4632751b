"""The detector's decoder answers as upstream's does."""

from __future__ import annotations

import pytest
import torch
from sam3.model.decoder import TransformerDecoder
from sam3.model.model_misc import gen_sineembed_for_position

from tests.support.models import untrained
from tracker.model.decoder import sines


@pytest.mark.parametrize("width", [2, 4])
def test_places_are_encoded_as_upstream_does_to_the_bit(width: int) -> None:
    places = torch.rand(7, 3, width, generator=torch.Generator().manual_seed(0))
    assert torch.equal(sines(places, 64), gen_sineembed_for_position(places, 64))


def test_the_grid_is_a_whole_number_and_answers_are_upstreams() -> None:
    decoder = untrained().network.transformer.decoder
    boxes = torch.rand(5, 2, 4, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        ours = decoder._get_rpb_matrix(boxes, None)
        theirs = TransformerDecoder._get_rpb_matrix(decoder, boxes, (decoder.grid, decoder.grid))
    assert torch.equal(ours, theirs)

"""The benchmark that asks whether nano can run faster: what it compares, what fails its gate, what it never hides."""

from __future__ import annotations

import sys
from functools import partial

import pytest
import torch

from benchmarks.nano import CANDIDATES, HEAD, Change, Question, Row, measure
from tests.support.models import SEED, untrained
from tracker.model.sam3 import Sam3


@pytest.fixture(scope="module")
def questions() -> list[Question]:
    # Every query of an untrained model is a detection: there is something to compare.
    return [Question.ask(untrained(), seed, threshold=0.0) for seed in (1, 2)]


def run(change: Change, questions: list[Question]) -> Row:
    return measure("candidate", change, partial(Sam3.untrained, "nano", device="cpu", seed=SEED), questions, repeats=1)


@pytest.mark.parametrize("name", ["fp32", "fp32, unread parts too"])
def test_fp32_is_equal_to_itself(name: str, questions: list[Question]) -> None:
    row = run(CANDIDATES[name], questions)
    assert row.error == ""
    assert row.differ == 0 and len(row.found) > 3 and len(row.refined) > 1
    # Unread parts are made in another order of additions: a pixel on a border may fall to the other side.
    assert min(row.found + row.refined) >= (1.0 if name == "fp32" else 0.999)
    assert row.passes
    assert all(row.milliseconds[part] > 0 for part in ("embed", "detect", "refine"))
    assert len(row.cells()) == len(HEAD) and row.cells()[-1] == "passes"


def test_another_number_format_answers_every_part(questions: list[Question]) -> None:
    row = run(CANDIDATES["bf16 autocast"], questions[:1])
    assert row.error == ""
    assert len(row.refined) == len(questions[0].refined)
    assert 0.5 < min(row.found) < 1  # it did compute in another format


def test_damaged_weights_fail_the_gate(questions: list[Question]) -> None:
    def damage(model: Sam3) -> None:
        generator = torch.Generator().manual_seed(1)
        for weight in model.network.backbone.vision_backbone.parameters():
            weight += torch.randn(weight.shape, generator=generator) * weight.std(correction=0)

    row = run(damage, questions[:1])
    assert row.error == "" and not row.passes
    assert row.cells()[-1] == "fails"


def test_a_candidate_that_raises_becomes_a_row(questions: list[Question]) -> None:
    def raising(model: Sam3) -> None:
        raise RuntimeError("no such | kernel\nand a long explanation")

    row = run(raising, questions)
    assert not row.passes
    assert row.cells()[0] == "candidate" and row.cells()[-1] == "RuntimeError: no such / kernel"
    assert len(row.cells()) == len(HEAD)


def test_a_missing_runtime_is_named(questions: list[Question], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert run(CANDIDATES["OpenVINO f32, backbone"], questions).cells()[-1] == "not installed: openvino"


def test_nothing_found_is_no_pass() -> None:
    assert not Row("blind", refined=[1.0], differ=3).passes
    assert not Row("half blind", found=[1.0], refined=[1.0], differ=1).passes

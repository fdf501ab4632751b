"""What is put off at import is the real thing when somebody wants it, and nothing of the stand-ins stays behind."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch

from tracker.model.imports import LATER, WITHOUT_INIT, check_bools_without_sympy, put_off

AFTERWARDS = """
import sys
import tracker
from tracker.model.imports import LATER, WITHOUT_INIT

assert not {*LATER, *WITHOUT_INIT, "torch._dynamo", "sympy"} & {*sys.modules}, sorted(sys.modules)
assert not any(name.startswith(("tracker.worlds", "tracker.training")) for name in sys.modules)

import numpy as np
import sam3.perflib.associate_det_trk as upstream
import torch

costs = np.random.default_rng(0).random((5, 7))
put_off = upstream.linear_sum_assignment(costs)
import scipy.optimize
assert all((a == b).all() for a, b in zip(put_off, scipy.optimize.linear_sum_assignment(costs)))

put_off = sys.modules["torchvision.ops.roi_align"].is_compile_supported("cpu")
from torch._dynamo.utils import is_compile_supported
assert put_off == is_compile_supported("cpu")
assert torch.compile(lambda x: x.sin() + 1, backend="eager")(torch.zeros(2)).tolist() == [1, 1]

import timm
assert timm.layers.DropPath is not None and timm.models.resnet is not None
assert timm.create_model("resnet10t").eval()(torch.zeros(1, 3, 32, 32)).shape == (1, 1000)
print("as ever")
"""


def test_after_import_tracker_everybody_gets_the_real_modules() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", AFTERWARDS], capture_output=True, text=True, timeout=120
    )
    assert done.stdout == "as ever\n", done.stderr


def test_what_was_imported_before_is_left_as_it_is() -> None:
    import scipy.optimize
    import timm
    import torch._dynamo.utils

    with put_off():
        assert sys.modules["scipy.optimize"] is scipy.optimize
        assert sys.modules["torch._dynamo.utils"] is torch._dynamo.utils
        assert sys.modules["timm"] is timm
    assert all(sys.modules[name].__spec__ is not None for name in (*LATER, *WITHOUT_INIT))


def test_stand_ins_go_when_the_import_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name in LATER or name.partition(".")[0] in WITHOUT_INIT]:
        monkeypatch.delitem(sys.modules, name)
    seen: set[str] = set()

    def fail() -> None:
        with put_off():
            seen.update(sys.modules)
            raise ImportError("nothing is called so")

    with pytest.raises(ImportError, match="nothing is called so"):
        fail()
    assert {*LATER, *WITHOUT_INIT} <= seen
    assert not {*LATER, *WITHOUT_INIT} & {*sys.modules}


def test_checks_of_torch_say_what_they_always_said() -> None:
    check_bools_without_sympy()
    real = torch._check_with.__wrapped__  # type: ignore[attr-defined]
    said = []
    checks: list[Any] = [torch._check_with, real]
    for check in checks:
        check(ValueError, True, lambda: "not said")
        with pytest.raises(ValueError, match="said") as wrong:
            check(ValueError, False, lambda: "said")
        with pytest.raises(TypeError) as tensor:
            check(ValueError, torch.tensor(True), lambda: "not said")
        said.append((str(wrong.value), str(tensor.value)))
    assert said[0] == said[1]


def test_checks_are_replaced_once() -> None:
    check_bools_without_sympy()
    once = torch._check_with
    check_bools_without_sympy()
    assert torch._check_with is once

"""When "auto" is bfloat16: only where a processor multiplies it faster than float32."""

import warnings
from typing import Any

import pytest
import torch
from torch import nn

from expunge.core import InputError
from expunge.core.precision import VARIABLE, autocast, resolve_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"amx_bf16": True, "avx512_bf16": True, "cpu_name": "Intel Xeon"}, "bf16"),
        ({"amx_bf16": False, "avx512_bf16": True, "cpu_name": "Intel Xeon"}, "fp32"),
        ({"amx_bf16": False, "avx512_bf16": True, "cpu_name": "AMD EPYC"}, "bf16"),
        ({"amx_bf16": False, "avx512_bf16": False, "cpu_name": "AMD EPYC"}, "fp32"),
        ({}, "fp32"),
    ],
)
def test_auto_asks_the_processor(
    monkeypatch: pytest.MonkeyPatch, found: dict[str, Any], expected: str
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found, raising=False)
    assert resolve_precision("auto", CPU) == expected
    assert resolve_precision("bf16", CPU) == "bf16"


def test_a_variable_stands_for_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for one in ("fp32", "bf16"):
        monkeypatch.setenv(VARIABLE, one)
        assert resolve_precision("auto", CPU) == one
        assert {resolve_precision(asked, CPU) for asked in ("fp32", "bf16")} == {"fp32", "bf16"}
    monkeypatch.setenv(VARIABLE, "half")
    with pytest.raises(InputError, match=r"EXPUNGE_PRECISION.*'half'"):
        resolve_precision("auto", CPU)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_norms_under_autocast_are_those_of_float32(dtype: torch.dtype) -> None:
    inputs = torch.randn(4, 8, generator=torch.Generator().manual_seed(0)).to(dtype)
    for norm in (nn.LayerNorm(8), nn.RMSNorm(8)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with autocast("bf16", CPU):
                found = norm(inputs)
        torch.testing.assert_close(found.float(), norm(inputs.float()), rtol=1e-2, atol=1e-2)

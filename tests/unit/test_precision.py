"""When "auto" is bfloat16: only where a processor multiplies it faster than float32."""

from typing import Any

import pytest
import torch

from expunge.core.precision import resolve_precision

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
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found, raising=False)
    assert resolve_precision("auto", CPU) == expected
    assert resolve_precision("bf16", CPU) == "bf16"

"""Peak memory of a repair step on a denoiser, counted tensor by tensor."""

import weakref
from typing import Any

import pytest

pytest.importorskip("diffusers")

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from expunge import Denoising, FineTune, LatentSet, Noising, Scissorhands, UnlearningData, unlearn

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
WIDTH, SAMPLES, BATCH = 8, 8, 4


class LiveBytes(TorchDispatchMode):
    """Bytes of all storages that operations made and that are still alive; and their peak."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(found):
            if isinstance(leaf, Tensor) and leaf.device.type == "cpu":
                self._count(leaf.untyped_storage())
        return found

    def _count(self, storage: Any) -> None:
        key = storage._cdata
        if key in self._known or not storage.nbytes():
            return
        size = storage.nbytes()
        self._known.add(key)
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._free, key, size)

    def _free(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.now -= size


def denoiser() -> nn.Module:
    """Weights of several megabytes, so that gradients outweigh everything small."""
    torch.manual_seed(0)
    net: nn.Module = UNet2DConditionModel(
        sample_size=8, in_channels=4, out_channels=4, layers_per_block=1, norm_num_groups=8,
        block_out_channels=(32, 64), cross_attention_dim=WIDTH, attention_head_dim=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    return net


def task() -> Denoising:
    generator = torch.Generator().manual_seed(1)
    words = torch.randn(3, 1, 6, WIDTH, generator=generator)
    return Denoising(Noising.of(DDPMScheduler()), {"encoder_hidden_states": words})


def data(samples: int) -> UnlearningData:
    images = torch.randn(2 * samples, 4, 8, 8, generator=torch.Generator().manual_seed(2))
    labels = torch.arange(2).repeat_interleave(samples)
    whole = LatentSet(images, labels)
    return UnlearningData.split(whole, torch.arange(samples))


def peak(method: Any, model: nn.Module, samples: int = SAMPLES) -> int:
    with LiveBytes() as live:
        unlearn(model, data(samples), method, task=task())
    return live.peak


STEPS: dict[str, Any] = {"lr": 1e-5, "epochs": 1, "batch_size": BATCH}


@pytest.mark.slow
@pytest.mark.parametrize("trim", ["off", 0.001])
def test_a_repair_step_needs_two_copies_of_the_gradient_more_than_fine_tuning(trim: Any) -> None:
    model = denoiser()
    gradient = sum(p.numel() * p.element_size() for p in model.parameters())
    plain = peak(FineTune(**STEPS), model)
    repair = peak(Scissorhands(trim=trim, constraint="always", **STEPS), model)
    assert plain > 2 * gradient  # the counter sees what fine-tuning needs at least
    assert plain < repair <= plain + 2 * gradient


@pytest.mark.slow
def test_checkpointing_takes_less_memory_and_learns_the_same() -> None:
    model = denoiser()
    many = 64  # so that activations outweigh weights
    method = Scissorhands(trim="off", constraint="always", **STEPS | {"batch_size": many})
    before = peak(method, model, many)
    expected = unlearn(model, data(many), method, task=task()).model
    model.enable_gradient_checkpointing()  # type: ignore[operator]  # diffusers is not typed
    assert peak(method, model, many) < 0.8 * before
    found = unlearn(model, data(many), method, task=task()).model
    for (name, a), b in zip(expected.named_parameters(), found.parameters(), strict=True):
        torch.testing.assert_close(b, a, atol=1e-6, rtol=1e-4, msg=name)


@pytest.mark.slow
def test_bfloat16_keeps_weights_in_float32_and_says_what_it_took() -> None:
    model = denoiser()
    method = Scissorhands(trim=0.001, constraint="always", **STEPS)
    result = unlearn(model, data(SAMPLES), method, task=task(), precision="bf16")
    assert result.precision == "bf16"
    assert all(p.dtype == torch.float32 for p in result.model.parameters())
    assert result.cost["seconds"] is not None
    assert result.cost["peak_memory_bytes"] is None or result.cost["peak_memory_bytes"] > 0

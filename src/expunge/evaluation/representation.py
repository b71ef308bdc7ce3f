"""How alike two models are inside: linear CKA of their layers, on the same samples."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..core.capabilities import logits_in
from ..core.checks import did_you_mean
from ..core.data import fetch
from ..core.errors import InputError, ModelError
from ..core.isolation import isolated_randomness
from ..core.precision import autocast
from ..core.run import Run
from ..metrics import linear_cka
from ..tasks.batches import unpack
from .details import spaced
from .score import evaluating, on_device

FEWEST_LAYERS = 5
MOST_LAYERS = 10
BATCH_SIZE = 128

_Features = dict[str, Tensor]


def layer_cka(
    model: nn.Module,
    reference: nn.Module,
    dataset: Any,
    *,
    layers: Sequence[str] | None = None,
    samples: int = 512,
    device: torch.device | str = "cpu",
    precision: str = "auto",
) -> dict[str, float]:
    """Linear CKA of each layer of a model with the same layer of a retrained one.

    What a layer gives is pooled to one vector per sample: images (B, C, H, W) by their mean
    over the positions, tokens (B, T, C) by their mean over the tokens. Of a layer that is
    called several times the last output counts. In evaluation mode, without augmentation.
    Neither model is changed; one forward pass of ``samples`` per model.

    Args:
        model: The model that is judged.
        reference: A retrained model, or any other with layers of these names.
        dataset: Samples whose inputs both models take: pairs of input and label, or mappings.
            D_f shows traces of what was to be forgotten, D_t the general likeness.
        layers: Names as ``named_modules`` gives them; None for ``default_layers``.
        samples: How many samples to take, evenly spaced, >= 2; all if there are fewer.
        device: Where to compute.
        precision: ``"fp32"``, ``"bf16"`` or ``"auto"``, of the forward passes.

    Returns:
        A share in [0, 1] per layer (see ``linear_cka``), in the order of the layers. A second
        retrained model says how much of the rest to 1 is chance.

    Raises:
        InputError: If there are too few samples, or a layer is unknown, is absent from
            ``reference``, or gives no vector per sample.
        ModelError: If a layer gives NaN or infinity.
    """
    if samples < 2 or len(dataset) < 2:
        raise InputError(
            f"expected at least two samples to compare, got samples = {samples} of a set of "
            f"{len(dataset)}; several hundred give a steady value"
        )
    device = torch.device(device)
    indices = torch.tensor(spaced(len(dataset), samples))
    with (
        isolated_randomness(),
        evaluating(on_device(model, device)) as one,
        evaluating(on_device(reference, device)) as other,
        autocast(precision, device),
    ):
        run = partial(_features, (one, other), dataset, device=device)
        wanted = default_layers(one) if layers is None else _checked(layers, one, other)
        if layers is None:
            _checked(wanted, one, other)
        # ``once`` seeds the global randomness that data sets may draw from.
        first = Run(0, device=device).once("probe", partial(run, indices[:2], wanted))
        usable = _in_both(wanted, first)
        chosen = _thinned(usable) if layers is None else _all(wanted, usable)
        left, right = Run(0, device=device).once("cka", partial(run, indices, chosen))
    _all(chosen, _in_both(chosen, [left, right]))  # two rows may be chance, all are not
    return {name: linear_cka(left[name], right[name]) for name in chosen}


def default_layers(model: nn.Module) -> list[str]:
    """Names of the blocks of a model, in the order they were registered.

    The children that have weights; while these are fewer than five, each is replaced by
    its own such children, if it has any. ``layer_cka`` takes at most ten of those that give
    one vector per sample, evenly spaced, the first and the last among them.

    Raises:
        InputError: If no child has weights.
    """
    found = _children("", model)
    while len(found) < FEWEST_LAYERS:
        opened = [part for name, child in found for part in _opened(name, child)]
        if [name for name, _ in opened] == [name for name, _ in found]:
            break
        found = opened
    if not found:
        raise InputError(
            f"expected a model with layers to compare, got {type(model).__name__} without any "
            "child that has weights; put it into a torch.nn.Sequential"
        )
    return [name for name, _ in found]


def _children(prefix: str, module: nn.Module) -> list[tuple[str, nn.Module]]:
    return [
        (f"{prefix}.{name}" if prefix else name, child)
        for name, child in module.named_children()
        if next(child.parameters(), None) is not None
    ]


def _opened(name: str, module: nn.Module) -> list[tuple[str, nn.Module]]:
    return _children(name, module) or [(name, module)]


def _checked(layers: Sequence[str], model: nn.Module, reference: nn.Module) -> list[str]:
    names = [layers] if isinstance(layers, str) else list(layers)
    known, others = (dict(net.named_modules()) for net in (model, reference))
    if not names:
        raise InputError("expected at least one name in layers, got none; leave it out for some")
    for name in names:
        if name not in known:
            raise InputError(
                f"expected layers to be names of model.named_modules(), got {name!r}"
                f"{did_you_mean(name, known)}"
            )
        if name not in others:
            raise InputError(
                f"expected layers that both models have, got {name!r}, which the reference "
                f"({type(reference).__name__}) lacks{did_you_mean(name, others)}"
            )
    return names


def _in_both(names: Sequence[str], found: Sequence[_Features]) -> list[str]:
    return [name for name in names if all(name in features for features in found)]


def _all(wanted: list[str], usable: list[str]) -> list[str]:
    for name in wanted:
        if name not in usable:
            raise InputError(
                f"expected layers that give a tensor with one row per sample in both models, "
                f"got {name!r}, which does not or is never called; name the block around it"
            )
    return wanted


def _thinned(usable: list[str]) -> list[str]:
    if not usable:
        raise InputError(
            "expected blocks that give a tensor with one row per sample in both models, got "
            "none among the children; name others in layers"
        )
    return [usable[position] for position in spaced(len(usable), MOST_LAYERS)]


def _features(
    models: tuple[nn.Module, nn.Module],
    dataset: Any,
    indices: Tensor,
    names: Sequence[str],
    *,
    device: torch.device,
) -> list[_Features]:
    """Pooled outputs of both models, (N, D) on the CPU, without layers that have none."""
    parts: list[list[_Features]] = [[] for _ in models]
    for chosen in indices.split(BATCH_SIZE):
        inputs, _ = unpack(fetch(dataset, chosen, device=device))
        for model, found in zip(models, parts, strict=True):
            with _captured(model, names) as outputs:
                model(inputs)
            found.append({n: kept for n, kept in outputs.items() if len(kept) == len(inputs)})
    joined = [
        {n: torch.cat([part[n] for part in found]) for n in names if all(n in p for p in found)}
        for found in parts
    ]
    for features in joined:
        _check_finite(features)
    return joined


@contextmanager
def _captured(model: nn.Module, names: Sequence[str]) -> Iterator[_Features]:
    """Fills the dictionary with pooled outputs while the model runs; hooks go in any case."""
    outputs: _Features = {}
    modules = dict(model.named_modules())
    handles = []
    try:
        for name in names:
            handles.append(modules[name].register_forward_hook(partial(_keep, outputs, name)))
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


def _keep(outputs: _Features, name: str, _module: nn.Module, _given: Any, output: Any) -> None:
    """A hook: returns nothing, because what it returned would replace the output."""
    if isinstance(output, list | tuple) and output:
        output = output[0]
    output = logits_in(output)
    if isinstance(output, Tensor) and output.is_floating_point() and output.ndim > 0:
        outputs[name] = _pooled(output.float())


def _pooled(output: Tensor) -> Tensor:
    """One vector per sample, a copy: a later layer may work in place."""
    if output.ndim == 3:
        output = output.mean(1)
    elif output.ndim > 3:
        output = output.flatten(2).mean(2)
    return output.reshape(len(output), -1).detach().cpu().clone()


def _check_finite(features: Mapping[str, Tensor]) -> None:
    for name, values in features.items():
        if not bool(torch.isfinite(values).all()):
            raise ModelError(
                f"expected finite outputs, got NaN or infinity from the layer {name!r}; check "
                "the weights, or use precision fp32"
            )

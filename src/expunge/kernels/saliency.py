"""Which weights matter for a set of samples: connection sensitivity (Eq. 2)."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from ..core.checks import check_choice, did_you_mean
from ..core.errors import InputError, ModelError
from ..core.task import Batch

Variant = Literal["signed-sum", "batch-moduli"]
LossFn = Callable[[Batch], Tensor]

VARIANTS: tuple[Variant, ...] = ("signed-sum", "batch-moduli")
_NAMES_IN_MESSAGE = 20


def select_parameters(model: nn.Module, pattern: str | None = None) -> dict[str, nn.Parameter]:
    """Trainable parameters by name, in the model's own order; shared ones occur once.

    Args:
        model: Any module.
        pattern: Regular expression searched for anywhere in a name, e.g.
            ``"layer3|layer4|fc"``; None takes all.

    Raises:
        ModelError: If the model has no trainable parameter.
        InputError: If the pattern is not a regular expression, or matches no name.
    """
    trainable = {
        name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad
    }
    if not trainable:
        raise ModelError(
            "expected a model with trainable parameters, found none; "
            "set requires_grad=True on those that may change"
        )
    if pattern is None:
        return trainable
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise InputError(
            f"expected a regular expression over parameter names, got {pattern!r} ({error}); "
            'write for example "layer4|fc"'
        ) from error
    chosen = {name: value for name, value in trainable.items() if expression.search(name)}
    if not chosen:
        names = list(trainable)
        shown = ", ".join(names[:_NAMES_IN_MESSAGE])
        more = f", … ({len(names)} in all)" if len(names) > _NAMES_IN_MESSAGE else ""
        parts = {part for name in names for part in (name, *name.split("."))}
        raise InputError(
            f"no trainable parameter has a name that matches {pattern!r}"
            f"{did_you_mean(pattern, sorted(parts))}; known names: {shown}{more}"
        )
    return chosen


def connection_sensitivity(
    model: nn.Module,
    loss_fn: LossFn,
    batches: Iterable[Batch],
    *,
    variant: Variant = "signed-sum",
    parameters: Mapping[str, Tensor] | None = None,
    reduce: Callable[[Tensor], Tensor] | None = None,
) -> dict[str, Tensor]:
    """First-order change of the risk when a connection is removed (Eq. 2).

    ``"signed-sum"`` is ``|mean over samples of dl/dtheta * theta|``: signed gradients are
    averaged inside the modulus. ``"batch-moduli"``, the published code, averages
    ``|dl/dtheta * theta|`` of the mean loss of each batch over batches. With one batch
    they agree.

    The mode of the model (train, eval), its buffers' rules and ``.grad`` are left as they
    are; whoever calls decides on them. Cost: one gradient pass over the samples and one
    copy of the gradient.

    Args:
        model: Its trainable parameters are scored, unless ``parameters`` is given.
        loss_fn: Maps a batch to the loss of each sample, shape (B,).
        batches: Read once.
        variant: See above.
        parameters: Name to tensor, all of them used by ``loss_fn`` and trainable.
        reduce: Sums a tensor over processes (in place or not) when each of them reads its
            own batches. Identity for one process.

    Returns:
        Non-negative scores by name, shaped like the parameters, at least float32, on
        their devices. A parameter that the loss does not depend on scores 0.

    Raises:
        InputError: If there is no batch, or a loss has not one value per sample.

    References:
        Wu & Harandi, *Scissorhands*, 2024, arXiv 2401.06187, Eq. 2; Lee et al., *SNIP*,
        2019, arXiv 1810.02340, Eq. 3.
    """
    check_choice(VARIANTS, variant=variant)
    scored = dict(select_parameters(model) if parameters is None else parameters)
    weights = list(scored.values())
    totals = [_zeros(weight) for weight in weights]
    count = 0
    for batch in batches:
        count += _add_gradient(totals, loss_fn, batch, weights, variant)
    if reduce is not None:
        totals = [reduce(total) for total in totals]
        count = int(reduce(torch.tensor(count, device=totals[0].device)))
    if count == 0:
        raise InputError("expected at least one batch to score connections with, got none")
    with torch.no_grad():
        torch._foreach_div_(totals, count)
        torch._foreach_mul_(totals, [weight.detach() for weight in weights])
        torch._foreach_abs_(totals)
    return dict(zip(scored, totals, strict=True))


def relative(
    scores_forget: Mapping[str, Tensor], scores_retain: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """How much more a weight matters for D_f than for D_r.

    ``s(D_f) / (s(D_r) + mean of s(D_r) over all parameters)``; the mean keeps weights that
    matter for neither from ranking high.

    Raises:
        InputError: If the two do not name the same parameters, or all of s(D_r) is 0.
    """
    if set(scores_forget) != set(scores_retain):
        odd = sorted(set(scores_forget) ^ set(scores_retain))
        raise InputError(
            "expected scores of the same parameters for both sets, "
            f"found only one for {', '.join(odd[:_NAMES_IN_MESSAGE])}; "
            "score both with the same filter"
        )
    total = sum(float(score.sum(dtype=torch.float64)) for score in scores_retain.values())
    mean = total / max(1, sum(score.numel() for score in scores_retain.values()))
    if mean == 0:
        raise InputError(
            "expected positive scores for the retain set, found only zeros; "
            "read more retain samples, or rank by the forget scores alone"
        )
    return {name: score / (scores_retain[name] + mean) for name, score in scores_forget.items()}


def _add_gradient(
    totals: list[Tensor], loss_fn: LossFn, batch: Batch, weights: list[Tensor], variant: Variant
) -> int:
    """Add the contribution of one batch in place; returns its weight in the mean."""
    with torch.enable_grad():
        losses = loss_fn(batch)
        if losses.dim() != 1 or len(losses) == 0:
            raise InputError(
                f"expected one loss per sample, shape (B,), got shape {tuple(losses.shape)}; "
                'use reduction="none"'
            )
        if not losses.requires_grad:
            raise InputError(
                "expected a loss that depends on trainable parameters, got a constant; "
                "do not detach it, and compute it from the given model"
            )
        by_sample = variant == "signed-sum"
        risk = losses.sum() if by_sample else losses.mean()
        found = torch.autograd.grad(risk, weights, allow_unused=True)
    # The modulus of gradient * theta is that of the gradient times |theta|, so theta can
    # wait until the end and both variants cost one addition per batch.
    pairs = [(t, g) for t, g in zip(totals, found, strict=True) if g is not None]
    if not by_sample:
        for total, gradient in pairs:  # one small temporary, not a second gradient
            total.add_(gradient.abs())
    elif pairs:
        torch._foreach_add_([total for total, _ in pairs], [gradient for _, gradient in pairs])
    return len(losses) if by_sample else 1


def _zeros(weight: Tensor) -> Tensor:
    """An accumulator: sums of many bfloat16 gradients need more bits than they have."""
    return torch.zeros_like(weight, dtype=torch.promote_types(weight.dtype, torch.float32))

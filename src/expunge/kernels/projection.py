"""Repair steps that do not undo the forgetting: the dual problem of Eq. 4 and 5.

Gradients are sequences of tensors, one per parameter; nothing is concatenated, so the
only temporaries are as large as one parameter, and on a CPU much smaller.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..core.checks import check_not_negative
from ..core.errors import GuardError, InputError

Reduce = Callable[[Tensor], Tensor]

_CHUNK = 1 << 18
"""Values that are multiplied at a time on a CPU, so that products take 1 MB."""

_NOTHING = 1e-14
"""Directions whose eigenvalue is this much smaller than the largest are rounding."""


class Projected(NamedTuple):
    """A gradient that does not reduce the forget loss, and how it came about.

    Attributes:
        gradient: ``g = g_o - v g_f``, one tensor per parameter.
        v: The dual variable(s), >= 0; a float64 tensor (t,) for t constraints.
        cosine: Of the angle between g_o and g_f (the largest one, for several), in
            [-1, 1]; 0 if one of them is 0.
        active: Whether the constraint changed the gradient.
    """

    gradient: list[Tensor]
    v: Tensor | float
    cosine: float
    active: bool


def inner(a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
    """Dot product over all tensors, a float64 scalar on the device of the first.

    Short stretches are summed pairwise in the precision of the tensors (at least float32),
    and these sums in float64.
    """
    return _total([part for x, y in zip(a, b, strict=True) for part in _dots(x, y)])


def squared_norm(a: Sequence[Tensor]) -> Tensor:
    """Squared Euclidean norm over all tensors, a float64 scalar (see ``inner``)."""
    return inner(a, a)


def project(
    objective: Sequence[Tensor],
    forget: Sequence[Tensor],
    *,
    margin: float = 0.0,
    ridge: float = 0.0,
    reduce: Reduce | None = None,
) -> Projected:
    """The gradient nearest to ``g_o`` with ``<g, g_f> <= 0`` (Eq. 4), in closed form.

    ``v = max(0, <g_o, g_f>) / ||g_f||^2`` (Eq. 5). With ``margin`` or ``ridge`` it is what
    the published code takes over from GEM: ``v = max(margin, <g_o, g_f> / (||g_f||^2 +
    ridge))`` whenever ``<g_o, g_f> > 0``, which for a large margin is a step of ascent
    rather than a projection.

    Args:
        objective: g_o, the gradient of ``L_r - lambda L_f``.
        forget: g_f, the gradient of ``L_f``, same shapes.
        margin: Smallest v of an active constraint, >= 0.
        ridge: Added to the squared norm of g_f, >= 0.
        reduce: Sums a tensor over processes, where each holds a part of the gradients; it
            is given ``(<g_o, g_f>, ||g_f||^2, ||g_o||^2)``. None where they hold all of it.

    Returns:
        The result; an inactive constraint returns the tensors of ``objective`` themselves.

    Raises:
        InputError: If the gradients differ in number or shape, or an argument is negative.
        GuardError: If a gradient is not finite.

    References:
        Wu & Harandi, *Scissorhands*, 2024, arXiv 2401.06187, Eq. 4 and 5; Lopez-Paz &
        Ranzato, *GEM*, 2017, arXiv 1706.08840, Eq. 11.
    """
    v, cosine = _solve(objective, forget, margin, ridge, reduce)
    if v == 0:
        return Projected(list(objective), 0.0, cosine, False)
    return Projected(_plus(objective, forget, -v), v, cosine, True)


def project_(
    objective: Sequence[Tensor],
    forget: Sequence[Tensor],
    *,
    margin: float = 0.0,
    ridge: float = 0.0,
    reduce: Reduce | None = None,
) -> Projected:
    """``project`` in place: the tensors of ``objective`` become ``g``; no copy is made."""
    v, cosine = _solve(objective, forget, margin, ridge, reduce)
    gradient = list(objective)
    if v != 0:
        _add_(gradient, forget, -v)
    return Projected(gradient, v, cosine, v != 0)


def project_many(
    objective: Sequence[Tensor],
    constraints: Sequence[Sequence[Tensor]],
    *,
    reduce: Reduce | None = None,
) -> Projected:
    """The gradient nearest to ``g_o`` with ``<g, g_i> <= 0`` for every constraint i.

    The dual ``min_{v >= 0} 1/2 v'A'Av - v'A'g_o`` with ``A = [g_1 ... g_t]`` is a
    non-negative least squares problem of size t x t; g is unique even where v is not
    (dependent constraints).

    Args:
        objective: g_o.
        constraints: Gradients of t forget losses; zero ones bind nothing.
        reduce: As in ``project``; it is given all t(t + 1)/2 + t + 1 dot products.

    Raises:
        InputError: If gradients differ in number or shape.
        GuardError: If a gradient is not finite.
    """
    for constraint in constraints:
        _check_alike(objective, constraint)
    size = len(constraints)
    if size == 0:
        return Projected(list(objective), torch.zeros(0, dtype=torch.float64), 0.0, False)
    gram, products, norm = _dot_products(objective, constraints, reduce)
    v = _nonnegative_dual(gram, products)
    lengths = np.sqrt(gram.diagonal() * norm)
    cosines = products[lengths > 0] / lengths[lengths > 0]
    cosine = float(np.clip(cosines.max(), -1, 1)) if len(cosines) else 0.0
    binding = [(w, c) for w, c in zip(v.tolist(), constraints, strict=True) if w > 0]
    if not binding:
        return Projected(list(objective), torch.from_numpy(v), cosine, False)
    (weight, constraint), *others = binding
    gradient = _plus(objective, constraint, -weight)
    for weight, constraint in others:
        _add_(gradient, constraint, -weight)
    return Projected(gradient, torch.from_numpy(v), cosine, True)


def _solve(
    objective: Sequence[Tensor],
    forget: Sequence[Tensor],
    margin: float,
    ridge: float,
    reduce: Reduce | None,
) -> tuple[float, float]:
    """Dual variable and cosine of one constraint; one synchronisation with the device."""
    check_not_negative(margin=margin, ridge=ridge)
    _check_alike(objective, forget)
    scalars = torch.stack([inner(objective, forget), squared_norm(forget), squared_norm(objective)])
    if reduce is not None:
        scalars = reduce(scalars)
    dot, norm_forget, norm_objective = _finite(scalars)
    length = (norm_forget * norm_objective) ** 0.5
    cosine = max(-1.0, min(1.0, dot / length)) if length > 0 else 0.0
    if dot <= 0 or norm_forget == 0:
        return 0.0, cosine
    return max(margin, dot / (norm_forget + ridge)), cosine


def _dot_products(
    objective: Sequence[Tensor], constraints: Sequence[Sequence[Tensor]], reduce: Reduce | None
) -> tuple[np.ndarray, np.ndarray, float]:
    """``A'A``, ``A'g_o`` and ``||g_o||^2``."""
    size = len(constraints)
    rows, columns = np.triu_indices(size)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    scalars = [inner(constraints[i], constraints[j]) for i, j in pairs]
    scalars += [inner(objective, constraint) for constraint in constraints]
    scalars.append(squared_norm(objective))
    stacked = torch.stack(scalars)
    if reduce is not None:
        stacked = reduce(stacked)
    values = np.array(_finite(stacked))
    gram = np.zeros((size, size))
    gram[rows, columns] = gram[columns, rows] = values[: len(rows)]
    return gram, values[len(rows) : -1], float(values[-1])


def _nonnegative_dual(gram: np.ndarray, products: np.ndarray) -> np.ndarray:
    """Minimise ``1/2 v'Gv - v'c`` over v >= 0, where c lies in the range of G.

    With ``G = Q L Q'``, it is ``||L^(1/2) Q'v - L^(-1/2) Q'c||``, without the directions
    whose eigenvalue is rounding: that is what keeps equal or dependent constraints, for
    which a Cholesky factor does not exist, harmless. Constraints are scaled to length 1
    first, so that one of a small gradient is not taken for rounding.
    """
    from scipy.optimize import nnls  # noqa: PLC0415  half a second that few runs need

    lengths = np.sqrt(gram.diagonal())
    scale = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    if not scale.any():
        return np.zeros_like(products)
    values, vectors = np.linalg.eigh(gram * np.outer(scale, scale))
    kept = values > _NOTHING * values.max()
    root = np.sqrt(values[kept])
    factor = root[:, None] * vectors[:, kept].T
    target = (vectors[:, kept].T @ (scale * products)) / root
    solution, _ = nnls(factor, target, maxiter=max(100, 10 * len(products)))
    return np.asarray(solution * scale)


def _check_alike(objective: Sequence[Tensor], forget: Sequence[Tensor]) -> None:
    left, right = [tuple(x.shape) for x in objective], [tuple(x.shape) for x in forget]
    if left != right or not left:
        odd = next((pair for pair in zip(left, right, strict=False) if pair[0] != pair[1]), None)
        raise InputError(
            "expected gradients of the same parameters, got "
            f"{len(left)} and {len(right)} tensors"
            + (f", of which {odd[0]} stands against {odd[1]}" if odd else "")
            + "; take both with respect to one non-empty list of parameters"
        )


def _finite(scalars: Tensor) -> list[float]:
    values: list[float] = scalars.tolist()
    if not np.isfinite(values).all():
        raise GuardError(
            "a gradient of the objective or of the forget loss is not finite, so the run was "
            "stopped; use a smaller learning rate or a smaller weight of the forget loss"
        )
    return values


def _plus(a: Sequence[Tensor], b: Sequence[Tensor], factor: float) -> list[Tensor]:
    with torch.no_grad():
        return list(torch._foreach_add(list(a), list(b), alpha=factor))


def _add_(a: Sequence[Tensor], b: Sequence[Tensor], factor: float) -> None:
    with torch.no_grad():
        torch._foreach_add_(list(a), list(b), alpha=factor)


def _dots(x: Tensor, y: Tensor) -> list[Tensor]:
    """Scalars whose sum is the dot product of two tensors."""
    x, y = _wide(x), _wide(y)
    if x.device.type != "cpu":
        return [(x * y).sum()]  # summed as a tree, in one launch
    layout = torch.channels_last
    if x.dim() == 4 and all(z.is_contiguous(memory_format=layout) for z in (x, y)):
        x, y = x.permute(0, 2, 3, 1), y.permute(0, 2, 3, 1)
    pieces = [torch.split(z.reshape(-1), _CHUNK) for z in (x, y)]
    # Not torch.dot: its bits depend on where a tensor lies in memory, and it is 3e-5 off
    # over millions of values, where sum() adds pairwise.
    return [(u * w).sum() for u, w in zip(*pieces, strict=True)]


def _wide(tensor: Tensor) -> Tensor:
    """At least float32, detached; no copy of what is wide already."""
    tensor = tensor.detach()
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def _total(parts: list[Tensor]) -> Tensor:
    device = parts[0].device
    if device.type == "mps":  # has no float64
        device = torch.device("cpu")
    return torch.stack([part.to(device, torch.float64) for part in parts]).sum()

"""Influence unlearning: one Newton step that takes the forget set out of the optimum."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor, nn

from ..core.data import Split, UnlearningData
from ..core.errors import GuardError
from ..core.hyperparameters import Count, Positive, validated
from ..core.method import Reference
from ..core.run import Run
from ..core.task import Batch, Task
from ..kernels import (
    Conjugate,
    WoodFisher,
    add_gradients_,
    flatten,
    sample_gradients,
    split_samples,
    unflatten,
)
from ._shared.passes import (
    CHUNK,
    Pass,
    averages,
    check_finite_update,
    mean_hessian_product,
    trainable,
)
from ._shared.presets import Published

Solver = Literal["woodfisher", "cg"]


@dataclass(frozen=True, kw_only=True)
@validated
class InfluenceUnlearning(Published):
    r"""Move once along the influence of the forget set on the trained weights.

    .. math::
        \theta \leftarrow \theta + \alpha \, (H + \lambda I)^{-1} v, \qquad
        v = \frac{1}{N} \sum_{D_f} \nabla l - \frac{N_f}{N N_r} \sum_{D_r} \nabla l

    with N = N_f + N_r, in evaluation mode. H is a curvature of the loss on samples of D_r
    and never formed. ``solver`` says which, and how it is inverted:

    ``"woodfisher"`` is the empirical Fisher information, by one rank-one update per
    sample. ``"cg"`` is the Hessian, by conjugate gradient on Hessian-vector products,
    which ends early where the loss curves downwards.

    Args:
        scale: alpha, above 0; 1 is the Newton step.
        damping: lambda, above 0; smaller trusts the curvature further, and moves more.
        solver: ``"woodfisher"`` or ``"cg"``.
        samples: Samples of D_r that the curvature is taken from, at least 1. WoodFisher
            keeps one copy of the parameters in memory for each.
        iterations: Of conjugate gradient, at least 1; without effect on WoodFisher.
        batch_size: Samples at a time in the passes for v and in Hessian products.

    Cost: one forward and backward pass over D_f and D_r for v; then one over ``samples``,
    one at a time (WoodFisher), or ``iterations`` times a forward and two backward passes
    over them (cg).

    The update is that of Koh & Liang (2017) and Izzo et al. (2021), the recursion that of
    Singh & Alistarh (2020). Published settings (alpha 10 for CIFAR-10) belong to a
    recursion that collapses onto its first gradient and so divides by nothing; they
    say nothing about a real inverse. ``scale`` 1 is Newton's; ``damping`` 1 is a cautious
    choice of this library. Neither it nor ``samples`` is tuned.
    """

    scale: Positive = 1.0
    damping: Positive = 1.0
    solver: Solver = "woodfisher"
    samples: Count = 100
    iterations: Count = 20
    batch_size: Count = 256

    name: ClassVar[str] = "influence"
    reads: ClassVar = frozenset({Split.FORGET, Split.RETAIN})
    reference: ClassVar = Reference(
        authors="Pang Wei Koh, Percy Liang",
        title="Understanding Black-box Predictions via Influence Functions",
        venue="ICML",
        year=2017,
        url="https://arxiv.org/abs/1703.04730",
    )

    def __call__(self, model: nn.Module, task: Task, data: UnlearningData, run: Run) -> nn.Module:
        model.eval()
        weights = trainable(model)
        mean = averages(
            model,
            run,
            "influence",
            {
                "forget": Pass(run, "influence-forget", data.forget, self.batch_size),
                "retain": Pass(run, "influence-retain", data.retain, self.batch_size),
            },
            lambda totals, batch, weights: add_gradients_(
                totals, lambda one: task.loss(model, one), batch, weights
            ),
        )
        share = len(data.forget) / (len(data.forget) + len(data.retain))
        target = share * (flatten(mean["forget"]) - flatten(mean["retain"]))
        solve = {"woodfisher": self._woodfisher, "cg": self._conjugate}[self.solver]
        # A killed solution starts again: it reads few samples next to the pass before.
        solution = run.once("solution", lambda: solve(_Curvature(model, task, data, run), target))
        update = self.scale * solution.to(target.device)
        check_finite_update([update], "the values of the update", "scale or a larger damping")
        for weight, part in zip(weights, unflatten(update, weights), strict=True):
            weight.detach().add_(part)
        run.log("newton", 0, total=1, update_norm=update.norm().item())
        return model

    def _woodfisher(self, curvature: "_Curvature", target: Tensor) -> Tensor:
        """Processes invert the Fisher of their own samples, and average what comes out."""
        batches = curvature.batches(self.samples)
        samples = [one for step in range(len(batches)) for one in split_samples(batches[step])]
        inverse = WoodFisher(self.damping, len(samples))
        for one in samples:
            for gradient in sample_gradients(curvature.loss, one, curvature.weights):
                inverse.add(gradient)
        return curvature.run.average(inverse.solve(target))

    def _conjugate(self, curvature: "_Curvature", target: Tensor) -> Tensor:
        """Conjugate gradient from zero, until it has converged or the loss curves down."""
        batches, state = curvature.batches(self.samples), Conjugate.start(target)
        for _ in range(self.iterations):
            product = curvature.product(batches, state.direction)
            following = state.step(product + self.damping * state.direction)
            if following is None:
                break
            state = following
        if not bool(state.solution.any()) and bool(target.any()):
            raise GuardError(
                f"the loss curves downwards along the influence of the forget set, beyond "
                f"damping = {self.damping:g}; the original model is unchanged. Use a larger "
                'damping, or solver = "woodfisher"'
            )
        return state.solution


@dataclass(frozen=True)
class _Curvature:
    """The samples and the loss that both solvers take their curvature from."""

    model: nn.Module
    task: Task
    data: UnlearningData
    run: Run

    @property
    def weights(self) -> list[Tensor]:
        return trainable(self.model)

    def loss(self, batch: Batch) -> Tensor:
        return self.task.loss(self.model, batch)

    def batches(self, samples: int) -> Pass:
        return Pass(self.run, "curvature", self.data.retain, CHUNK, samples)

    def product(self, batches: Pass, vector: Tensor) -> Tensor:
        """Hessian of the mean loss times a vector."""
        return mean_hessian_product(self.run, self.loss, batches, self.weights, vector)

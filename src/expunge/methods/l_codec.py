"""L-CODEC: one Newton step per deleted sample, on the rows that its loss depends on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge
from torch import Tensor, nn

from ..core.data import Split, UnlearningData
from ..core.errors import GuardError
from ..core.hyperparameters import Count, Positive, validated
from ..core.method import Reference
from ..core.run import Run
from ..core.task import Batch, Task
from ..kernels import Conjugate, flatten, forward_selection, unflatten
from ._shared.passes import CHUNK, Pass, check_finite_update, mean_hessian_product
from ._shared.rows import Layer, block_of, perturbed, row_layers

_CONVERGED = 1e-6  # of the residual relative to the gradient


@dataclass(frozen=True, kw_only=True)
@validated
class LCODEC:
    r"""Take samples out one after another, each by a Newton step on a small block P.

    .. math::
        \theta_P \leftarrow \theta_P + \frac{\alpha}{n - m} \, (H_P + \lambda I)^{-1}
            \sum_{i \in B} \nabla_P l_i(\theta)

    for m samples B out of the n that are still in, in evaluation mode, until none of D_f
    is left. With ``batch_size`` 1, as in the source, that is one step per sample. H is the
    Hessian of the mean loss on samples of D_r, restricted to the block and never formed:
    conjugate gradient on exact Hessian-vector products solves the system, ending early
    where the loss curves downwards.

    The block is what the loss of B depends on. B passes ``perturbations`` times with
    Gaussian noise on its inputs; the mean outputs of the rows of all linear and
    convolutional layers are the candidates, and forward selection by the coefficient of
    Azadkia & Chatterjee takes those that explain the loss (``forward_selection`` in
    ``expunge.kernels``). P is their rows of weights with the entries of the bias.

    Args:
        perturbations: Noisy passes per step, at least 2.
        noise: Their standard deviation in the unit of the inputs as the net gets them,
            above 0.
        rows: Rows in a block at most, at least 1.
        batch_size: Samples to take out per step, at least 1.
        scale: alpha, above 0; 1 is the Newton step.
        damping: lambda, above 0; smaller trusts the curvature further, and moves more.
        samples: Samples of D_r that H is taken from, at least 1.
        iterations: Of conjugate gradient per step, at least 1.

    Cost: slow per sample, for small forget sets. A step takes ``perturbations`` forward
    passes over B, up to ``rows`` turns of ``perturbations``^2 times the number of
    candidates, and ``iterations`` times a forward and two backward passes over
    ``samples``. The record tells the sum under ``decisions``, as ``cost``; a larger
    ``batch_size`` takes fewer steps.

    Noise and the Newton step are those of the source; its code has 1000 perturbations, no
    bound on rows, damping 0.001, a rank-one curvature in place of H, and noise on the
    result for a certificate, which rests on a strongly convex loss and is left out here.
    ``damping`` 1 is a cautious choice of this library; it and the rest are untuned.
    """

    perturbations: Annotated[int, Ge(2)] = 100
    noise: Positive = 0.1
    rows: Count = 32
    batch_size: Count = 1
    scale: Positive = 1.0
    damping: Positive = 1.0
    samples: Count = 100
    iterations: Count = 10

    name: ClassVar[str] = "l-codec"
    reads: ClassVar = frozenset({Split.FORGET, Split.RETAIN})
    reference: ClassVar = Reference(
        authors="Ronak Mehta, Sourav Pal, Vikas Singh, Sathya N. Ravi",
        title="Deep Unlearning via Randomized Conditionally Independent Hessians",
        venue="CVPR",
        year=2022,
        url="https://arxiv.org/abs/2204.07655",
    )

    def __call__(self, model: nn.Module, task: Task, data: UnlearningData, run: Run) -> nn.Module:
        model.eval()
        layers = row_layers(model)
        leaving = Pass(run, "l-codec-forget", data.forget, self.batch_size)
        curvature = Pass(run, "curvature", data.retain, CHUNK, self.samples)
        self._tell_cost(leaving, curvature, layers, len(data.forget), run)
        left = len(data.retain) + len(data.forget)
        for step in run.steps("l-codec", len(leaving), model=model):
            after = left - sum(leaving.size(index) for index in range(step + 1))
            batch = leaving[step]
            loss = task.loss(model, batch)
            chosen = self._choose(model, task, batch, layers, len(loss), step, run)
            block = _ParameterBlock(*block_of(layers, chosen))
            gradient = block.only(flatten(run.gradient(loss.mean(), block.weights)))
            solution = self._solve(model, task, curvature, block, gradient, run)
            update = self.scale * leaving.size(step) / after * solution
            check_finite_update([update], "the values of the update", "scale or a larger damping")
            for weight, part in zip(block.weights, unflatten(update, block.weights), strict=True):
                weight.detach().add_(part)
            run.log(
                "l-codec",
                step,
                total=len(leaving),
                forget_loss=loss.mean().item(),
                rows=len(chosen),
                update_norm=update.norm().item(),
            )
        return model

    def _choose(
        self,
        model: nn.Module,
        task: Task,
        batch: Batch,
        layers: Sequence[Layer],
        size: int,
        step: int,
        run: Run,
    ) -> list[int]:
        """Rows that the loss of a batch depends on; the same in all processes."""
        activations, losses = perturbed(
            model,
            task,
            batch,
            layers,
            size=size,
            count=self.perturbations,
            noise=self.noise,
            generator=run.generator("noise", step),
        )
        check_finite_update([losses, activations], "losses or activations under noise", "scale")
        return forward_selection(run.average(losses), run.average(activations), self.rows)

    def _solve(
        self,
        model: nn.Module,
        task: Task,
        batches: Pass,
        block: "_ParameterBlock",
        gradient: Tensor,
        run: Run,
    ) -> Tensor:
        """Conjugate gradient from zero, until it has converged or the loss curves down."""
        state = Conjugate.start(gradient)
        enough = _CONVERGED * gradient.norm()
        for _ in range(self.iterations):
            product = mean_hessian_product(
                run, lambda one: task.loss(model, one), batches, block.weights, state.direction
            )
            following = state.step(block.only(product) + self.damping * state.direction)
            if following is None:
                break
            state = following
            if not bool(state.residual.norm() > enough):
                break
        if not bool(state.solution.any()) and bool(gradient.any()):
            raise GuardError(
                f"the loss curves downwards along the gradient of a sample to forget, beyond "
                f"damping = {self.damping:g}; the original model is unchanged. Use a larger "
                "damping"
            )
        return state.solution

    def _tell_cost(
        self, leaving: Pass, curvature: Pass, layers: Sequence[Layer], forget: int, run: Run
    ) -> None:
        """Say beforehand what the run will take: it grows with each sample to forget."""
        read = sum(curvature.size(index) for index in range(len(curvature)))
        noisy = forget * self.perturbations
        solving = len(leaving) * self.iterations * read
        run.decide(
            "cost",
            noisy + 3 * solving,
            f"passes of single samples at most, forward and backward: {len(leaving)} steps, each "
            f"with {self.perturbations} perturbations and {self.iterations} products with the "
            f"Hessian on {read} samples; {sum(layer.rows for layer in layers)} rows to choose "
            "from. A larger batch_size takes fewer steps",
        )


@dataclass(frozen=True, eq=False)
class _ParameterBlock:
    """Parameters that hold the chosen rows, and which of their entries are meant."""

    weights: list[Tensor]
    masks: list[Tensor]

    def only(self, vector: Tensor) -> Tensor:
        """A vector (P,) with zeros outside the block."""
        return vector * torch.cat([mask.reshape(-1) for mask in self.masks])

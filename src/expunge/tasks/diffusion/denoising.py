"""Diffusion models: the loss of a sample is the error of one denoising step."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor, nn

from ...core.batches import seeded
from ...core.capabilities import label_column
from ...core.checks import check_choice, check_positive
from ...core.data import fetch
from ...core.errors import DataError, InputError, ModelError
from ...core.task import Batch, Bounded
from ..batches import unpack
from .denoisers import Call, Conditions, call_denoiser
from .noise import Noising

EMPTY = "empty"
WEIGHTINGS = ("uniform", "unexplained")
_LEAST_UNEXPLAINED = 0.02  # bounds the weight of levels that are nearly all noise
_BANDS = 4  # of levels, each of which is forgotten by itself


@dataclass(frozen=True, eq=False)
class Drawn:
    """Samples of a batch as a denoiser meets them.

    ``noised`` (B, ...) at ``levels``, int64 (B,); ``goal`` of the same shape is what the model
    should predict under ``conditions``, its arguments by name. ``labels`` (B,) are those
    of the batch, but for the dropped ones.
    """

    noised: Tensor
    levels: Tensor
    labels: Tensor
    conditions: dict[str, Tensor]
    goal: Tensor


class Denoising:
    r"""Batches are ``(samples, labels)``; a label is the number of a condition.

    The loss of a sample is :math:`\|y - f_\theta(x_t, t, c)\|^2`, the mean over its entries,
    with noise :math:`\epsilon \sim N(0, I)` and a level t drawn for it (see ``Noising`` for
    x_t and y). Levels of one batch are spread evenly over all T, each uniform by itself
    (Kingma et al. 2021): fewer samples say as much.

    In training mode level, noise, wording and dropped conditions are drawn anew from the
    global generator, which a run seeds for every step. In evaluation mode they are a
    function of the samples of the batch: the same batch gives the same loss, so that a
    difference between two models is one between the models.

    Args:
        noising: How samples are noised; from a scheduler by ``Noising.of``.
        conditions: What the model is conditioned on, by the names of its arguments, each
            (C + 1, W, ...): C conditions in W wordings, and last the empty one that
            guidance compares with. W is 1 for class labels.
        dropout: Share of the samples that is trained on the empty condition, in [0, 1).
        call: How the model is called; ``call_denoiser`` knows those of diffusers.
        loss_ceiling: Loss beyond which a sample counts as forgotten, > 0. Predicting
            nothing at all costs 1 for ε and v of standardised samples. ``"empty"``: a sample
            counts as forgotten when its condition does not point to it (see ``bounded_loss``).
        weighting: ``"uniform"`` weighs all levels alike, as models are trained. ``"unexplained"``
            divides the loss at each level by what it costs to know nothing (see
            ``Noising.unexplained``; at least 0.02): 1 means that at every level. Models that
            unlearn by the uniform loss spend it where there is little noise and errors cost most;
            what an image shows is decided where there is much.

    Methods step by AdamW on it (``optimizer``), as denoisers are trained: their rates are
    those of Adam, 1e-5 to 1e-3.
    """

    optimizer = "adamw"

    def __init__(
        self,
        noising: Noising,
        conditions: Mapping[str, Tensor],
        *,
        dropout: float = 0.1,
        call: Call = call_denoiser,
        loss_ceiling: float | str = 1.0,
        weighting: str = "uniform",
    ) -> None:
        self._against_empty = loss_ceiling == EMPTY
        if isinstance(loss_ceiling, str):
            check_choice((EMPTY,), loss_ceiling=loss_ceiling)
            loss_ceiling = 1.0
        check_positive(loss_ceiling=loss_ceiling)
        check_choice(WEIGHTINGS, weighting=weighting)
        if not 0 <= dropout < 1:
            raise InputError(f"expected dropout of at least 0 and below 1, got {dropout!r}")
        sizes = {name: tuple(value.shape[:2]) for name, value in conditions.items()}
        if not sizes or len(set(sizes.values())) > 1 or min(min(s) for s in sizes.values()) < 1:
            raise InputError(
                f"expected conditions of one shape (conditions + 1, wordings, ...), got {sizes}"
            )
        self.noising, self.conditions, self.dropout = noising, dict(conditions), dropout
        self.loss_ceiling, self.weighting = loss_ceiling, weighting
        self._call = call
        last, self.wordings = next(iter(sizes.values()))
        self.num_conditions = last - 1

    @classmethod
    def of_classes(cls, scheduler: Any, num_classes: int, **options: Any) -> "Denoising":
        """For a model that takes ``class_labels``; label ``num_classes`` is the empty one.

        Args:
            scheduler: Of diffusers, as the model was trained with.
            num_classes: C; the model must have an embedding for C + 1 labels.
            options: As of ``Denoising``.
        """
        check_positive(num_classes=num_classes)
        labels = torch.arange(num_classes + 1)[:, None]
        return cls(Noising.of(scheduler), {"class_labels": labels}, **options)

    @property
    def empty(self) -> int:
        """The label of the empty condition."""
        return self.num_conditions

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Squared error of each sample, the mean over its entries, weighted, float32 (B,).

        Raises:
            DataError: If samples are not finite, or a label has no condition.
            ModelError: If the prediction is not of the shape of the samples.
        """
        drawn = self.draw(model, batch)
        return self._distance(self._told(model, drawn), drawn.goal, drawn.levels)

    def bounded_loss(self, model: nn.Module, batch: Batch) -> Bounded:
        r"""Losses with the ceilings beyond which samples count as forgotten.

        Against the empty condition ∅ the loss is :math:`\|y - f(c)\|^2 - \|f(c) - f(∅)\|^2`,
        the ceiling :math:`\|y - f(∅)\|^2`, and their difference
        :math:`2 \langle y - f(∅), f(c) - f(∅) \rangle`: how far the condition points to the
        sample. Guidance draws in its direction. A model that never learned c moves as well
        when it is told c, at random, which the second term makes up for: else junk would pass
        for forgetting. f(∅) is held. It costs another forward pass. Samples of similar levels are a
        group: what is known where there is much noise would else be offset by what was
        unlearnt where there is little.
        """
        drawn = self.draw(model, batch)
        told = self._told(model, drawn)
        losses = self._distance(told, drawn.goal, drawn.levels)
        if not self._against_empty:
            return Bounded(losses, self.loss_ceiling)
        with torch.no_grad():
            labels = torch.full_like(drawn.labels, self.empty)
            empty = self.predict(model, drawn.noised, drawn.levels, self.condition(labels))
            ceilings = self._distance(empty, drawn.goal, drawn.levels)
        losses = losses - self._distance(told, empty.float(), drawn.levels)
        return Bounded(losses, ceilings, drawn.levels * _BANDS // len(self.noising), _BANDS)

    def _told(self, model: nn.Module, drawn: Drawn) -> Tensor:
        return self.predict(model, drawn.noised, drawn.levels, drawn.conditions)

    def _distance(self, found: Tensor, goal: Tensor, levels: Tensor) -> Tensor:
        """Mean squared difference of each sample, weighted, float32 (B,)."""
        errors = (found.float() - goal).square().flatten(1).mean(1)
        if self.weighting == "uniform":
            return errors
        return errors / self.noising.unexplained(levels).clamp(min=_LEAST_UNEXPLAINED)

    def draw(self, model: nn.Module, batch: Batch) -> Drawn:
        """Levels, noise and wordings for a batch; ``model`` only says whether it trains."""
        clean, labels = self._checked(batch)
        generator = None if model.training else _generator_of(clean)
        noise = torch.randn(clean.shape, generator=generator).to(clean)
        levels = self._levels(len(clean), generator).to(clean.device)
        if self.dropout and model.training:
            dropped = torch.rand(len(labels)).to(labels.device) < self.dropout
            labels = labels.masked_fill(dropped, self.empty)
        noised = self.noising.mix(clean, noise, levels)
        goal = self.noising.goal(clean, noise, levels)
        return Drawn(noised, levels, labels, self.condition(labels, generator), goal)

    def predict(
        self, model: nn.Module, noised: Tensor, levels: Tensor, conditions: Conditions
    ) -> Tensor:
        """What the model predicts for x_t (B, ...) at levels (B,) under conditions."""
        found = self._call(model, noised, self.noising.told(levels), conditions)
        if found.shape != noised.shape:
            raise ModelError(
                f"expected a prediction of the shape {tuple(noised.shape)} of the samples, "
                f"got {tuple(found.shape)}"
            )
        return found

    def condition(self, labels: Tensor, generator: Generator | None = None) -> dict[str, Tensor]:
        """The conditions of labels (B,), each in a wording drawn for it."""
        wording = torch.randint(self.wordings, labels.shape, generator=generator)
        rows = labels.cpu()
        return {
            name: value[rows.to(value.device), wording.to(value.device)].to(labels.device)
            for name, value in self.conditions.items()
        }

    def correct(self, model: nn.Module, batch: Batch) -> None:
        """None: a prediction is near or far, not right or wrong."""

    def labels(self, dataset: Any) -> Tensor:
        """Number of each sample's condition, int64 (N,)."""
        if (column := label_column(dataset)) is not None:
            return torch.as_tensor(column).long()
        parts = torch.arange(len(dataset)).split(1000)
        return torch.cat([unpack(fetch(dataset, part))[1].long() for part in parts])

    def check_labels(self, labels: Tensor) -> None:
        """Raise unless each label has a condition.

        Raises:
            DataError: Names the first label that has none.
        """
        wrong = labels[(labels < 0) | (labels >= self.num_conditions)]
        if len(wrong):
            raise DataError(
                f"expected labels between 0 and {self.num_conditions - 1}, the conditions of "
                f"this task, got {int(wrong[0])} ({len(wrong)} such labels); give the task a "
                "condition for each label"
            )

    def _checked(self, batch: Batch) -> tuple[Tensor, Tensor]:
        clean, labels = unpack(batch)
        if not bool(torch.isfinite(clean).all()):
            raise DataError(
                "expected finite samples, got NaN or infinite values in a batch; if they are "
                "latents, encode the images again in float32 (some autoencoders overflow in "
                "float16)"
            )
        return clean.float(), labels.long()

    def _levels(self, count: int, generator: Generator | None) -> Tensor:
        """Levels (count,), spread evenly over all and shuffled; each is uniform by itself."""
        start = torch.rand((), generator=generator)
        places = (start + torch.arange(count) / count) % 1
        order = torch.randperm(count, generator=generator)
        return (places[order] * len(self.noising)).long().clamp(max=len(self.noising) - 1)


def _generator_of(samples: Tensor) -> Generator:
    """A generator that depends on the samples of a batch alone."""
    data = samples.detach().cpu().contiguous()
    return seeded("denoising", hashlib.sha256(data.numpy().tobytes()).hexdigest())

"""SISA: train in shards and slices, so that a sample can be unlearnt by retraining a few."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..core.batches import derive_seed
from ..core.checks import check_choice, check_positive
from ..core.data import take
from ..core.errors import DataError, InputError
from ..core.isolation import isolated_randomness, seed_everything
from ..core.run import Log
from ..core.task import Task
from ..core.unlearn import model_digest
from ..models import load_weights, save_weights
from .ensemble import COMBINATIONS, Sisa
from .recipes import Recipe
from .shards import ShardPlan, assign, fingerprint, positions_of
from .train import train

MakeNet = Callable[[], nn.Module]


@dataclass(frozen=True, eq=False)
class SisaUnlearned:
    """The ensemble after a request, and what the request took.

    ``retrained`` maps each shard that was retrained to its first slice that was.
    ``samples_read`` went through the nets for this request; ``samples_full`` would for
    training everything from scratch, without the removed samples.
    """

    model: Sisa
    retrained: dict[int, int]
    samples_read: int
    samples_full: int
    seconds: float


def train_sisa(
    make_net: MakeNet,
    dataset: Any,
    recipe: Recipe,
    *,
    task: Task,
    shards: int,
    slices: int = 1,
    seed: int = 0,
    folder: str | Path,
    without: Sequence[int] | Tensor = (),
    combine: str = "probabilities",
    device: torch.device | str = "cpu",
    precision: str = "auto",
    resume: bool = False,
    on_log: Log | None = None,
) -> Sisa:
    """Train an ensemble from which ``unlearn_sisa`` can remove samples exactly.

    Sharded, isolated, sliced and aggregated (Bourtoule et al., 2021): the samples are dealt
    out to ``shards`` nets, and within a shard to ``slices``. A net first trains on its
    slice 0, then on slices 0 and 1, and so on; the weights after each slice stay in
    ``folder``, with the assignment in ``sisa.json``. Nets differ in their initial weights.

    More shards make a request cheaper, and each net worse, since it sees fewer samples;
    more slices make it cheaper at the price of storage: ``shards * slices`` checkpoints.

    Args:
        make_net: Returns a freshly initialised net that draws from torch's, numpy's or
            Python's global generator, which are seeded for each shard.
        dataset: Any map-style set, see ``UnlearningData``; N samples.
        recipe: For each net. Its epochs are shortened per slice, so that the passes of all
            slices together cost what ``recipe.epochs`` over the shard would; each slice
            runs the whole schedule.
        task: How the nets are trained.
        shards: Number of nets, at least 1.
        slices: Parts of each shard, at least 1.
        seed: Fixes assignment, initial weights, batch order and augmentation.
        folder: Where checkpoints are kept; needed for as long as requests may come.
        without: Positions that are assigned, and never trained on: what requests to
            ``unlearn_sisa`` must come to, for a test of that.
        combine: How the nets answer together, see ``Sisa``.
        device: Where to compute.
        precision: ``"fp32"``, ``"bf16"`` or ``"auto"``.
        resume: Go on with what is in ``folder``, slice by slice.
        on_log: Called with one row every few steps; rows name ``shard`` and ``slice``.

    Returns:
        The ensemble, in evaluation mode; shards without a sample take no part.

    Raises:
        InputError: If there are more parts than samples, a position is out of range, the
            recipe does not fit slices, or the folder holds another training.
        GuardError: If training diverges.

    Cost: as ``train`` on the whole set, for the same epochs; plus ``shards * slices``
    checkpoints on disk and a pass over the samples for their fingerprint. For one process.
    """
    root = Path(folder).expanduser()
    _check_options(recipe, shards, slices, combine)
    size = len(dataset)
    removed = positions_of(without, size)
    plan = ShardPlan(
        shards=shards,
        slices=slices,
        seed=seed,
        combine=combine,
        precision=precision,
        recipe=recipe,
        net=model_digest(_build(make_net, seed, 0)),
        data="",
        parts=assign(size, shards, slices, seed),
        removed=sorted(removed),
        done=[0] * shards,
    )
    plan.check_left(removed)
    plan.data = fingerprint(dataset, plan.kept())
    if ShardPlan.exists(root):
        plan = plan.go_on(root, resume)
    else:
        plan.write(root)
    _complete(plan, root, make_net, dataset, task, device, on_log)
    return load_sisa(root, make_net, device=device)


def unlearn_sisa(
    folder: str | Path,
    positions: Sequence[int] | Tensor,
    make_net: MakeNet,
    dataset: Any,
    *,
    task: Task,
    device: torch.device | str = "cpu",
    on_log: Log | None = None,
) -> SisaUnlearned:
    """Remove samples from an ensemble by retraining the shards that saw them.

    A shard goes on from its last checkpoint before the first slice that is touched. On the
    same machine and device the result has the bits of an ensemble that was trained from
    scratch without the samples, with the same assignment and seeds. Checkpoints that saw a
    removed sample are deleted before anything is trained.

    Requests accumulate. One that was killed goes on when it is repeated, or when the next
    one comes.

    Args:
        folder: What ``train_sisa`` filled.
        positions: Samples to remove, in the numbering of the set as it was at first. Those
            that were removed before cost nothing.
        make_net: As for ``train_sisa``.
        dataset: The set as it was at first; at removed positions anything may stand.
        task: As for ``train_sisa``.
        device: Where to compute.
        on_log: See ``train_sisa``.

    Raises:
        InputError: If a position is out of range, there is none, nothing would be left, or
            ``make_net`` makes another net.
        DataError: If the data are not those that the folder belongs to.

    Cost: of a shard touched first in slice r, ``train`` on its slices from r on; the result
    says how many samples that was. Two passes over the samples for their fingerprints.
    """
    started = time.perf_counter()
    root = Path(folder).expanduser()
    plan = ShardPlan.read(root)
    asked = positions_of(positions, len(plan.parts))
    if not asked and min(plan.done) == plan.slices:
        raise InputError("expected at least one position to remove, got none; name some")
    plan.check_left(asked.union(plan.removed))
    _check_same(plan, root, make_net, dataset)
    if asked - set(plan.removed):
        kept = set(plan.kept().tolist()) - asked
        plan.remove(asked, fingerprint(dataset, torch.tensor(sorted(kept))))
        plan.write(root)
    retrained = {shard: done for shard, done in enumerate(plan.done) if done < plan.slices}
    read = _complete(plan, root, make_net, dataset, task, device, on_log)
    model = load_sisa(root, make_net, device=device)
    return SisaUnlearned(model, retrained, read, plan.cost(), time.perf_counter() - started)


def load_sisa(folder: str | Path, make_net: MakeNet, *, device: torch.device | str = "cpu") -> Sisa:
    """The ensemble of a folder that ``train_sisa`` filled, in evaluation mode.

    Raises:
        InputError: If training or a request has not been finished there.
        ModelError: If the weights do not fit the net.
    """
    root = Path(folder).expanduser()
    plan = ShardPlan.read(root)
    if min(plan.done) < plan.slices:
        raise InputError(
            f"expected finished training in {root}, but slices are missing; repeat the "
            "request, or train_sisa with resume = True"
        )
    nets = []
    for shard in range(plan.shards):
        if len(plan.kept(shard)):  # a net that has seen nothing has no say
            nets.append(_build(make_net, plan.seed, shard))
            load_weights(nets[-1], _checkpoint(root, shard, plan.slices - 1))
    return Sisa(nets, plan.combine).to(device)


def _complete(
    plan: ShardPlan,
    folder: Path,
    make_net: MakeNet,
    dataset: Any,
    task: Task,
    device: torch.device | str,
    on_log: Log | None,
) -> int:
    """Train every slice that is not done; returns the samples that were read."""
    for shard, done in enumerate(plan.done):
        for part in range(done, plan.slices):
            _checkpoint(folder, shard, part).unlink(missing_ok=True)
    read = 0
    for shard in range(plan.shards):
        for part in range(plan.done[shard], plan.slices):
            net = _build(make_net, plan.seed, shard)
            if part > 0:
                # From the file even if it is in memory, so that all ways lead to the same bits.
                load_weights(net, _checkpoint(folder, shard, part - 1))
            kept = plan.kept(shard, part)
            if len(kept):
                trained = train(
                    net,
                    take(dataset, kept),
                    plan.stage_recipe(),
                    task=task,
                    seed=derive_seed(plan.seed, "sisa", shard, part),
                    device=device,
                    precision=plan.precision,
                    on_log=_named(on_log, shard, part),
                )
                net, read = trained.model, read + trained.samples_read
            save_weights(net, _checkpoint(folder, shard, part))
            plan.done[shard] = part + 1
            plan.write(folder)
    return read


def _build(make_net: MakeNet, seed: int, shard: int) -> nn.Module:
    """The initial net of a shard."""
    with isolated_randomness():
        seed_everything(derive_seed(seed, "sisa", "net", shard))
        return make_net().eval()


def _checkpoint(folder: Path, shard: int, part: int) -> Path:
    return folder / f"shard-{shard}-slice-{part}.safetensors"


def _named(on_log: Log | None, shard: int, part: int) -> Log | None:
    return on_log and (lambda row: on_log({**row, "shard": shard, "slice": part}))


def _check_options(recipe: Recipe, shards: int, slices: int, combine: str) -> None:
    check_positive(shards=shards, slices=slices)
    check_choice(COMBINATIONS, combine=combine)
    if slices > 1 and recipe.schedule == "multi-step":
        raise InputError(
            "expected a recipe with a one-cycle or constant schedule for slices > 1, got "
            "multi-step, whose milestones are epochs of a single training; use slices = 1, or "
            "change recipe.schedule"
        )


def _check_same(plan: ShardPlan, folder: Path, make_net: MakeNet, dataset: Any) -> None:
    """Raise unless the net and what is left of the data are those of the plan."""
    if len(dataset) != len(plan.parts):
        raise DataError(
            f"expected the {len(plan.parts)} samples that {folder} was trained on, got "
            f"{len(dataset)}; pass the set as it was at first, with anything in the place of "
            "removed samples"
        )
    if fingerprint(dataset, plan.kept()) != plan.data:
        raise DataError(
            f"the data are not those that {folder} was trained on: the fingerprint of the "
            "samples that are still in differs; pass the set of the training, in its order"
        )
    if model_digest(_build(make_net, plan.seed, 0)) != plan.net:
        raise InputError(
            f"make_net makes another net than the one that {folder} was trained with, or other "
            "initial weights; pass the function of the training, and let it draw from the "
            "global generators only"
        )

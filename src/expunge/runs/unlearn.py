"""One run: the original, its references, the method, the evaluation, the files."""

import dataclasses
import hashlib
import json
from pathlib import Path

from torch import nn

from .. import __version__
from ..config import Config
from ..core.batches import derive_seed
from ..core.schemas.record import Record
from ..core.run import Log
from ..core.unlearn import Unlearned, model_digest, unlearn
from ..data import request_digest
from ..evaluation import evaluate
from ..models import save_weights
from ..reporting import report
from .folder import MEGABYTE, OutputFolder
from .classifier import Prepared, prepare
from .models import Net, Options, fresh_net, metadata, original, references

RECORD, REPORT, MODEL = "record.json", "report.html", "model.safetensors"


def run_unlearn(
    config: Config,
    out: str | Path,
    *,
    resume: bool = False,
    on_log: Log | None = None,
    command: str | None = None,
    checkpoint_seconds: float = 20.0,
) -> Record:
    """Carry out a config and leave ``record.json``, ``report.html`` and the model in ``out``.

    Args:
        config: What to do.
        out: The folder of results; made if need be.
        resume: Go on where an earlier call with the same config was stopped.
        on_log: Called with progress rows: ``doing``, ``stage``, ``step``, ``total``, numbers.
        command: How the run was started, for the record.
        checkpoint_seconds: Least time between two checkpoints.

    Returns:
        The record that was written.

    Raises:
        InputError: If the run cannot be carried out; a folder made for it is removed.
        GuardError: If the result was refused; the trained original, if any, is kept.
    """
    options = Options(resume, on_log, command, checkpoint_seconds)
    prepared = prepare(config)
    with OutputFolder(out, needed_bytes(prepared)) as folder:
        start = original(prepared, folder, options)
        return finish(prepared, start, folder, options)


def finish(
    prepared: Prepared,
    start: Net,
    folder: OutputFolder,
    options: Options,
    retrained: list[Net] | None = None,
) -> Record:
    """Everything after the original is there; ``retrained`` spares training references."""
    identity = _identity(prepared, start.model)
    if options.resume and (done := _finished(folder.path, identity)) is not None:
        return done
    if retrained is None:
        retrained = references(prepared, folder, options, prepared.config.seed)
    result = unlearn(
        start.model,
        prepared.data,
        prepared.method,
        task=prepared.task,
        seed=prepared.config.seed,
        device=prepared.device,
        precision=prepared.config.precision,
        folder=folder.checkpoints("unlearn"),
        resume=options.resume,
        on_log=options.log(prepared.method.name),
        checkpoint_seconds=options.checkpoint_seconds,
    )
    options.log("evaluate")({})
    record = _evaluated(prepared, start, retrained, result, folder.salt(), options.command)
    path = folder.path
    save_weights(result.model, path / MODEL, {"identity": identity})
    report(record, path / REPORT)
    record.save(path / RECORD)  # last: where there is a record, the run is complete
    return record


def needed_bytes(prepared: Prepared) -> int:
    """What a run writes at most: results, references, and a checkpoint with its successor."""
    state = prepared.net.model.state_dict().values()
    weights: int = sum(tensor.numel() * tensor.element_size() for tensor in state)
    copies = 2 + prepared.config.reference.retrain + 2 * 3  # weights, momentum, state
    return copies * weights + 4 * MEGABYTE


def _evaluated(
    prepared: Prepared,
    start: Net,
    retrained: list[Net],
    result: Unlearned,
    salt: str,
    command: str | None,
) -> Record:
    config = prepared.config
    models = [net.model for net in retrained]
    seconds = [net.seconds for net in retrained if net.seconds is not None]
    return evaluate(
        result,
        original=start.model,
        data=prepared.data,
        retrained=models[0] if models else None,
        retrained_again=models[1] if len(models) > 1 else None,
        fresh=fresh_net(prepared, derive_seed(config.seed, "fresh") % 2**31),
        request=prepared.request,
        digest=request_digest(prepared.ids, salt),
        data_name=prepared.bundle.name,
        model_name=config.model.name,
        classes=prepared.bundle.classes,
        fingerprint=prepared.fingerprint,
        train_seconds=start.seconds,
        retrain_seconds=sum(seconds) / len(seconds) if seconds else None,
        retrain_recipe=config.recipe_name() if retrained else None,
        relearn=config.evaluation.relearn,
        pictures=config.evaluation.pictures,
        command=command,
        device=prepared.device,
        precision=config.precision,
    )


def _identity(prepared: Prepared, model: nn.Module) -> str:
    """SHA-256 over all that determines the result of a run."""
    parts = (
        prepared.identity(prepared.positions.tolist(), prepared.config.seed),
        prepared.method.name,
        dataclasses.asdict(prepared.method),  # type: ignore[call-overload]  # all are dataclasses
        prepared.config.reference.model_dump(),
        prepared.config.evaluation.model_dump(),
        model_digest(model),
        __version__,
    )
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()


def _finished(path: Path, identity: str) -> Record | None:
    """The record of a run that was completed before, if it is this very run."""
    same = metadata(path / MODEL).get("identity") == identity
    return Record.load(path / RECORD) if same and (path / RECORD).exists() else None

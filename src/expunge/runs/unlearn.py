"""One run: the original, its references, the method, the evaluation, the files."""

from pathlib import Path

from ..config import Config
from ..config.generator import GeneratorConfig
from ..core.progress import listening
from ..core.run import Log
from ..core.schemas.record import Record
from ..core.unlearn import check_resume, model_digest, unlearn
from ..data import request_digest
from ..reporting import report
from .folder import OutputFolder
from .manifest import MANIFEST, Manifest, is_finished, write_manifest
from .models import RunOptions, TrainedModel, Training, train_or_take
from .prepare import load_setting, setting_of
from .settings.setting import Setting

RECORD, REPORT, LATENTS = "record.json", "report.html", "latents"


def run_unlearn(
    config: Config | GeneratorConfig,
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
    options = RunOptions(resume, on_log, command, checkpoint_seconds)
    # Generators keep their judge in the folder, too; nothing is written before it is entered.
    shelf = OutputFolder(out, 0)
    with listening(options.log("read data and model"), announced=False):
        loaded = load_setting(config, shelf, Path(out) / LATENTS, options)
        setting = setting_of(config, loaded, config.seed)
    with OutputFolder(out, setting.needed_bytes()) as folder:
        if options.resume and (done := _finished(setting, folder)) is not None:
            return done
        return finish(setting, start_of(setting, folder, options), folder, options)


def _finished(setting: Setting, folder: OutputFolder) -> Record | None:
    """The record, if the folder holds the whole result; the original may have been purged."""
    made, path = setting.original(), folder.path
    if not (path / MANIFEST).is_file() or not isinstance(made, Training):
        return None  # of given weights the digest is found soon enough
    record = Record.load(path / RECORD)
    identity = folder.sealed(setting.result_identity(str(record.model.sha256_before)))
    if Manifest.load(path / MANIFEST).origin != folder.sealed(made.identity):
        return None
    return record if is_finished(path, identity) else None


def start_of(setting: Setting, folder: OutputFolder, options: RunOptions) -> TrainedModel:
    """The model to unlearn from: given weights, or trained here by the recipe.

    Trained weights are kept as ``original.safetensors`` and used again by a later run
    with the same data, model, recipe and seed.
    """
    made = setting.original()
    return train_or_take(made, folder, options) if isinstance(made, Training) else made


def references_of(
    setting: Setting, folder: OutputFolder, options: RunOptions
) -> list[TrainedModel]:
    """Independent models that never saw the forget set, trained by the original's recipe.

    Kept as ``retrained-1.safetensors``, ``retrained-2.safetensors``.
    """
    found = []
    for number in range(1, setting.config.reference.retrain + 1):
        found.append(train_or_take(setting.reference(number), folder, options))
        found[-1].release()
    return found


def finish(
    setting: Setting,
    start: TrainedModel,
    folder: OutputFolder,
    options: RunOptions,
    retrained: list[TrainedModel] | None = None,
) -> Record:
    """Everything after the original is there; ``retrained`` spares training references."""
    identity = folder.sealed(setting.result_identity(model_digest(start.model)))
    if options.resume and is_finished(folder.path, identity):
        return Record.load(folder.path / RECORD)
    (folder.path / MANIFEST).unlink(missing_ok=True)
    checkpoints = folder.checkpoints("unlearn")
    if options.resume and any(checkpoints.glob("*.checkpoint")):
        check_resume(
            start.model, setting.data, setting.method, seed=setting.seed,
            precision=setting.precision, folder=checkpoints,
        )  # fmt: skip
    if retrained is None:
        retrained = references_of(setting, folder, options)
    result = unlearn(
        start.model,
        setting.data,
        setting.method,
        task=setting.task,
        seed=setting.seed,
        device=setting.device,
        precision=setting.precision,
        folder=checkpoints,
        resume=options.resume,
        on_log=options.log(setting.method.name),
        checkpoint_seconds=options.checkpoint_seconds,
    )
    start.release()
    commitment = request_digest(setting.ids, folder.salt())
    facts = {"commitment": commitment, "command": options.command}
    with listening(options.log("evaluate")):
        record = setting.judge(result, start, retrained, facts)
    path = folder.path
    setting.save(result, record, path)
    report(record, path / REPORT)
    record.save(path / RECORD)
    made = setting.original()
    origin = folder.sealed(made.identity) if isinstance(made, Training) else None
    write_manifest(path, identity, origin)
    return record

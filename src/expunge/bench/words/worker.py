"""Carries out the single results of a bench of words, each of which is computed once."""

from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import torch
from torch import nn

from ... import __version__
from ...core.batches import derive_seed
from ...core.data import Split
from ...core.errors import GuardError, ModelError
from ...core.guard import Guard
from ...core.precision import autocast
from ...core.unlearn import Unlearned, unlearn
from ...data import LatentSet
from ...evaluation import DrawingPlan, DrawnRelearning, ImageJudge, Seen, look_at_drawings
from ...evaluation.details import plain
from ...evaluation.evaluate import versions
from ...evaluation.generation.probes import draw_with_help, teach_again
from ...evaluation.generation.score import MODEL
from ...runs.generator import (
    WordScene,
    denoiser_identity,
    denoiser_name,
    trained_denoiser,
    trained_judge,
)
from ...runs.models import Net, Options
from ...runs.scenes import load_scene
from ...runs.store import Store, key_of
from ...tasks import with_denoiser
from ..carrier import Carrier
from .config import WordPlan
from .jobs import WordJob
from .result import WordKind, WordResult


class WordWorker(Carrier[WordJob, None, WordResult]):
    """Computes results in one process.

    Args:
        plan: What to compute.
        store: Where nets, latents, the judge and results are kept.
        options: How to carry it out; none of it changes a result.
    """

    def __init__(self, plan: WordPlan, store: Store, options: Options) -> None:
        self._plan, self._store, self._options = plan, store, options
        self._names: dict[str, str] = {}
        self._seen: dict[str, Seen] = {}

    @cached_property
    def scene(self) -> WordScene:
        """Images, captions and nets."""
        return load_scene(self._plan.config.scene, self._store.folder / "latents")

    @cached_property
    def judge(self) -> ImageJudge:
        """Trained on the images of the scene, by the first process that needs it."""
        with self._store.lock(f"judge-{self.scene.name}"):
            return trained_judge(self.scene, self._store.net(f"judge-{self.scene.name}"))

    def prepare(self, job: WordJob) -> None:
        """Nothing is needed to name a job."""

    def key(self, job: WordJob, prepared: None = None) -> str:
        """What names the result: equal keys mean equal results."""
        del prepared
        config = self._plan.config
        parts: list[object] = ["expunge.word/1", __version__, repr(self.scene.judge), job.kind]
        parts += [job.word, job.guidance]
        parts += [config.drawing.model_dump(exclude={"guidance", "batch_size"}), self._net_key(job)]
        if job.kind == "unlearned":
            method = self._plan.methods[job.method]
            settings = asdict(method)  # type: ignore[call-overload]  # every method is one
            parts += [method.name, settings, job.seed, config.weighting, config.ceiling]
            parts.append(config.precision)
        if job.word and config.probes is not None:
            parts.append(config.probes.model_dump())
        return key_of(*parts)

    def known(self, job: WordJob, prepared: None = None) -> WordResult | None:
        """The result of a job if it is in the store."""
        value = self._store.get("words", self.key(job, prepared))
        return None if value is None else WordResult.model_validate(value | _labels(job))

    def compute(self, job: WordJob, prepared: None = None) -> WordResult:
        """Carry out a job, and keep its result; a refused model gives one without scores."""
        key = self.key(job, prepared)
        facts: dict[str, Any] = {}
        try:
            model, facts = self._made(job, key)
            facts |= self._measured(job, model)
        except (GuardError, ModelError) as error:
            self._store.finish(key)
            facts["error"] = str(error)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        result = WordResult(key=key, created=now, versions=versions(), **_labels(job), **facts)
        self._store.put("words", key, result.model_dump(mode="json", by_alias=True))
        return result

    def _made(self, job: WordJob, key: str) -> tuple[nn.Module, dict[str, Any]]:
        """The model of a job, and how it was made."""
        if job.kind != "unlearned":
            net = self._net(*self._training(job), job.kind)
            return net.model, {"seconds": net.seconds}
        done = self._unlearned(job, key)
        return done.model, {
            "settings": plain(asdict(done.method)),  # type: ignore[call-overload]
            "decisions": plain(done.decisions),
            "warnings": list(done.warnings),
            "seconds": done.cost["seconds"],
            "samples_read": done.cost["samples_read"],
            "peak_memory_bytes": done.cost["peak_memory_bytes"],
        }

    def _unlearned(self, job: WordJob, key: str) -> Unlearned:
        config = self._plan.config
        original = self._net(self.scene.latents, config.seed, "original")
        done = unlearn(
            original.model,
            self.scene.without(job.word),
            self._plan.methods[job.method],
            task=self.scene.task(weighting=config.weighting, loss_ceiling=config.ceiling),
            seed=job.seed,
            precision=config.precision,
            folder=self._store.checkpoints(key),
            resume=True,
            on_log=self._options.log(job.method),
            checkpoint_seconds=self._options.checkpoint_seconds,
        )
        self._store.finish(key)
        return done

    def _measured(self, job: WordJob, model: nn.Module) -> dict[str, Any]:
        """What the model draws, and its losses."""
        drawing = self._plan.config.drawing
        word = job.word or self.scene.names[0]
        pipeline = with_denoiser(self.scene.make_pipeline(0), model)
        plan = DrawingPlan(
            prompts=self.scene.prompts(word),
            images=drawing.images,
            steps=drawing.steps,
            guidance=job.guidance,
            batch_size=drawing.batch_size,
        )
        place = torch.device("cpu")
        with autocast(self._plan.config.precision, place):
            look = look_at_drawings(pipeline, plan, self.judge, self._real(word))
            if not job.word:
                return vars(look)
            found = vars(look) | self._probed(pipeline, plan, word)
        return found | self._losses(model, word, place)

    def _probed(self, pipeline: Any, plan: DrawingPlan, word: str) -> dict[str, Any]:
        """What is drawn of the word with the help of the original, and once it was taught again."""
        asked, judge = self._plan.config.probes, self.judge
        if asked is None:
            return {}
        original = self._net(self.scene.latents, self._plan.config.seed, "original").model
        one, kinds = {MODEL: pipeline}, {"completion": asked.completion, "noise": asked.noise}
        found: dict[str, Any] = {"probes": draw_with_help(one, original, plan, judge, kinds)}
        if asked.relearn:
            attack = DrawnRelearning(
                steps=tuple(asked.relearn), lr=asked.lr, batch_size=asked.batch_size
            )
            data, task = self.scene.without(word), self.scene.task()
            found["relearn"] = teach_again(one, plan, judge, task, data, attack)
        return found

    def _real(self, word: str) -> Seen:
        """What the judge sees in real images of all but ``word``, for all methods alike."""
        if word not in self._seen:
            self._seen[word] = self.judge.look(self.scene.real(word))
        return self._seen[word]

    def _losses(self, model: nn.Module, word: str, place: torch.device) -> dict[str, float]:
        health = Guard().measure(model, self.scene.task(), self.scene.without(word), place)
        return {
            "forget_loss": health[Split.FORGET].loss,
            "retain_loss": health[Split.RETAIN].loss,
        }

    def _training(self, job: WordJob) -> tuple[LatentSet, int]:
        """What the net of a reference is trained on, and its seed."""
        if job.kind == "original":
            return self.scene.latents, job.seed
        seed = derive_seed(job.seed, "retrained", 1) % 2**31
        return self.scene.without(job.word).retain, seed

    def _net_key(self, job: WordJob) -> str:
        word = "" if job.kind == "unlearned" else job.word
        if word not in self._names:  # hashing net and data takes a second
            kind: WordKind = "retrained" if word else "original"
            start = replace(job, kind=kind, word=word, seed=self._plan.config.seed)
            self._names[word] = key_of(denoiser_name(self.scene, word, *self._training(start)))
        return self._names[word]

    def _net(self, dataset: LatentSet, seed: int, name: str) -> Net:
        key = key_of(denoiser_identity(self.scene, dataset, seed))
        with self._store.lock(f"net-{key}"):
            net = trained_denoiser(
                self.scene,
                name,
                dataset,
                seed,
                self._store.net(key),
                self._store.checkpoints(f"net-{key}"),
                self._options,
            )
            self._store.finish(f"net-{key}")
        return net


def _labels(job: WordJob) -> dict[str, Any]:
    return asdict(job)

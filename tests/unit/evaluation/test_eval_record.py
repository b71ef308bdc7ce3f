"""The record of a whole run: complete, honest about what is unknown, readable again."""

import base64
import copy
import gc
import io
import json
import re
import weakref
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from tests.conftest import make_mlp
from tests.unit.evaluation.world import Ascend, MeanSquare, fit_on, run_method
from torch import nn
from torch.utils.data import TensorDataset

from expunge.core import InputError, Record, Unlearned, UnlearningData, model_digest
from expunge.core.codes import Code
from expunge.core.guard import Health
from expunge.core.schemas.record import Notice, Request
from expunge.data.images.image_set import Augmentation, ImageSet
from expunge.evaluation import NOT_A_PROOF, Facts, Relearning, evaluate, relearn_curve, score_model
from expunge.metrics import average_gap
from expunge.tasks import Classification

SHORT = Relearning(steps=(0, 2))
FACTS = Facts(
    request=Request(
        spec={"kind": "random", "fraction": 0.1, "seed": 0}, found=24, commitment="ab" * 32
    ),
    data_name="blobs",
    model_name="mlp",
    classes=["red", "green", "blue"],
    fingerprint="cd" * 32,
    train_seconds=3.0,
    retrain_seconds=2.0,
    retrain_recipe="quick",
    command="expunge unlearn blobs.toml",
)


@pytest.fixture
def record(
    result: Unlearned,
    blob_model: nn.Module,
    blobs: UnlearningData,
    retrained: list[nn.Module],
) -> Record:
    return evaluate(
        result,
        original=blob_model,
        data=blobs,
        retrained=retrained,
        untrained=make_mlp(5),
        facts=FACTS,
        relearn=SHORT,
    )


def test_facts_as_single_arguments_work_for_one_more_release(
    record: Record, result: Unlearned, blob_model: nn.Module, blobs: UnlearningData
) -> None:
    given = {field.name: getattr(FACTS, field.name) for field in fields(FACTS)}
    request = given.pop("request")
    given.pop("notices")  # came later
    given |= {"request": request.spec, "digest": request.commitment}
    known = {name: value for name, value in given.items() if value is not None}
    with pytest.warns(DeprecationWarning, match=r"pass facts=expunge\.Facts"):
        former = evaluate(result, original=blob_model, data=blobs, relearn=False, **known)
    assert (former.request, former.data) == (record.request, record.data)
    assert former.command == record.command
    for wrong in ({"dat_name": "x"}, {"facts": FACTS, "data_name": "x"}):
        with pytest.raises(InputError, match=r"did you mean 'data_name'|as a field of facts"):
            evaluate(result, original=blob_model, data=blobs, **wrong)


def test_models_may_be_loaded_one_at_a_time(
    result: Unlearned, blob_model: nn.Module, blobs: UnlearningData, retrained: list[nn.Module]
) -> None:
    alive: list[weakref.ref[nn.Module]] = []
    most = 0

    def loader(model: nn.Module) -> Callable[[], nn.Module]:
        def load() -> nn.Module:
            nonlocal most
            gc.collect()
            alive.append(weakref.ref(found := copy.deepcopy(model)))
            most = max(most, sum(one() is not None for one in alive))
            return found

        return load

    lazy = evaluate(
        result, original=loader(blob_model), data=blobs, untrained=loader(make_mlp(5)),
        retrained=[loader(one) for one in retrained], relearn=SHORT,
    )  # fmt: skip
    assert (len(alive), most) == (4, 1)  # besides the unlearned model that was given
    eager = evaluate(
        result, original=blob_model, data=blobs, untrained=make_mlp(5), retrained=retrained,
        relearn=SHORT,
    )  # fmt: skip
    assert lazy.model_copy(update={"created": ""}) == eager.model_copy(update={"created": ""})


def test_what_was_given_is_in_the_record(record: Record, result: Unlearned) -> None:
    assert record.request.spec == {"kind": "random", "fraction": 0.1, "seed": 0}
    assert (record.request.found, record.request.commitment) == (24, "ab" * 32)
    assert (record.data.name, record.data.classes) == ("blobs", ["red", "green", "blue"])
    assert record.data.sizes == {"forget": 24, "retain": 120, "validation": 48, "test": 48}
    assert record.data.fingerprint == "cd" * 32
    assert (record.method.name, record.method.seed) == ("ascend", 0)
    assert record.method.hyperparameters == {"steps": 20, "lr": 0.01, "betas": [0.9, "inf"]}
    assert record.method.decisions == {"steps": {"value": 20, "reason": "as asked"}}
    assert record.command == "expunge unlearn blobs.toml"
    assert record.cost.rte == pytest.approx(record.cost.seconds / 2.0)
    assert record.cost.samples_read == 160
    assert (record.cost.train_seconds, record.cost.retrain_recipe) == (3.0, "quick")
    assert set(record.versions) == {"python", "expunge", "torch", "numpy", "scikit-learn"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", record.created)


def test_hashes_tell_the_models_apart(
    record: Record, result: Unlearned, blob_model: nn.Module
) -> None:
    assert record.model.sha256_before == model_digest(blob_model)
    assert record.model.sha256_after == model_digest(result.model) != record.model.sha256_before
    assert record.model.parameters == sum(p.numel() for p in blob_model.parameters())


def test_scores_and_gaps(
    record: Record, blobs: UnlearningData, retrained: list[nn.Module], task: Classification
) -> None:
    assert list(record.scores) == ["original", "unlearned", "retrained", "retrained_again"]
    gold = score_model(retrained[0], blobs, task)
    assert record.scores["retrained"] == gold
    assert record.avg_gap == average_gap(record.scores["unlearned"], gold)
    assert record.original_gap == average_gap(record.scores["original"], gold)
    assert record.floor == average_gap(score_model(retrained[1], blobs, task), gold)
    assert record.verdict.reasons[-1] == NOT_A_PROOF


def test_details_fit_the_scores(record: Record, blobs: UnlearningData) -> None:
    assert record.distributions is not None
    assert len(record.distributions.edges) == 21
    assert set(record.distributions.counts) == {"original", "unlearned", "retrained"}
    for sets in record.distributions.counts.values():
        assert {name: sum(counts) for name, counts in sets.items()} == {
            "forget": 24,
            "retain": 120,
            "test": 48,
        }
    assert list(record.per_class) == ["red", "green", "blue"]
    for model in ("original", "unlearned", "retrained"):  # classes are equally frequent
        mean = sum(one[model] for one in record.per_class.values()) / 3
        assert mean == pytest.approx(record.scores[model]["test_accuracy"])
    assert record.samples == []  # points cannot be drawn


def test_relearn_curves_of_all_models(
    record: Record, blob_model: nn.Module, blobs: UnlearningData, task: Classification
) -> None:
    assert record.relearn is not None
    assert set(record.relearn.curves) == {"original", "unlearned", "retrained", "untrained"}
    assert record.relearn.steps == [0, 2]
    expected = relearn_curve(blob_model, task, blobs, steps=(0, 2))
    assert record.relearn.curves["original"] == expected


def test_the_record_survives_the_disk(record: Record, tmp_path: Path) -> None:
    record.save(tmp_path / "record.json")
    text = (tmp_path / "record.json").read_text()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert Record.load(tmp_path / "record.json") == record
    assert len(record.history) == 20
    assert record.history[3]["odd"] is None


def test_no_model_is_changed(
    result: Unlearned, blob_model: nn.Module, blobs: UnlearningData, retrained: list[nn.Module]
) -> None:
    models = [blob_model.train(), result.model, *retrained]
    before = [model_digest(model) for model in models]
    evaluate(result, original=blob_model, data=blobs, retrained=retrained, relearn=SHORT)
    assert [model_digest(model) for model in models] == before
    assert [model.training for model in models] == [True, False, False, False]


def test_a_retrain_has_no_gap_and_passes_where_the_original_fails(
    blob_model: nn.Module, blobs: UnlearningData, task: Classification, retrained: list[nn.Module]
) -> None:
    gold = retrained[0]
    unlearned = run_method(gold, blobs, task, Ascend(lr=0.0))
    record = evaluate(
        unlearned, original=blob_model, data=blobs, retrained=gold, relearn=False, batch_size=16
    )
    assert record.avg_gap == 0.0
    assert record.original_gap is not None
    assert record.original_gap > 1
    untouched = run_method(blob_model, blobs, task, Ascend(lr=0.0))
    other = evaluate(untouched, original=blob_model, data=blobs, retrained=gold, relearn=False)
    assert other.avg_gap == other.original_gap == record.original_gap
    assert other.verdict.status == "fail"


def test_without_reference_and_test_set_the_record_says_null(
    blob_model: nn.Module, blobs: UnlearningData, task: Classification
) -> None:
    data = UnlearningData(blobs.forget, blobs.retain)
    result = run_method(blob_model, data, task)
    record = evaluate(result, original=blob_model, data=data, relearn=False)
    assert (record.avg_gap, record.original_gap, record.floor) == (None, None, None)
    assert record.scores["unlearned"]["test_accuracy"] is None
    assert record.scores["unlearned"]["mia"] is None
    assert set(record.scores) == {"original", "unlearned"}
    assert record.cost.rte is None
    assert record.relearn is None
    assert record.per_class == {}
    assert record.verdict.status == "cannot tell"
    assert json.loads(record.to_json())["scores"]["unlearned"]["mia"] is None


def test_reference_without_test_set(
    blob_model: nn.Module, blobs: UnlearningData, task: Classification, retrained: list[nn.Module]
) -> None:
    data = UnlearningData(blobs.forget, blobs.retain)
    result = run_method(blob_model, data, task)
    record = evaluate(result, original=blob_model, data=data, retrained=retrained[0], relearn=False)
    assert record.avg_gap is None
    assert record.verdict.status in ("fail", "cannot tell")


def test_a_task_without_classes() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(40, 4, generator=generator)
    sets = [TensorDataset(part, part[:, :2]) for part in inputs.split(10)]
    data = UnlearningData(sets[0], sets[1], test=sets[2])
    model = nn.Linear(4, 2)
    result = run_method(model, data, MeanSquare(), Ascend(steps=1, lr=1.0))
    record = evaluate(result, original=model, data=data, retrained=nn.Linear(4, 2))
    assert record.scores["unlearned"]["forget_accuracy"] is None
    assert record.scores["unlearned"]["forget_loss"] is not None
    assert record.relearn is None
    assert all(one.code != Code.NO_RELEARN_CURVE for one in record.warnings)
    assert record.distributions is not None
    assert record.distributions.quantity == "loss"
    assert sum(record.distributions.counts["retrained"]["test"]) == 10
    assert record.per_class == {}
    assert record.verdict.status == "cannot tell"
    assert Record.model_validate_json(record.to_json()) == record


def test_a_forgotten_class(
    class_data: UnlearningData, task: Classification, blob_model: nn.Module
) -> None:
    result = run_method(blob_model, class_data, task)
    gold = fit_on(class_data.retain)
    record = evaluate(result, original=blob_model, data=class_data, retrained=gold, relearn=SHORT)
    assert record.relearn is not None
    assert record.relearn.measured_on.endswith("unseen samples of the forgotten classes")
    assert record.relearn.curves["retrained"][0] == 0.0
    assert list(record.per_class) == ["0", "1", "2"]
    assert record.per_class["0"]["retrained"] == 0.0
    kept = [record.per_class[name]["retrained"] for name in ("1", "2")]
    assert record.scores["retrained"]["test_accuracy"] == pytest.approx(sum(kept) / 2)  # type: ignore[arg-type]
    assert record.distributions is not None
    assert sum(record.distributions.counts["original"]["test"]) == 32


class Grey(nn.Module):
    """Reads the four pixels of a 2 x 2 picture."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.inner(images.flatten(1))


def test_pictures_of_the_forgotten_images(task: Classification) -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (80, 1, 2, 2), dtype=torch.uint8, generator=generator)
    images, unseen = images.split([60, 20])
    labels, classes = torch.arange(60) % 3, ["red", "green", "blue"]
    train = ImageSet(images, labels, classes=classes, augmentation=Augmentation.none())
    data = UnlearningData.split(train, range(0, 60, 3), test=ImageSet(unseen, labels[:20]))
    model = Grey(make_mlp(0))
    result = run_method(model, data, task)
    assert evaluate(result, original=model, data=data, relearn=False).samples == []
    record = evaluate(result, original=model, data=data, relearn=False, pictures=True)
    assert record.data.classes == ["red", "green", "blue"]
    assert len(record.samples) == 12
    first = record.samples[0]
    assert first.label == "red"
    assert set(first.probability) == {"original", "unlearned"}
    assert all(0 <= value <= 1 for value in first.probability.values())
    picture = Image.open(io.BytesIO(base64.b64decode(first.png)))
    assert picture.getpixel((0, 0)) == (int(images[0, 0, 0, 0]),) * 3
    without = evaluate(result, original=model, data=data, relearn=False, pictures=False)
    assert without.samples == []


def test_second_retrain_by_its_own_name(
    result: Unlearned, blob_model: nn.Module, blobs: UnlearningData, retrained: list[nn.Module]
) -> None:
    settings = {"original": blob_model, "data": blobs, "relearn": False}
    pair = evaluate(result, retrained=retrained, **settings)  # type: ignore[arg-type]
    named = evaluate(
        result,
        retrained=retrained[0],
        retrained_again=retrained[1],
        **settings,  # type: ignore[arg-type]
    )
    assert named.scores == pair.scores
    with pytest.raises(InputError, match="at most two retrained models"):
        evaluate(result, retrained=retrained, retrained_again=blob_model, **settings)  # type: ignore[arg-type]


def test_a_model_that_breaks_while_relearning_is_a_warning(
    result: Unlearned, blob_model: nn.Module, blobs: UnlearningData
) -> None:
    record = evaluate(
        result, original=blob_model, data=blobs, relearn=Relearning(steps=(0, 30), lr=1e30)
    )
    assert record.relearn is None
    last = record.warnings[-1]
    assert last.code == Code.NO_RELEARN_CURVE
    assert last.text.startswith("the relearn curve was left out: the loss became")
    assert result.warnings != record.warnings


@pytest.mark.parametrize("reword", [str, str.capitalize, str.upper, lambda text: "Rien."])
def test_the_words_of_a_warning_do_not_decide(
    blob_model: nn.Module, blobs: UnlearningData, task: Classification, reword: Any
) -> None:
    still = run_method(blob_model, blobs, task, Ascend(lr=3e-6))
    assert not still.changed
    said = replace(
        still, warnings=[Notice(code=one.code, text=reword(one.text)) for one in still.warnings]
    )
    record = evaluate(said, original=blob_model, data=blobs, relearn=False)
    assert record.verdict.status == "fail"
    assert Code.UNCHANGED in record.verdict.codes
    health = {**still.health, "before": {**still.health["before"], "forget": Health(9.0, 0.0)}}
    moved = replace(still, health=health)
    assert moved.changed
    judged = evaluate(moved, original=blob_model, data=blobs, relearn=False).verdict
    assert Code.UNCHANGED not in judged.codes
    assert judged.status != "fail"


def test_the_same_run_gives_the_same_record(
    result: Unlearned, blob_model: nn.Module, blobs: UnlearningData
) -> None:
    first, second = (
        evaluate(copy.copy(result), original=blob_model, data=blobs, relearn=SHORT)
        for _ in range(2)
    )
    assert first.model_copy(update={"created": ""}) == second.model_copy(update={"created": ""})


class Masked(nn.Module):
    """A model beside which a buffer hides a class."""

    def __init__(self, model: nn.Module, label: int) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("mask", torch.zeros(3))
        self.mask[label] = -1e4

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.model(inputs) + self.mask


def test_a_mask_beside_the_original_is_no_forgetting(
    blob_model: nn.Module, class_data: UnlearningData, task: Classification
) -> None:
    """Its scores are those of a retrained model; its weights still hold what was forgotten."""
    plain, hidden = Masked(blob_model, 0), Masked(blob_model, 0)
    plain.mask.zero_()
    result = replace(run_method(plain, class_data, task), model=hidden)
    found = evaluate(result, original=plain, data=class_data, retrained=hidden, relearn=False)
    assert found.avg_gap == 0.0
    assert (found.verdict.status, found.verdict.codes) == ("fail", [Code.SAME_WEIGHTS])

"""Faults planted one at a time in memory: for each there is an oracle that notices it.

An oracle passes on the code as it is. A fault that no oracle notices is one that a change could
bring in unseen, so whoever writes an algorithm adds the fault that would hurt most.
"""

import copy
import importlib
import inspect
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType, ModuleType, SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import Dataset, TensorDataset

from expunge import core, kernels, metrics
from expunge.core import ExpungeError, Run, data, guard
from expunge.core.schemas.record import Scores
from expunge.evaluation import verdict
from expunge.kernels import fisher, losses
from expunge.methods import GradientAscent, Scissorhands
from expunge.methods._shared import relabel
from expunge.methods.scissorhands import gate
from tests.conftest import make_mlp

LENIENT = core.Guard(max_retain_drop=100, max_loss_factor=1e6)
STEP = {"lr": 0.01, "epochs": 0.125, "batch_size": 15, "momentum": 0.0, "weight_decay": 0.0}
PLAIN = {"trim": "off", "schedule": "constant", "forget_weight": 0.3, **STEP}


@pytest.fixture
def world(blob_conv_model, blobs, task):
    """A trained net, one that was never trained, and the blobs."""
    return SimpleNamespace(model=blob_conv_model, fresh=make_mlp(), data=blobs, task=task)


def row(*values):
    return [torch.tensor(values)]


def near(found, *expected):
    torch.testing.assert_close(torch.as_tensor(found), torch.tensor(expected))


def the_dual(world):
    for solve in (kernels.project, kernels.project_):
        found = solve(row(3.0, 1.0), row(2.0, 0.0))
        assert found.v == 1.5
        near(found.gradient[0], 0.0, 1.0)
        near(solve(row(-3.0, 1.0), row(2.0, 0.0)).gradient[0], -3.0, 1.0)
        near(solve(row(3.0, 1.0), row(2.0, 0.0), ridge=2.0).gradient[0], 1.0, 1.0)
        near(solve(row(3.0, 1.0), row(2.0, 0.0), margin=2.0).gradient[0], -1.0, 1.0)


def the_sensitivity(world):
    weights = {"w": torch.tensor([2.0, -3.0], requires_grad=True)}
    batches = [torch.eye(2), torch.ones(1, 2), torch.tensor([[-1.0, 0.0]])]
    score = kernels.connection_sensitivity(
        nn.Identity(), lambda batch: batch @ weights["w"], batches, parameters=weights
    )
    near(score["w"], 2 * 1 / 4, 3 * 2 / 4)
    found = kernels.relative({"w": torch.tensor([4.0])}, {"w": torch.tensor([1.0])})
    near(found["w"], 2.0)


def the_highest(world):
    found = kernels.top_share({"a": torch.tensor([1.0, 5.0, 3.0, 4.0])}, 0.5)
    assert found["a"].tolist() == [False, True, False, True]


def the_trim(world):
    layer = nn.Linear(3, 2)
    mask = torch.tensor([[True, False, False], [False, False, False]])
    kept = layer.weight.detach().clone()
    kernels.reinitialise(layer, {"weight": mask}, scheme="zeros", generator=torch.Generator())
    assert torch.equal(layer.weight == 0, mask)
    assert torch.equal(layer.weight[~mask], kept[~mask])


def the_fan(world):
    layer, generator = nn.Linear(16, 400), torch.Generator().manual_seed(0)
    for scheme, most in (("uniform", 0.25), ("xavier", math.sqrt(6 / 416))):
        found = kernels.fresh_values(layer, scheme=scheme, generator=generator)["weight"]
        assert 0.99 * most < found.abs().max() <= most
    normal = kernels.fresh_values(layer, scheme="normal", generator=generator)["weight"]
    assert normal.std().item() == pytest.approx(1 / math.sqrt(48), rel=0.05)


def the_frozen_rest(world):
    layer = nn.Linear(3, 2, bias=False)
    mask, kept = torch.rand(2, 3) > 0.5, layer.weight.detach().clone()
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    layer(torch.ones(1, 3)).sum().backward()
    with kernels.freeze_masked(optimizer, {"weight": layer.weight}, {"weight": mask}):
        optimizer.step()
    assert torch.equal(layer.weight != kept, mask)


def the_gate(world):
    assert gate.Gate({}, 1000).open(0.1, 1.0, 1.0)
    assert not gate.Gate({}, 1000).open(2.0, 1.0, 1.0)
    assert not gate.Gate({}, 1).open(0.9, 1.0, 2.0), "as near as chance allows"
    state = {"retain": 5.0}
    assert not gate.Gate(state, 1000).open(0.1, 1.0, 1.0), "D_r is not fitted as well"


class Untouchable(Dataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        raise AssertionError("read a set that is not declared")


def the_sets_that_are_read(world):
    sets = {name: getattr(world.data, name) for name in ("forget", "retain", "validation")}
    closed = data.UnlearningData(**sets, test=Untouchable())
    for constraint in ("held-out", "ceiling", "always", "published", "off"):
        Scissorhands(constraint=constraint, **PLAIN)(
            copy.deepcopy(world.fresh).train(), world.task, closed, Run(0)
        )


def one_step(world, start, constraint, task, pushed=torch.mean):
    """One step of repair, and the same by hand (Eq. 3, then 5); returns the row of the step."""
    method = Scissorhands(constraint=constraint, **PLAIN)
    result = core.unlearn(start, world.data, method, task=task, seed=2, guard=LENIENT)
    model, run = copy.deepcopy(start).train(), Run(2)
    with torch.random.fork_rng():
        inputs, labels = run.batches("forget", world.data.forget, 15)[0]
        loss = pushed(F.cross_entropy(model(inputs), labels, reduction="none"))
        g_f = torch.autograd.grad(loss, list(model.parameters()))
        inputs, labels = run.batches("retain", world.data.retain, 15)[0]
        loss = F.cross_entropy(model(inputs), labels)
        g_r = torch.autograd.grad(loss, list(model.parameters()))
    g_o = [r - 0.3 * f for r, f in zip(g_r, g_f, strict=True)]
    dot = sum((o * f).sum() for o, f in zip(g_o, g_f, strict=True))
    v = max(0.0, float(dot / sum((f * f).sum() for f in g_f)))
    for new, old, o, f in zip(result.model.parameters(), start.parameters(), g_o, g_f, strict=True):
        torch.testing.assert_close(new, old - 0.01 * (o - v * f), rtol=0, atol=1e-6)
    return result.history[0]


def the_step_of_the_paper(world):
    one_step(world, world.model, "always", world.task)
    # Nets that learnt nothing yet have gradients that agree: here the constraint does bind.
    start = copy.deepcopy(world.fresh)
    for module in start.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    assert one_step(world, start, "always", world.task)["v"] > 0.1


def the_ceiling(world):
    low = type(world.task)(num_classes=3, loss_ceiling=0.3)

    def below(values):
        assert 0 < int((values > 0.3).sum()) < 15
        return values[values < 0.3].sum() / 15

    assert one_step(world, world.model, "ceiling", low, below)["active"] == 1.0


def the_ascent(world):
    method = GradientAscent(lr=0.01, epochs=1, batch_size=8)
    health = core.unlearn(world.model, world.data, method, task=world.task, guard=LENIENT).health
    assert health["after"]["forget"].loss > health["before"]["forget"].loss


def the_fisher_information(world):
    weights = {"w": torch.tensor([1.0, 1.0], requires_grad=True)}
    batch = torch.tensor([[1.0, 0.0], [-2.0, 0.0]])
    found = kernels.fisher_diagonal(
        nn.Identity(), lambda one: one @ weights["w"], [batch], parameters=weights
    )
    near(found["w"], 2.5, 0.0)


def the_dampening(world):
    weight, forget, whole = torch.full((3,), 2.0), torch.tensor([10.0, 1.0, 4.0]), torch.ones(3)
    assert fisher.dampen_(weight, forget, whole, 2.0, 1.0) == 2
    near(weight, 0.2, 2.0, 0.5)
    weight = torch.full((1,), 2.0)
    fisher.dampen_(weight, torch.full((1,), 3.0), torch.ones(1), 2.0, 9.0)
    near(weight, 2.0)


def the_log_odds(world):
    even = torch.tensor([math.log(2.0)])
    near(losses.with_log_odds(even, 1.0), 0.0)
    near(losses.with_log_odds(even, 0.25), 0.75 * math.log(2.0))


def the_efficiency(world):
    assert metrics.run_time_efficiency(10.0, 100.0) == 0.1


def the_gap(world):
    names = ("forget_accuracy", "retain_accuracy", "test_accuracy", "mia")
    one, other = (
        Scores(**dict(zip(names, values, strict=True)))
        for values in ((90, 97, 89, 12), (92, 95, 91, 10))
    )
    assert metrics.average_gap(one, other) == 2.0


def the_attack(world):
    high, low = torch.linspace(0.9, 1.0, 20), torch.linspace(0.1, 0.2, 20)
    assert metrics.membership_svc(high, low, low[:5]) == 100.0
    assert metrics.membership_svc(high, low, high[:5]) == 0.0


def the_guard(world):
    before, after = ({core.Split.RETAIN: guard.Health(0.1, accuracy)} for accuracy in (95.0, 60.0))
    guard.Guard().refuse(before, before)
    with pytest.raises(core.GuardError):
        guard.Guard().refuse(before, after)


def the_verdict(world):
    scores = {
        name: Scores(forget_accuracy=f, retain_accuracy=99, test_accuracy=90, mia=m)
        for name, f, m in (("original", 99, 1), ("unlearned", 91, 10), ("retrained", 90, 11))
    }
    assert verdict.judge(scores, 1.0, 5.0, 0.3).status == "pass"
    assert verdict.judge(scores, 1.0, 5.0, 0.3, changed=False).status == "fail"
    assert verdict.judge(scores, 4.0, 5.0, 0.3).status == "fail"


def the_division(world):
    numbers = TensorDataset(torch.arange(10))
    found = data.UnlearningData.split(numbers, [7, 2])
    parts = [[int(part[i][0]) for i in range(len(part))] for part in (found.forget, found.retain)]
    assert parts == [[2, 7], [0, 1, 3, 4, 5, 6, 8, 9]]


def the_wrong_labels(world):
    mixed = relabel.Mixed(world.task, world.data, Run(0))
    for number in range(4):
        mixed.draw(number)
        assert not bool((mixed.wrong == world.data.forget.tensors[1]).any())


@dataclass(frozen=True)
class Fault:
    """``old`` stands once in the source of ``module``; ``oracle`` notices ``new`` there."""

    name: str
    oracle: Callable[[SimpleNamespace], None]
    module: str
    old: str
    new: str


REPAIR = "methods.scissorhands.repair"
FAULTS = [
    Fault("sign of the dual", the_dual, "kernels.projection",
          "_plus(objective, forget, -v)", "_plus(objective, forget, v)"),
    Fault("sign of the dual in place", the_dual, "kernels.projection",
          "_add_(gradient, forget, -v)", "_add_(gradient, forget, v)"),
    Fault("sign of the dual in a run", the_step_of_the_paper, "kernels.projection",
          "_add_(gradient, forget, -v)", "_add_(gradient, forget, v)"),
    Fault("maximum with zero dropped", the_dual, "kernels.projection",
          "    if dot <= 0 or norm_forget == 0:\n        return 0.0, cosine\n"
          "    return max(margin, dot / (norm_forget + ridge)), cosine",
          "    return dot / (norm_forget + ridge), cosine"),
    Fault("ridge subtracted", the_dual, "kernels.projection",
          "dot / (norm_forget + ridge)), cosine", "dot / (norm_forget - ridge)), cosine"),
    Fault("margin as an upper bound", the_dual, "kernels.projection",
          "return max(margin, ", "return min(margin, "),
    Fault("sum for mean in the saliency", the_sensitivity, "kernels.saliency",
          "torch._foreach_div_(totals, count)", "pass"),
    Fault("saliency without the weights", the_sensitivity, "kernels.saliency",
          "torch._foreach_mul_(totals, [weight.detach() for weight in weights])", "pass"),
    Fault("relative to the inverse", the_sensitivity, "kernels.saliency",
          "score / (scores_retain[name] + mean)", "score * (scores_retain[name] + mean)"),
    Fault("smallest for largest", the_highest, "kernels.topk",
          "masks = [score >= _level", "masks = [score <= _level"),
    Fault("mask of the trim inverted", the_trim, "kernels.reinit",
          "torch.where(mask, fresh, parameter)", "torch.where(mask, parameter, fresh)"),
    Fault("uniform by fan-out", the_fan, "kernels.reinit",
          "1 / max(1, fan_in))", "1 / max(1, fan_out))"),
    Fault("normal by fan-out", the_fan, "kernels.reinit",
          "math.sqrt(3 * max(1, fan_in))", "math.sqrt(3 * max(1, fan_out))"),
    Fault("mask of the steps inverted", the_frozen_rest, "kernels.masked_step",
          "torch.where(mask, parameter, kept", "torch.where(mask, kept, parameter"),
    Fault("gate the wrong way", the_gate, "methods.scissorhands.gate",
          "fitted < mean - _DOUBT", "fitted > mean - _DOUBT"),
    Fault("gate gives itself the benefit of the doubt", the_gate, "methods.scissorhands.gate",
          "mean - _DOUBT * error", "mean + _DOUBT * error"),
    Fault("gate forgets D_r", the_gate, "methods.scissorhands.gate",
          'self._state.get("retain", 0.0)', "0.0"),
    Fault("gate reads the test set", the_sets_that_are_read, REPAIR,
          "_varied_alike(data.validation, data.forget)", "data.test"),
    Fault("ceiling dropped", the_ceiling, REPAIR, "losses = losses.clamp(max=ceiling)", "pass"),
    Fault("L_f descended", the_step_of_the_paper, REPAIR,
          "alpha=-self._plan.forget_weight", "alpha=self._plan.forget_weight"),
    Fault("ascent that descends", the_ascent, "methods.gradient_ascent",
          "run.gradient(-loss", "run.gradient(loss"),
    Fault("Fisher without the square", the_fisher_information, "kernels.fisher",
          "total.addcmul_(gradient.to(total.dtype), gradient.to(total.dtype))",
          "total.add_(gradient)"),
    Fault("dampening the rest", the_dampening, "kernels.fisher",
          "(forget > threshold * whole)", "(forget < threshold * whole)"),
    Fault("dampening that amplifies", the_dampening, "kernels.fisher",
          "(strength * whole / forget).clamp(max=1.0)\n    chosen = (forget > threshold * whole) & "
          "(factor < 1)",
          "strength * whole / forget\n    chosen = forget > threshold * whole"),
    Fault("sign of the log odds", the_log_odds, "kernels.losses",
          "bounded + torch.log", "bounded - torch.log"),
    Fault("RTE inverted", the_efficiency, "metrics.cost",
          "spent / retrain if", "retrain / spent if"),
    Fault("gap without modulus", the_gap, "metrics.gap", "abs(one - other)", "(one - other)"),
    Fault("members and others swapped", the_attack, "metrics.membership.svc",
          "np.ones(len(inside)), np.zeros(len(outside))",
          "np.zeros(len(inside)), np.ones(len(outside))"),
    Fault("guard the wrong way", the_guard, "core.guard",
          "if not new.accuracy >= old.accuracy", "if new.accuracy >= old.accuracy"),
    Fault("verdict the wrong way", the_verdict, "evaluation.verdict",
          "if not changed and not weak", "if changed and not weak"),
    Fault("gap may grow", the_verdict, "evaluation.verdict",
          "met=avg_gap <= bound", "met=avg_gap >= bound"),
    Fault("forgotten samples are kept", the_division, "core.data",
          "keep[chosen] = False", "keep[chosen] = True"),
    Fault("right labels among the wrong", the_wrong_labels, "methods._shared.relabel",
          "torch.randint(1, len(self._known)", "torch.randint(0, len(self._known)"),
]  # fmt: skip
ORACLES = {fault.oracle.__name__: fault.oracle for fault in FAULTS}


def plant(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the functions and classes of a faulty copy of a module wherever the sound ones are."""
    module = importlib.import_module(f"expunge.{fault.module}")
    source = inspect.getsource(module)
    assert source.count(fault.old) == 1, f"{fault.module} has changed; say the fault anew"
    faulty = ModuleType(module.__name__)
    faulty.__package__, faulty.__file__ = module.__package__, module.__file__
    exec(compile(source.replace(fault.old, fault.new), str(module.__file__), "exec"), vars(faulty))
    sound = {
        id(value): name
        for name, value in vars(module).items()
        if isinstance(value, FunctionType | type) and value.__module__ == module.__name__
    }
    users = [one for name, one in sys.modules.items() if name.split(".")[0] == "expunge"]
    for user in [*users, sys.modules[__name__]]:
        for name, value in list(vars(user).items()):
            if id(value) in sound:
                monkeypatch.setattr(user, name, vars(faulty)[sound[id(value)]])


@pytest.mark.parametrize("oracle", ORACLES.values(), ids=ORACLES)
def test_an_oracle_passes_on_sound_code(world, oracle):
    oracle(world)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_planted_fault_is_noticed(world, fault, monkeypatch):
    plant(fault, monkeypatch)
    with pytest.raises((AssertionError, ExpungeError, RuntimeError, pytest.fail.Exception)):
        fault.oracle(world)

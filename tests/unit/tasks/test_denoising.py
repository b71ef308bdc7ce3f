"""The loss of a denoising step, on the real denoisers of diffusers at tiny sizes."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

diffusers = pytest.importorskip("diffusers")

from tests.unit.tasks import denoisers as tiny  # noqa: E402

from expunge.core import DataError, InputError, ModelError, Run, Task  # noqa: E402
from expunge.core.precision import AutocastTask  # noqa: E402
from expunge.kernels import inner, project  # noqa: E402
from expunge.tasks import Denoising, Noising  # noqa: E402
from expunge.tasks.diffusion.denoisers import call_denoiser  # noqa: E402

FLOW = diffusers.FlowMatchEulerDiscreteScheduler(num_train_timesteps=50)


def task_of(conditions: dict[str, Tensor], scheduler: Any = FLOW, **options: Any) -> Denoising:
    return Denoising(Noising.of(scheduler), conditions, **options)


def sdxl_words() -> dict[str, Tensor]:
    found = tiny.words("text_embeds")
    return found | {"time_ids": torch.tensor([8, 8, 0, 0, 8, 8]).expand(4, 2, 6).float()}


KINDS: dict[str, tuple[Callable[[], nn.Module], Callable[[], Denoising]]] = {
    "unet": (tiny.unet, tiny.class_task),
    "dit": (tiny.dit, tiny.class_task),
    "sd1": (tiny.text_unet, lambda: task_of(tiny.words(), diffusers.PNDMScheduler())),
    "sdxl": (
        lambda: tiny.text_unet(added=True),
        lambda: task_of(sdxl_words(), diffusers.DDPMScheduler(prediction_type="v_prediction")),
    ),
    "sd3": (tiny.sd3, lambda: task_of(tiny.words("pooled_projections"))),
    "flux": (tiny.flux, lambda: task_of(tiny.words("pooled_projections"))),
    "flux-guided": (
        lambda: tiny.flux(guided=True),
        lambda: task_of(tiny.words("pooled_projections")),
    ),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> tuple[nn.Module, Denoising]:
    model, task = KINDS[request.param]
    return model(), task()


class Told(nn.Module):
    """Answers with a function of what it is given, and remembers it."""

    def __init__(self, scale: float = 0.5) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))
        self.seen: list[dict[str, Tensor]] = []

    def forward(self, noised: Tensor, times: Tensor, class_labels: Tensor) -> Tensor:
        self.seen.append({"noised": noised, "times": times, "labels": class_labels})
        return self.scale * noised


def test_every_denoiser_gives_one_loss_per_sample_with_a_gradient(kind) -> None:
    model, task = kind
    losses = task.loss(model, tiny.blurred(6))
    assert losses.shape == (6,)
    assert losses.dtype == torch.float32
    parameters = [p for p in model.parameters() if p.requires_grad]
    found = torch.autograd.grad(losses.mean(), parameters, allow_unused=True)
    assert sum(float(g.abs().sum()) for g in found if g is not None) > 0
    assert isinstance(task, Task)
    assert task.correct(model, tiny.blurred(6)) is None


def test_the_condition_matters(kind) -> None:
    model, task = kind
    if isinstance(model, diffusers.DiTTransformer2DModel):
        pytest.skip("its conditions act through gates that are zero before training")
    samples, labels = tiny.blurred(6)
    with torch.no_grad():
        first, second = (task.loss(model, (samples, y)) for y in (labels, (labels + 1) % 3))
    assert not torch.equal(first, second)


def test_the_loss_by_hand() -> None:
    task = tiny.class_task(dropout=0.0)
    model, (samples, labels) = Told().eval(), tiny.blurred(5)
    losses = task.loss(model, (samples, labels))
    [seen] = model.seen
    kept = diffusers.DDPMScheduler(num_train_timesteps=50).alphas_cumprod[seen["times"]]
    for i, loss in enumerate(losses.tolist()):
        signal, share = kept[i].sqrt(), (1 - kept[i]).sqrt()
        noise = (seen["noised"][i] - signal * samples[i]) / share
        expected = (noise - 0.5 * seen["noised"][i]).square().mean()
        assert loss == pytest.approx(float(expected), rel=1e-4)
    assert torch.equal(seen["labels"], labels)


def test_in_evaluation_the_same_batch_gives_the_same_loss() -> None:
    task, model = tiny.class_task(), tiny.unet()
    first = task.loss(model, tiny.blurred(6))
    assert torch.equal(first, task.loss(model, tiny.blurred(6)))
    assert not torch.equal(first, task.loss(model, tiny.blurred(6, seed=1)))
    before = torch.get_rng_state()
    task.loss(model, tiny.blurred(6))
    assert torch.equal(torch.get_rng_state(), before)


def test_in_training_noise_is_drawn_from_the_global_generator() -> None:
    task, model = tiny.class_task(), tiny.unet().train()
    found = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        found.append(task.loss(model, tiny.blurred(6)))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


@settings(deadline=None, max_examples=30)
@given(count=st.integers(1, 64), seed=st.integers(0, 2**31))
def test_levels_of_a_batch_cover_all_evenly(count: int, seed: int) -> None:
    levels = tiny.class_task()._levels(count, torch.Generator().manual_seed(seed))
    gaps = levels.sort().values.diff() if count > 1 else torch.tensor([50 // count])
    assert 0 <= levels.min() <= levels.max() < 50
    assert gaps.min() >= 50 // count - 1
    assert gaps.max() <= 50 // count + 2


def test_each_level_is_uniform_by_itself() -> None:
    task = tiny.class_task()
    generator = torch.Generator().manual_seed(0)
    found = torch.stack([task._levels(3, generator) for _ in range(4000)])
    for column in found.T:
        counts = torch.bincount(column, minlength=50).float()
        assert (counts - 80).abs().max() < 5 * 80**0.5


@pytest.mark.parametrize(("dropout", "low", "high"), [(0.0, 0, 0), (0.5, 200, 300)])
def test_conditions_are_dropped_in_training_alone(dropout: float, low: int, high: int) -> None:
    task, model = tiny.class_task(dropout=dropout), Told()
    torch.manual_seed(0)
    task.loss(model.train(), tiny.blurred(500))
    task.loss(model.eval(), tiny.blurred(500))
    training, evaluation = (int((one["labels"] == task.empty).sum()) for one in model.seen)
    assert low <= training <= high
    assert evaluation == 0


def test_wordings_take_turns() -> None:
    conditions = {"class_labels": torch.arange(8).view(4, 2)}
    task, model = task_of(conditions, dropout=0.0), Told().eval()
    _, labels = tiny.blurred(200)
    task.loss(model, tiny.blurred(200))
    [seen] = model.seen
    assert torch.equal(seen["labels"] // 2, labels)
    assert 60 < int((seen["labels"] % 2).sum()) < 140


@pytest.mark.parametrize("make", [tiny.unet, tiny.sd3, tiny.flux])
@settings(deadline=None, max_examples=5)
@given(seed=st.integers(0, 2**31), weight=st.floats(0, 1))
def test_projected_gradients_of_denoisers_obey_eq_5(make, seed: int, weight: float) -> None:
    model = make()
    task = tiny.class_task() if make is tiny.unet else KINDS[make.__name__][1]()
    parameters = [p for p in model.parameters() if p.requires_grad]
    data, run = tiny.class_data(), Run(seed)
    forget, retain = (
        run.gradient(task.loss(model, part[:8]).mean(), parameters)
        for part in (data.forget, data.retain)
    )
    objective = [r - weight * f for r, f in zip(retain, forget, strict=True)]
    result = project(objective, forget)
    size = float(inner(objective, objective).sqrt() * inner(forget, forget).sqrt())
    assert float(inner(result.gradient, forget)) <= 1e-5 * size
    assert float(result.v) >= 0
    assert result.active == (float(inner(objective, forget)) > 0)


def test_half_precision_weights_and_autocast() -> None:
    task, model = tiny.class_task(), tiny.unet()
    exact = task.loss(model, tiny.blurred(6))
    rough = task.loss(model.to(torch.bfloat16), tiny.blurred(6))
    assert rough.dtype == torch.float32
    torch.testing.assert_close(rough, exact, atol=0.1, rtol=0.1)
    mixed = AutocastTask(task, "cpu").loss(tiny.unet(), tiny.blurred(6))
    torch.testing.assert_close(mixed, exact, atol=0.1, rtol=0.1)


def test_bad_input_is_named() -> None:
    task, model = tiny.class_task(), tiny.unet()
    samples, labels = tiny.blurred(6)
    samples[2, 0, 0, 0] = torch.nan
    with pytest.raises(DataError, match=r"NaN or infinite .* encode the images again in float32"):
        task.loss(model, (samples, labels))
    with pytest.raises(DataError, match=r"between 0 and 2, .* got 3 \(1 such"):
        task.check_labels(torch.tensor([0, 3, 2]))
    with pytest.raises(InputError, match=r"dropout .* got 1"):
        tiny.class_task(dropout=1)
    with pytest.raises(InputError, match=r"expected num_classes .* got 0"):
        Denoising.of_classes(FLOW, 0)
    with pytest.raises(InputError, match=r"one shape .*'a': \(2, 1\), 'b': \(3, 1\)"):
        task_of({"a": torch.zeros(2, 1), "b": torch.zeros(3, 1)})
    with pytest.raises(InputError, match="one shape"):
        task_of({})


def test_a_prediction_of_another_shape_is_named() -> None:
    def short(model: nn.Module, noised: Tensor, times: Tensor, conditions: Any) -> Tensor:
        return noised[:, :1]

    task = tiny.class_task(call=short)
    with pytest.raises(ModelError, match=r"\(6, 4, 8, 8\) .* got \(6, 1, 8, 8\)"):
        task.loss(tiny.unet(), tiny.blurred(6))

    class Short(nn.Module):
        def forward(self, noised: Tensor, times: Tensor, class_labels: Tensor) -> Tensor:
            return noised[:, :1]

    samples, labels = tiny.blurred(6)
    with pytest.raises(ModelError, match="from Short"):
        call_denoiser(Short(), samples, labels, {"class_labels": labels})


def test_the_unexplained_weighting_divides_by_what_ignorance_costs() -> None:
    cosine = diffusers.DDPMScheduler(beta_schedule="squaredcos_cap_v2")
    plain, weighted = (
        task_of(tiny.words(), cosine, weighting=one) for one in ("uniform", "unexplained")
    )
    model, batch = tiny.text_unet(), tiny.blurred(16)
    levels = plain.draw(model, batch).levels  # in evaluation mode, those of the batch
    share = plain.noising.unexplained(levels).clamp(min=0.02)
    assert share.min() < 0.1 < share.max()
    with torch.no_grad():
        expected = plain.loss(model, batch) / share
        torch.testing.assert_close(weighted.loss(model, batch), expected)


def test_an_unknown_weighting_is_refused() -> None:
    with pytest.raises(InputError, match="weighting"):
        tiny.text_task(weighting="snr")


def test_the_ceiling_may_be_the_loss_under_the_empty_condition() -> None:
    model, batch = tiny.unet().eval(), tiny.blurred(6)
    task = tiny.class_task(loss_ceiling="empty")
    found = task.bounded_loss(model, batch)
    losses, ceilings = found.losses, found.ceiling
    nameless = (batch[0], torch.full_like(batch[1], task.empty))
    drawn = task.draw(model, batch)
    given = task.condition(nameless[1])
    told, untold = (
        task.predict(model, drawn.noised, drawn.levels, one) for one in (drawn.conditions, given)
    )
    torch.testing.assert_close(ceilings, (untold - drawn.goal).square().flatten(1).mean(1))
    moved = (told - untold).square().flatten(1).mean(1)
    torch.testing.assert_close(losses, task.loss(model, batch) - moved)  # the same noise
    pointed = 2 * ((drawn.goal - untold) * (told - untold)).flatten(1).mean(1)
    torch.testing.assert_close(ceilings - losses, pointed)
    assert losses.requires_grad
    assert not ceilings.requires_grad
    assert found.groups.tolist() == [4 * int(one) // len(task.noising) for one in drawn.levels]
    assert found.num_groups == 4
    mixed = AutocastTask(task, "cpu").bounded_loss(model, batch)
    assert mixed.losses.dtype == mixed.ceiling.dtype == torch.float32
    torch.testing.assert_close(mixed.losses, losses, atol=0.1, rtol=0.1)


@pytest.mark.parametrize(("towards", "sign"), [(0.0, 0), (0.05, 1), (-0.05, -1)])
@pytest.mark.parametrize("junk", [0.0, 0.5, 2.0])
def test_only_what_points_to_the_sample_is_below_the_ceiling(
    towards: float, sign: int, junk: float
) -> None:
    """Under the empty condition nothing is said; else a part of the noise, and junk."""
    samples, labels = tiny.blurred(3000)
    task = tiny.class_task(loss_ceiling="empty")
    noise = task.draw(nn.Identity().eval(), (samples, labels)).goal
    rubbish = torch.randn(samples.shape, generator=torch.Generator().manual_seed(4))

    class Hinting(nn.Module):
        def forward(self, noised: Tensor, times: Tensor, class_labels: Tensor) -> Tensor:
            told = (class_labels != task.empty).float().view(-1, 1, 1, 1)
            return told * (towards * noise + junk * rubbish)

    found = task.bounded_loss(Hinting().eval(), (samples, labels))
    room = found.ceiling - found.losses
    # Of noise of variance 1, twice what was hinted at, whatever junk there is besides.
    assert float(room.mean()) == pytest.approx(2 * towards, abs=0.015)
    error = float(room.std()) / len(room) ** 0.5
    assert sign == 0 or sign * float(room.mean()) > 5 * error


def test_a_number_as_ceiling_holds_for_all_samples() -> None:
    model, batch = tiny.unet().eval(), tiny.blurred(6)
    found = tiny.class_task(loss_ceiling=0.7).bounded_loss(model, batch)
    assert found.ceiling == 0.7
    torch.testing.assert_close(found.losses, tiny.class_task().loss(model, batch))
    with pytest.raises(InputError, match="expected loss_ceiling to be one of empty; got 'full'"):
        tiny.class_task(loss_ceiling="full")

"""ESD: one step by hand, and that only its part of the model learns."""

import copy
from dataclasses import replace

import pytest
import torch

pytest.importorskip("diffusers")

from tests.unit.tasks import denoisers as tiny
from torch.utils.data import TensorDataset

from expunge.core import Guard, InputError, Run, unlearn
from expunge.methods import ESDU, ESDX

LENIENT = Guard(max_loss_factor=1e6)
FAST = {"lr": 1e-3, "steps": 2, "batch_size": 8}


def moved(result, model):
    pairs = zip(result.named_parameters(), model.parameters(), strict=True)
    return {name for (name, new), old in pairs if not torch.equal(new, old)}


def test_x_moves_cross_attention_alone_and_u_all_but_it():
    model, data, task = tiny.text_unet(), tiny.class_data(), tiny.text_task()
    cross = {name for name, _ in model.named_parameters() if ".attn2." in name}
    found = {
        cls: moved(unlearn(model, data, cls(**FAST), task=task, guard=LENIENT).model, model)
        for cls in (ESDX, ESDU)
    }
    assert found[ESDX] <= cross
    assert len(found[ESDX]) > len(cross) / 2
    assert not found[ESDU] & cross
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_the_first_step_by_hand():
    model, data, task = tiny.text_unet(), tiny.class_data(), tiny.text_task()
    method = ESDU(lr=1e-3, steps=1, batch_size=8, guidance=2.0, momentum=0.0)
    result = unlearn(model, data, method, task=task, seed=2, guard=LENIENT)
    batch = Run(2).batches("forget", data.forget, 8)[0]
    student = copy.deepcopy(model).train()
    drawn = task.draw(model, batch)
    assert (drawn.labels == 2).all()
    with torch.no_grad():
        named = model(drawn.noised, drawn.levels, drawn.conditions["encoder_hidden_states"]).sample
        nothing = tiny.words()["encoder_hidden_states"][3]
        # The wordings of the empty condition are drawn; both lead to the step of one of them.
        aims = []
        for i in range(2):
            words = nothing[i].expand(8, -1, -1)
            empty = model(drawn.noised, drawn.levels, words).sample
            aims.append(empty - 2.0 * (named - empty))
    found = student(
        drawn.noised, drawn.levels, drawn.conditions["encoder_hidden_states"]
    ).sample.detach()
    errors = torch.stack([(found - aim).square().flatten(1).mean(1) for aim in aims])
    least, most = (f(errors, dim=0).values.mean().item() for f in (torch.min, torch.max))
    assert least - 1e-5 <= result.history[0]["erase_loss"] <= most + 1e-5


@pytest.mark.slow
def test_the_teacher_is_the_original_and_the_loss_falls():
    model, data, task = tiny.text_unet(), tiny.class_data(), tiny.text_task()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    history = unlearn(
        model, data, ESDU(lr=2e-3, steps=60, batch_size=16), task=task, guard=LENIENT
    ).history
    losses = [row["erase_loss"] for row in history]
    assert sum(losses[-10:]) < 0.5 * sum(losses[:10])
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


@pytest.mark.slow
def test_from_noise_the_images_do_not_matter_but_their_conditions_do():
    model, data, task = tiny.text_unet(), tiny.class_data(), tiny.text_task()
    others = replace(data, forget=relabelled(data.forget, shift=5.0))
    elsewhere = replace(data, forget=relabelled(data.forget, label=0))
    method = ESDU(**FAST, start="noise", sampling_steps=4)
    found = [
        unlearn(model, one, method, task=task, guard=LENIENT).history
        for one in (data, others, elsewhere)
    ]
    assert found[0] == found[1]
    assert found[0] != found[2]


def relabelled(dataset, shift=0.0, label=None):
    samples, labels = dataset.tensors
    return TensorDataset(samples + shift, labels if label is None else labels * 0 + label)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"start": "latents"}, r"start .*'latents'"),
        ({"sampling_steps": 0}, "sampling_steps .* got 0"),
        ({"start_guidance": -1.0}, "start_guidance .* got -1"),
    ],
)
def test_settings_that_mean_nothing_are_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        ESDX(**wrong)


def test_without_cross_attention_x_is_refused(blob_model, blobs, task):
    with pytest.raises(InputError, match=r"called attn2, .* found none in UNet2DModel; use esd-u"):
        unlearn(tiny.unet(), tiny.class_data(), ESDX(**FAST), task=tiny.class_task())
    with pytest.raises(InputError, match=r"esd-u needs a diffusion model"):
        unlearn(blob_model, blobs, ESDU(**FAST), task=task)

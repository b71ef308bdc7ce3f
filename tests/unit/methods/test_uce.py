"""UCE: the closed form is the minimum of what it minimises, and says what it cannot edit."""

import pytest
import torch
from torch import nn

pytest.importorskip("diffusers")

from tests.unit.tasks import denoisers as tiny

from expunge.core import Guard, InputError, unlearn
from expunge.methods import UCE

LENIENT = Guard(max_loss_factor=1e6)
WORDS = tiny.words()["encoder_hidden_states"]


def edited(method=UCE, **options):
    model = tiny.text_unet()
    result = unlearn(
        model, tiny.class_data(), method(**options), task=tiny.text_task(), guard=LENIENT
    ).model
    names = [name for name, _ in model.named_parameters() if "attn2.to_" in name]
    names = [name for name in names if ".to_k." in name or ".to_v." in name]
    old, new = dict(model.named_parameters()), dict(result.named_parameters())
    return {name: (old[name].detach(), new[name].detach()) for name in names}


def objective(new, old, erase=1.0, preserve=1.0, ridge=0.5):
    read, instead, kept = (WORDS[rows].double().reshape(-1, 6) for rows in (2, 3, slice(2)))
    return (
        erase * (read @ new.T - instead @ old.T).square().sum()
        + preserve * (kept @ (new - old).T).square().sum()
        + ridge * (new - old).square().sum()
    )


@pytest.mark.parametrize("options", [{}, {"erase": 3.0, "preserve": 0.2, "ridge": 0.1}])
def test_the_edit_is_the_minimum(options):
    for old, new in edited(**options).values():
        point = new.double().clone().requires_grad_()
        value = objective(point, old.double(), **options)
        [slope] = torch.autograd.grad(value, point)
        assert slope.abs().max() < 1e-3
        assert value < objective(old.double(), old.double(), **options)


def test_nothing_else_moves_and_the_forgotten_word_reads_like_nothing():
    model = tiny.text_unet()
    result = unlearn(
        model, tiny.class_data(), UCE(erase=1e3), task=tiny.text_task(), guard=LENIENT
    ).model
    pairs = zip(result.named_parameters(), model.parameters(), strict=True)
    moved = {name for (name, new), old in pairs if not torch.equal(new, old)}
    assert moved == set(edited())


def test_a_small_erase_weight_changes_little():
    for old, new in edited(erase=1e-9).values():
        torch.testing.assert_close(new, old, atol=1e-6, rtol=0)


def test_what_cannot_be_edited_is_named(blob_model, blobs, task):
    with pytest.raises(InputError, match=r"conditioned on class_labels; use scissorhands"):
        unlearn(tiny.unet(), tiny.class_data(), UCE(), task=tiny.class_task())
    with pytest.raises(InputError, match=r"needs a diffusion model"):
        unlearn(blob_model, blobs, UCE(), task=task)

    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, noised, times, encoder_hidden_states):
            return self.scale * noised

    with pytest.raises(InputError, match=r"attn2 that reads embeddings of size 6, .* in Plain"):
        unlearn(Plain(), tiny.class_data(), UCE(), task=tiny.text_task())

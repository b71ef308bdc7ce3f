"""SalUn on denoisers: what takes the place of wrong labels, and that the mask holds."""

import pytest
import torch

pytest.importorskip("diffusers")

from tests.unit.tasks import denoisers as tiny

from expunge.core import Guard, unlearn
from expunge.methods import SalUn
from expunge.methods._shared.relabel import misled

LENIENT = Guard(max_loss_factor=1e6)


def test_samples_are_to_be_predicted_as_under_the_other_condition():
    model, task = tiny.unet().eval(), tiny.class_task()
    samples, labels = tiny.blurred(6)
    others = (labels + 1) % 3
    found = misled(model, task, (samples, labels), labels, others)
    drawn = task.draw(model, (samples, labels))

    def under(these):
        told = {"class_labels": these}
        return task.predict(model, drawn.noised, drawn.levels, told)

    aim = under(others).detach()  # held: only the first prediction moves
    expected = (under(labels) - aim).square().mean()
    torch.testing.assert_close(found, expected)
    parameters = [p for p in model.parameters() if p.requires_grad]
    pairs = zip(
        torch.autograd.grad(found, parameters, allow_unused=True),
        torch.autograd.grad(expected, parameters, allow_unused=True),
        strict=True,
    )
    for a, b in pairs:
        torch.testing.assert_close(a, b)


@pytest.mark.slow
@pytest.mark.parametrize("relabel", ["once", "each-pass"])
def test_predictions_come_together_and_other_weights_keep_their_bits(relabel):
    model, data = tiny.unet(), tiny.class_data()
    method = SalUn(share=0.5, lr=3e-3, epochs=12, batch_size=16, relabel=relabel)
    result = unlearn(model, data, method, task=tiny.class_task(), guard=LENIENT)
    wrong = [row["wrong_loss"] for row in result.history if "wrong_loss" in row]
    assert sum(wrong[-3:]) < 0.7 * sum(wrong[:3])
    pairs = zip(result.model.parameters(), model.parameters(), strict=True)
    same = sum(int((a == b).sum()) for a, b in pairs)
    assert same >= 0.5 * sum(p.numel() for p in model.parameters()) - 1

"""Cross-entropy mixed with log odds, against their formulas."""

import pytest
import torch

from expunge.kernels import with_log_odds

PROBABILITIES = torch.tensor([0.01, 0.2, 0.5, 0.9, 0.99], dtype=torch.float64)


def test_all_log_odds() -> None:
    expected = -torch.logit(PROBABILITIES)
    torch.testing.assert_close(with_log_odds(-PROBABILITIES.log(), 1.0), expected)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.7])
def test_a_share_is_a_share(share: float) -> None:
    losses = -PROBABILITIES.log()
    expected = (1 - share) * losses - share * torch.logit(PROBABILITIES)
    torch.testing.assert_close(with_log_odds(losses, share), expected)


def test_every_logit_feels_the_log_odds_alike() -> None:
    logits = torch.linspace(-4, 4, 9, dtype=torch.float64, requires_grad=True)
    losses = -torch.nn.functional.logsigmoid(logits)
    (gradient,) = torch.autograd.grad(with_log_odds(losses, 1.0).sum(), logits)
    torch.testing.assert_close(gradient, -torch.ones_like(gradient))


def test_it_stays_finite_at_both_ends() -> None:
    losses = torch.tensor([0.0, 1e-8, 1e-3, 50.0, 1e4], requires_grad=True)
    mixed = with_log_odds(losses, 0.5)
    (gradient,) = torch.autograd.grad(mixed.sum(), losses)
    assert torch.isfinite(mixed).all()
    assert torch.isfinite(gradient).all()
    assert mixed[0] < mixed[2] < mixed[3] < mixed[4]

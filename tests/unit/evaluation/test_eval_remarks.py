"""By what else a model can be told from a retrained one is said, and chance is not."""

import pytest

from expunge.core.schemas.record import Relearn
from expunge.evaluation.remarks import remarks


def losses(unlearned: float, retrained: float, again: float | None = None) -> dict:
    found = {"unlearned": {"forget_loss": unlearned}, "retrained": {"forget_loss": retrained}}
    return found if again is None else found | {"retrained_again": {"forget_loss": again}}


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        (losses(68, 14.2, 14.6), True),
        (losses(14.2, 68), True),
        (losses(0.3, 0.25), False),
        (losses(0.06, 0.02), False),  # three times, and a hair
        (losses(3.0, 1.9, 1.5), False),  # two retrained models differ by .4
        (losses(3.2, 1.9, 1.5), True),
        (losses(0.0, 0.0), False),
        ({"unlearned": {"forget_loss": 3.0}}, False),
        ({"unlearned": {}, "retrained": {"forget_loss": 3.0}}, False),
    ],
)
def test_losses_that_differ_beyond_chance(scores: dict, said: bool) -> None:
    found = remarks(scores, None)
    assert len(found) == int(said)
    if said:
        assert f"{scores['unlearned']['forget_loss']:.3g}" in found[0]


def relearn(**curves: list[float]) -> Relearn:
    return Relearn(protocol={}, measured_on="forget", steps=[0, 10, 20], curves=curves)


def test_relearning_that_goes_another_way() -> None:
    curves = relearn(unlearned=[0, 0, 5], retrained=[0, 31, 40])
    assert remarks({}, curves) == [
        "After 20 steps of relearning it answers 5 % rightly, the retrained model 40 %: the two do "
        "not learn alike what was forgotten."
    ]
    assert remarks({}, relearn(unlearned=[0, 25, 40], retrained=[0, 31, 40])) == []
    assert remarks({}, relearn(unlearned=[0, 25, 40], untrained=[0, 0, 90])) == []

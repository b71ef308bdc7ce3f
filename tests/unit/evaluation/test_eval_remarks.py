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


def accuracies(forget: float, mia: float | None = 10.0) -> dict:
    return {
        "forget_accuracy": forget,
        "retain_accuracy": 99.0,
        "test_accuracy": 92.0,
        "mia": mia,
    }


@pytest.mark.parametrize(
    ("forget", "again", "said"),
    [
        (97.0, 93.0, True),  # a gap of 1.00, a floor of 0: more than .6
        (95.2, 93.0, False),  # .55
        (97.0, 94.6, False),  # 1.00 and .40: no more than 2 x .40 + .3
        (97.8, 94.6, True),  # 1.20
    ],
)
def test_a_gap_above_the_noise_floor_of_retraining(forget: float, again: float, said: bool) -> None:
    scores = {
        "unlearned": accuracies(forget),
        "retrained": accuracies(93.0),
        "retrained_again": accuracies(again),
    }
    gap, floor = abs(forget - 93) / 4, abs(again - 93) / 4
    sentence = (
        f"The average gap to the retrained model is {gap:.2f} points, that of two retrained models "
        f"to one another {floor:.2f}: do not take it for a retrained one."
    )
    assert remarks(scores, None) == ([sentence] if said else [])
    assert remarks({**scores, "unlearned": accuracies(forget, None)}, None) == []
    del scores["retrained_again"]
    assert remarks(scores, None) == []


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

"""By what else an unlearned model could be told from a retrained one, though it decides nothing."""

from collections.abc import Mapping

from ..core.schemas.record import Relearn, Scores
from ..metrics import average_gap

_TIMES = 1.5  # of the larger loss to the smaller
_NATS = 0.1
_SPREADS = 3.0  # of the difference between two retrained models
_POINTS = 10.0  # of accuracy while relearning
_FLOORS, _CHANCE, _LEAST = 2.0, 0.3, 0.6  # average gaps; the last two in points


def remarks(scores: Mapping[str, Scores], relearn: Relearn | None) -> list[str]:
    """Sentences on the average gap, the loss on D_f and relearning, where beyond chance.

    Args:
        scores: By role; nothing is said without ``retrained``.
        relearn: Curves of accuracy on relearned samples, by role.
    """
    relearned = None if relearn is None else _on_relearning(relearn)
    found = (_on_gap(scores), _on_loss(scores), relearned)
    return [sentence for sentence in found if sentence is not None]


def _on_gap(scores: Mapping[str, Scores]) -> str | None:
    """Two retrained models differ, too: the floor below which no gap says anything."""
    if not {"unlearned", "retrained", "retrained_again"} <= set(scores):
        return None
    aim = scores["retrained"]
    gap, floor = (average_gap(scores[role], aim) for role in ("unlearned", "retrained_again"))
    if gap is None or floor is None or gap <= max(_LEAST, _FLOORS * floor + _CHANCE):
        return None
    return (
        f"The average gap to the retrained model is {gap:.2f} points, that of two retrained models "
        f"to one another {floor:.2f}: do not take it for a retrained one."
    )


def _on_loss(scores: Mapping[str, Scores]) -> str | None:
    value, aim, again = (
        scores.get(role, {}).get("forget_loss")
        for role in ("unlearned", "retrained", "retrained_again")
    )
    if value is None or aim is None:
        return None
    apart, spread = abs(value - aim), 0.0 if again is None else abs(aim - again)
    is_far = max(value, aim) > _TIMES * max(min(value, aim), 0.0)
    if not is_far or apart <= max(_NATS, _SPREADS * spread):
        return None
    second = "" if again is None else f" (of a second one {again:.3g})"
    return (
        f"The loss on the forget set is {value:.3g}, of the retrained model {aim:.3g}{second}: "
        "whoever sees losses can tell the two apart."
    )


def _on_relearning(relearn: Relearn) -> str | None:
    curves = relearn.curves
    if "unlearned" not in curves or "retrained" not in curves:
        return None
    pairs = list(zip(relearn.steps, curves["unlearned"], curves["retrained"], strict=True))
    step, value, aim = max(pairs, key=lambda pair: abs(pair[1] - pair[2]))
    if abs(value - aim) <= _POINTS:
        return None
    return (
        f"After {step} steps of relearning it answers {value:.0f} % rightly, the retrained model "
        f"{aim:.0f} %: the two do not learn alike what was forgotten."
    )

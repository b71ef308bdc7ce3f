"""What deep work tells of itself reaches who listens, and nobody else."""

from expunge.core.progress import about, listening, tell, unheard


def test_only_who_listens_hears() -> None:
    rows: list[dict] = []
    tell("scores", 1, 10)
    with listening(rows.append):
        tell("scores", 2, 10)
        with about("original"):
            tell("scores", 3, 10)
            with unheard():
                tell("images", 1, 4)
        tell("scores", 4, 10)
    tell("scores", 5, 10)
    assert rows == [
        {},
        {"stage": "scores", "step": 1, "total": 10},
        {"stage": "scores of original", "step": 2, "total": 10},
        {"stage": "scores", "step": 3, "total": 10},
    ]


def test_the_outer_listener_is_back_after_an_error() -> None:
    outer: list[dict] = []
    inner: list[dict] = []
    with listening(outer.append):
        try:
            with listening(inner.append), about("x"):
                raise ZeroDivisionError
        except ZeroDivisionError:
            tell("scores", 1, 1)
    assert outer == [{}, {"stage": "scores", "step": 0, "total": 1}]
    assert inner == [{}]

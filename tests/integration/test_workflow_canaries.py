"""Canaries from a config: planted before training, forgotten, part of the identity."""

import pytest
import torch

from expunge import run_unlearn
from expunge.runs import check_run, prepare
from expunge.runs.seeds import run_seeds

PLAN = ("data.canaries={count=20, seed=3}", "data.forget={kind='canaries'}")


def test_the_forget_set_is_what_was_planted_whatever_the_seed(make_config, tmp_path) -> None:
    config = make_config(*PLAN)
    prepared = prepare(config)
    canaries = prepared.bundle.canaries
    assert canaries is not None
    assert torch.equal(prepared.positions, canaries.positions)
    assert torch.equal(prepared.data.forget.labels, canaries.planted)
    again = prepare(config.with_seed(7))
    assert torch.equal(again.positions, prepared.positions)
    found = check_run(config, tmp_path / "out")
    assert found["data"]["canaries"] == found["request"]["size"] == 20


def test_kept_nets_are_those_of_the_same_labels(make_config) -> None:
    plain = prepare(make_config())
    planted = prepare(make_config("data.canaries={count=20, seed=3}"))
    other = prepare(make_config("data.canaries={count=20, seed=4}"))
    assert len({one.identity() for one in (plain, planted, other)}) == 3


def test_a_run_forgets_canaries_and_repeats(make_config, tmp_path) -> None:
    config = make_config(*PLAN)
    record = run_unlearn(config, tmp_path / "out")
    assert record.request.spec == {"kind": "canaries"}
    assert "planted with wrong labels" in (tmp_path / "out" / "report.html").read_text()
    summary = run_seeds(config, [1, 2], tmp_path / "seeds")
    digests = {one["data"]["fingerprint"] for one in summary["records"]}
    assert digests == {record.data.fingerprint}


@pytest.mark.parametrize("count", [19, 20])
def test_the_number_is_that_of_the_plan(count: int, make_config) -> None:
    prepared = prepare(make_config(f"data.canaries={{count={count}}}", PLAN[1]))
    assert len(prepared.positions) == count

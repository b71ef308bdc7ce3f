"""A bench on a Ray cluster of one machine gives what it gives without."""

import sys

import pytest

from expunge.bench import parse_bench, run_bench
from expunge.core import InputError

TABLES = {
    "title": "Digits",
    "seeds": [0],
    "retrain": 1,
    "evaluation": {"relearn": False},
    "precision": "fp32",
    "device": "cpu",
    "data": [{"source": "digits", "limit": 300}],
    "model": [
        {
            "name": "small",
            "arguments": {"width": 4},
            "training": {"recipe": "quick", "epochs": 2},
        }
    ],
    "scenario": [{"kind": "random", "fraction": 0.1}],
    "method": [{"name": "fine-tune", "epochs": 1}],
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Ray, about itself
def test_a_local_cluster_fills_the_store(tmp_path) -> None:
    pytest.importorskip("ray")
    plan = parse_bench(TABLES)
    rows: list[str] = []
    outcome = run_bench(
        plan,
        tmp_path / "out",
        store=tmp_path / "store",
        ray="local",
        on_log=lambda row: rows.append(str(row.get("doing"))),
    )
    assert outcome.failures == []
    assert len(outcome.bench.results) == 4
    assert [row for row in rows if row.startswith("cluster: fine-tune")]
    assert not [row for row in rows if " of 4: " in row]  # nothing was left for this process
    alone = run_bench(plan, tmp_path / "alone", store=tmp_path / "other")
    assert [one.scores for one in alone.bench.results] == [
        one.scores for one in outcome.bench.results
    ]


def test_without_ray_the_message_says_what_to_install(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"expunge\[cluster\]"):
        run_bench(parse_bench(TABLES), tmp_path / "out", store=tmp_path / "store", ray="local")
    assert not (tmp_path / "out").exists()

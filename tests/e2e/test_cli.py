"""Every command does what its help says, for people and for machines."""

import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
import torch
from rich.console import Console

import expunge.cli.app as app_module
from expunge.cli import main
from expunge.cli.shared.progress import Bars, Lines, numbers, progress, title
from expunge.core import Record
from expunge.methods import METHODS

COMMANDS = [
    "demo",
    "unlearn",
    "bench",
    "evaluate",
    "explain",
    "report",
    "check",
    "memorisation",
    "methods",
    "cite",
]


def test_version_and_help(expunge) -> None:
    assert expunge("--version") == (0, "expunge 0.1.0\n", "")
    shown = expunge("--help")
    assert shown.code == 0
    assert all(command in shown.out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_has_an_example_that_parses(command, expunge) -> None:
    shown = expunge(command, "--help")
    assert shown.code == 0
    assert f"Example: expunge {command}" in " ".join(shown.out.split())


def test_a_wrong_option_is_bad_input(expunge) -> None:
    result = expunge("unlearn", "x.toml", "--sed", "1")
    assert result.code == 2
    assert "No such option" in result.err
    assert expunge("unlern").code == 2


def test_unlearn_shows_verdict_scores_and_where_things_are(config, expunge) -> None:
    result = expunge("unlearn", config, "--set", "reference.retrain=2", "--resume")
    assert result.code == 0, result.err
    for text in ("Verdict: ", "original", "retrained again", "Average gap", "% of retraining"):
        assert text in result.out
    assert "Report: runs/tiny/report.html" in result.out
    assert "train original: step 1 of" in result.err
    record = Record.load("runs/tiny/record.json")
    assert record.command == "expunge unlearn tiny.toml --set reference.retrain=2"


def test_json_is_all_there_is_on_stdout(config, expunge) -> None:
    result = expunge("unlearn", config, "--out", "out", "--json")
    assert result.json()["schema"] == "expunge.record/2"
    assert result.out == Path("out/record.json").read_text()
    scores = expunge("evaluate", config, "out/model.safetensors", "--json").json()
    assert scores["scores"] == result.json()["scores"]["unlearned"]
    found = expunge("check", config, "--json").json()
    assert found["data"]["sizes"] == result.json()["data"]["sizes"]
    listed = expunge("methods", "--json").json()
    assert [one["name"] for one in listed] == list(METHODS)


def test_seeds_are_repeated_and_summarised(config, expunge) -> None:
    words = ("unlearn", config, "--seeds", "0,1", "--set", "reference.retrain=1")
    result = expunge(*words)
    assert result.code == 0, result.err
    assert "Means of 2 seeds" in result.out
    assert "Average gap to retraining" in result.out
    assert "±" in result.out
    again = expunge(*words, "--resume", "--json")
    assert again.json()["n"] == 2
    assert "train" not in again.err
    bad = expunge("unlearn", config, "--seeds", "0;1")
    assert bad.code == 2
    assert "e.g. 0,1,2" in bad.err


def test_evaluate_report_and_check_for_people(config, expunge) -> None:
    assert expunge("unlearn", config, "-o", "out").code == 0
    scored = expunge("evaluate", config, "out/original.safetensors")
    assert "original.safetensors" in scored.out
    assert "forgotten" in scored.out
    before = Path("out/report.html").read_text()
    reported = expunge("report", "out/record.json", "--out", "other.html")
    assert reported.out == "Report: other.html\n"
    assert Path("other.html").read_text() == before
    assert expunge("report", "out/record.json").out == "Report: out/report.html\n"
    checked = expunge("check", config, "--set", "reference.retrain=1")
    assert checked.code == 0
    assert "References: 1 retrained by quick, epochs = 2" in checked.out
    assert "weights" not in checked.out


def test_the_demo_can_be_made_smaller(config, expunge) -> None:
    changes = ["training.epochs=1", "data.limit=300", "reference.retrain=0", "method.epochs=1"]
    words = [word for change in changes for word in ("--set", change)]
    result = expunge("demo", "--out", "d", *words, "--set", "evaluation.relearn=false", "--json")
    assert result.json()["method"]["name"] == "scissorhands"
    assert "Verdict" in expunge("demo", "--out", "d", *words, "--resume").out


def test_the_demo_in_words_takes_no_settings_of_a_config(expunge, tmp_path) -> None:
    result = expunge("demo", "--task", "text-to-image", "--out", "w", "--set", "seed=1")
    assert result.code == 2
    assert "--set does not apply to --task text-to-image, which has no config" in result.err
    assert not (tmp_path / "w").exists()


def test_methods_and_citations(expunge) -> None:
    table = expunge("methods").out
    assert all(name in table for name in METHODS)
    one = expunge("cite", "scissorhands").out
    assert one.startswith("@inproceedings{wu2024,")
    assert "author = {Jing Wu and Mehrtash Harandi}" in one
    assert expunge("cite").out.count("@inproceedings{") == len(METHODS)
    assert "and others}" in expunge("cite", "retrain").out
    wrong = expunge("cite", "scisorhands")
    assert wrong.code == 2
    assert "did you mean 'scissorhands'?" in wrong.err


def test_a_refused_result_is_exit_code_1_and_says_what_to_change(config, expunge, tmp_path) -> None:
    words = ("--set", "method={name='gradient-ascent', lr=1000, epochs=20}")
    result = expunge("unlearn", config, "--out", "out", *words)
    assert result.code == 1
    assert "the original model is unchanged. Use a smaller learning rate" in result.err
    assert "Traceback" not in result.err
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"original.safetensors", "salt"}


def test_tracebacks_only_with_debug(config, expunge) -> None:
    from expunge.core import ConfigError

    assert expunge("check", config, "--set", "sed=1").code == 2
    with pytest.raises(ConfigError):
        main(["check", str(config), "--set", "sed=1", "--debug"])
    with pytest.raises(ConfigError):
        main(["--debug", "check", str(config), "--set", "sed=1"])


def test_a_defect_is_said_to_be_one(config, expunge, monkeypatch) -> None:
    import expunge as package

    def broken(*args, **kwargs):
        raise TypeError("oops")

    monkeypatch.setattr(package, "load_config", broken, raising=False)
    result = expunge("check", config)
    assert result.code == 1
    assert "unexpected TypeError: oops" in result.err
    assert "--debug" in result.err
    with pytest.raises(TypeError, match="oops"):
        main(["check", str(config), "--debug"])


def test_an_interrupted_command(config, expunge, monkeypatch) -> None:
    import expunge as package

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(package, "run_unlearn", interrupted, raising=False)
    result = expunge("unlearn", config)
    assert result.code == 130
    assert "--resume" in result.err


def test_the_words_of_the_process_are_the_default(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["expunge", "--version"])
    assert main() == 0
    assert capsys.readouterr().out == "expunge 0.1.0\n"


def test_only_a_process_of_its_own_changes_how_it_keeps_memory(expunge, monkeypatch) -> None:
    from expunge.cli.shared import allocator

    calls = []
    monkeypatch.setattr(allocator, "keep_freed_memory", lambda: calls.append(1))
    assert expunge("cite").code == 0
    assert calls == []
    monkeypatch.setattr(sys, "argv", ["expunge", "cite"])
    assert main() == 0
    assert calls == [1]


def test_exit_codes_that_are_no_numbers(monkeypatch) -> None:
    codes = [None, "text", 5]

    def leave(**kwargs):
        raise SystemExit(codes.pop(0))

    monkeypatch.setattr(app_module, "app", leave)
    assert [main(["x"]) for _ in range(3)] == [0, 1, 5]


def test_importing_is_light_and_the_module_can_be_run() -> None:
    code = (
        "import sys, expunge, expunge.cli\n"
        "heavy = {'torch', 'torchvision', 'datasets', 'altair', 'sklearn'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    words = [sys.executable, "-m", "expunge", "--version"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.stdout == "expunge 0.1.0\n"


def test_names_of_the_package_lead_to_the_same_things() -> None:
    import expunge as package
    from expunge.reporting.run import html

    assert package.report is html.report
    assert package.unlearn.__module__ == "expunge.core.unlearn"
    with pytest.raises(AttributeError, match=r"module 'expunge' has no attribute 'x'"):
        _ = package.x


ROW = {"doing": "unlearn", "stage": "repair", "step": 4, "total": 10, "retain_loss": 0.12345}


def test_progress_rows_in_words() -> None:
    assert title(ROW) == "unlearn: repair"
    assert title({"doing": "train original", "stage": "train"}) == "train original"
    assert title({"stage": "repair"}) == "repair"
    assert title({"doing": "evaluate"}) == "evaluate"
    assert numbers(ROW) == "retain loss 0.123"


def test_lines_are_few() -> None:
    file = StringIO()
    lines = Lines(Console(file=file, width=200), every=1000)
    for row in (ROW, {**ROW, "step": 5}, {"doing": "evaluate"}):
        lines(row)
    assert file.getvalue() == "unlearn: repair: step 5 of 10 retain loss 0.123\nevaluate\n"
    often = Lines(Console(file=file, width=200), every=0)
    often(ROW)
    often(ROW)
    assert file.getvalue().count("step 5 of 10") == 3


def test_lines_tell_the_time_that_is_left(monkeypatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    file = StringIO()
    lines = Lines(Console(file=file, width=200))

    def log(seconds: float, **row: object) -> str:
        nonlocal now
        now += seconds
        before = len(file.getvalue())
        lines({"doing": "evaluate", **row})
        return file.getvalue()[before:].strip()

    assert log(0) == "evaluate"
    # A stage under the same heading is shown once it has taken five seconds.
    assert log(1, stage="scores of original", step=9, total=100) == ""
    assert log(4, stage="scores of original", step=19, total=100) == ""
    told = log(26, stage="scores of original", step=39, total=100)
    assert told == "evaluate: scores of original: step 40 of 100, 1:00 left"
    assert log(29, stage="scores of original", step=79, total=100) == ""
    # It begins anew for another model, at that one's speed.
    assert log(2, stage="scores of retrained", step=9, total=100) == ""
    told = log(29, stage="scores of retrained", step=38, total=100)
    assert told == "evaluate: scores of retrained: step 39 of 100, 1:01 left"
    assert log(0.1, doing="train original", stage="train", step=0, total=9).startswith("train")


def test_a_terminal_gets_bars() -> None:
    file = StringIO()
    with progress(Console(file=file, force_terminal=True, width=120)) as listen:
        assert isinstance(listen, Bars)
        listen(ROW)
        listen({**ROW, "step": 9})
        listen({"doing": "evaluate"})
    assert "unlearn: repair" in file.getvalue()
    assert "evaluate" in file.getvalue()


def test_torch_is_left_as_it_was(config, expunge) -> None:
    before = torch.get_rng_state()
    assert expunge("unlearn", config).code == 0
    assert torch.equal(before, torch.get_rng_state())


def test_memorisation_is_measured_for_people_and_machines(config, expunge) -> None:
    words = (
        "memorisation",
        config,
        "--models",
        "2",
        "--out",
        "scores.csv",
        "--set",
        "data.limit=100",
    )
    shown = expunge(*words)
    assert shown.code == 0, shown.err
    assert "by 2 models" in shown.out
    assert "File:    scores.csv" in shown.out
    assert expunge(*words, "--json").json()["models"] == 2
    forget = 'data.forget={kind="most-memorised", scores="scores.csv", count=5}'
    found = expunge("check", config, "--set", "data.limit=100", "--set", forget, "--json").json()
    assert found["request"]["size"] == 5
    bad = expunge("memorisation", config, "--models", "3", "--out", "scores.csv")
    assert bad.code == 2
    assert "even number" in bad.err


def test_verify_hashes_a_run_again(config, expunge, tmp_path) -> None:
    assert expunge("unlearn", config, "--out", "out", "--set", "training.epochs=1").code == 0
    found = expunge("verify", "out")
    assert (found.code, found.err) == (0, "")
    assert "files of out are as the run left them" in found.out
    (tmp_path / "out" / "report.html").write_text("forged")
    found = expunge("verify", "out")
    assert found.code == 2
    assert "report.html is not as it was written" in found.err
    assert expunge("verify", "nowhere").code == 2


def test_what_is_set_of_a_request_is_not_in_the_record(config, expunge, tmp_path) -> None:
    wanted = "data.forget={kind='ids', ids=['train/28']}"
    words = ("--set", wanted, "--set", "training.epochs=1")
    assert expunge("unlearn", config, "--out", "out", *words).code == 0
    record = Record.load(tmp_path / "out" / "record.json")
    assert record.command.endswith("--set 'data.forget=…' --set training.epochs=1")
    for path in (tmp_path / "out").iterdir():
        assert b"train/28" not in path.read_bytes()

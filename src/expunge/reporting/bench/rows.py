"""Rows of a bench: results per seed turned into means, spreads, gaps and flags."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...core.errors import InputError
from ...core.schemas.record import Scores
from ...core.schemas.results import Bench, Kind, Result
from ...metrics import (
    GAP_FIELDS,
    GENERATOR_GAP,
    METRICS,
    average_gap,
    mean_scores,
    relearn_time,
    run_time_efficiency,
    tug_of_war,
)
from ..formats import known
from .efficiency import paper_ratio
from .flags import flagged
from .row import BenchRow, BenchSection, Stat, stat

FIRST, SECOND = 1, 2
_NAMED_BY = {"data": "source", "model": "name", "scenario": "kind", "method": "name"}
SCORES = (
    *(metric.name for metric in METRICS.values() if metric.of), "synonym_accuracy", "fid",
)  # fmt: skip
COSTS = ("seconds", "samples_read", "peak_memory_bytes")


def rows(bench: Bench) -> list[BenchRow]:
    """All rows, table by table: original, retrains, then methods in the config's order.

    Does not depend on the order of ``bench.results``.

    Raises:
        InputError: If the bench holds the same result twice.
    """
    return [row for section in sections(bench) for row in section.rows]


def sections(bench: Bench) -> list[BenchSection]:
    """The tables of a bench, one per data set, model and scenario, in the config's order.

    Raises:
        InputError: If the bench holds the same result twice.
    """
    groups: dict[tuple[str, str, str], dict[tuple[Kind, int, str], dict[int, Result]]] = {}
    for result in sorted(bench.results, key=lambda one: (one.seed, one.key)):
        label = result.method if result.kind == "unlearned" else result.variant
        place = groups.setdefault((result.data, result.model, result.scenario), {})
        seeds = place.setdefault((result.kind, result.number, label), {})
        if result.seed in seeds:
            raise InputError(
                f"the bench holds two results of {result.method!r} ({result.kind}, number "
                f"{result.number}) on {result.data}, {result.model}, {result.scenario}, seed "
                f"{result.seed}; remove one of them"
            )
        seeds[result.seed] = result
    order = sorted(groups, key=lambda place: [_position(bench, *pair) for pair in _named(place)])
    return [_section(place, groups[place], bench) for place in order]


def is_of_generators(bench: Bench) -> bool:
    """Whether the models are text-to-image models, whose concepts are scenarios."""
    return bench.config.get("kind") in ("generator", "words")


def planned_seeds(bench: Bench) -> list[int]:
    """The seeds of the config (a list under ``seeds``), and any that results have besides."""
    asked = bench.config.get("seeds")
    listed = [one for one in asked if isinstance(one, int)] if isinstance(asked, list) else []
    return sorted({*listed, *(result.seed for result in bench.results)})


def _section(
    place: tuple[str, str, str],
    groups: Mapping[tuple[Kind, int, str], Mapping[int, Result]],
    bench: Bench,
) -> BenchSection:
    seeds = planned_seeds(bench)
    wanted = _wanted(bench, place)
    reference = _measured(groups.get(("retrained", FIRST, ""), {}))
    if is_of_generators(bench):  # one retrained model stands for all seeds of a concept
        reference = {seed: one for one in reference.values() for seed in seeds}
    timed = [
        one.record.cost.seconds
        for key, group in groups.items()
        if key[0] == "retrained"
        for one in group.values()
        if known(one.record.cost.seconds)
    ]
    fastest = min((one for one in timed if one is not None), default=None)
    untouched = groups.get(("original", 0, ""), {})
    before = {seed: one.relearn_curve[0] for seed, one in untouched.items() if one.relearn_curve}
    ratio = paper_ratio(bench.config, place[1])
    gap = GENERATOR_GAP if is_of_generators(bench) else GAP_FIELDS
    found = []
    for key in wanted:
        row = BenchRow(*place, key[0], key[1], _label(*key), len(seeds))
        results = groups.get(key, {})
        row = _filled(row, results, reference, fastest, seeds, gap)
        row = _with_paper_rte(row, ratio)
        found.append(_with_relearn_time(row, results, before))
    floor = next((row.avg_gap for row in found if row.number == SECOND), None)
    return BenchSection(*place, flagged(found, floor), floor, fastest)


def _wanted(bench: Bench, place: tuple[str, str, str]) -> list[tuple[Kind, int, str]]:
    """Kind, number and label of the rows of a table, those without any result among them."""
    here = [one for one in bench.results if (one.data, one.model, one.scenario) == place]
    if is_of_generators(bench) and not place[2]:  # originals alone, by their guidance
        return [(one.kind, one.number, one.variant) for one in here]
    asked = known(bench.config.get("retrain")) or FIRST
    numbers = {*range(FIRST, int(asked) + 1), *(r.number for r in here if r.kind == "retrained")}
    found: list[tuple[Kind, int, str]] = [] if is_of_generators(bench) else [("original", 0, "")]
    found += [("retrained", number, "") for number in sorted(numbers)]
    if any(one.kind == "untrained" for one in bench.results):
        found.append(("untrained", 0, ""))
    labels = [label for label in bench.order if _applies(bench.config, label, place)]
    others = {one.method for one in here if one.kind == "unlearned"} - set(labels)
    return found + [("unlearned", 0, label) for label in [*labels, *sorted(others)]]


def _applies(config: Mapping[str, Any], label: str, place: tuple[str, str, str]) -> bool:
    """Whether the config restricts a method to other data sets, models or scenarios."""
    entries = config.get("method", [])
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and _name("method", entry) == label:
            allowed = [entry.get(axis, [name]) for axis, name in _named(place)]
            return all(name in one for one, name in zip(allowed, place, strict=True))
    return True


def _filled(
    row: BenchRow,
    results: Mapping[int, Result],
    reference: Mapping[int, dict[str, float | None]],
    fastest: float | None,
    seeds: Sequence[int],
    gap: Sequence[str],
) -> BenchRow:
    measured = _measured(results)
    both = [seed for seed in measured if seed in reference]
    names = [*SCORES, "relearn", "cka"]
    columns = {name: [one[name] for one in measured.values()] for name in names}
    made = [one for one in results.values() if not one.error]
    columns |= {name: [getattr(one.record.cost, name) for one in made] for name in COSTS}
    columns["passes"] = [one.record.method.hyperparameters.get("passes") for one in made]
    if row.kind in {"retrained", "unlearned"}:
        columns["rte"] = [
            run_time_efficiency(took, fastest)
            for value in columns["seconds"]
            if (took := known(value)) is not None
        ]
    columns["tow"] = [tug_of_war(_scores(measured[s]), _scores(reference[s])) for s in both]
    stats = {name: one for name, values in columns.items() if (one := stat(values))}
    is_target = row.kind == "retrained" and row.number == FIRST
    avg_gap, gap_of_means = (None, None) if is_target else _gaps(measured, reference, both, gap)
    return replace(
        row,
        stats=stats,
        distance={} if is_target else _distances(measured, reference, both, names[:-1]),
        avg_gap=avg_gap,
        gap_of_means=gap_of_means,
        curve=_curve(made),
        measured_on=" / ".join(
            sorted({one.record.relearn.measured_on for one in made if one.record.relearn})
        ),
        seeds=tuple(measured),
        errors=tuple((seed, one.error) for seed, one in results.items() if one.error),
        not_run=tuple(seed for seed in seeds if seed not in results),
        warnings=tuple(
            sorted({notice.text for one in results.values() for notice in one.record.warnings})
        ),
    )


def _with_paper_rte(row: BenchRow, ratio: float | None) -> BenchRow:
    """The row with its RTE against the paper's recipe, as far as both are known."""
    rte = row.stats.get("rte")
    if rte is None or ratio is None:
        return row
    sd = None if rte.sd is None else rte.sd / ratio
    return replace(row, stats=row.stats | {"rte_paper": Stat(rte.mean / ratio, sd, rte.n)})


def _with_relearn_time(
    row: BenchRow, results: Mapping[int, Result], before: Mapping[int, float]
) -> BenchRow:
    """The row with the steps until the original's accuracy, of the seeds that reach it."""
    times = stat(
        relearn_time(one.record.relearn.steps, one.relearn_curve, before[seed])
        for seed, one in results.items()
        if one.record.relearn and seed in before
    )
    return replace(row, stats=row.stats | {"relearn_time": times}) if times else row


def _measured(results: Mapping[int, Result]) -> dict[int, dict[str, float | None]]:
    """Per seed, the numbers of those results that have scores; None where not finite."""
    found = {}
    for seed, one in results.items():
        if one.scores is None:
            continue
        values = {name: known(one.scores.get(name)) for name in SCORES}
        after = one.relearn_curve
        values["relearn"] = known(after[-1]) if after else None
        layers = stat(one.record.cka.values())
        values["cka"] = layers.mean if layers else None
        found[seed] = values
    return found


def _gaps(
    measured: Mapping[int, dict[str, float | None]],
    reference: Mapping[int, dict[str, float | None]],
    both: Sequence[int],
    names: Sequence[str],
) -> tuple[Stat | None, float | None]:
    pairs = [(_scores(measured[seed]), _scores(reference[seed])) for seed in both]
    judged = [(gap, *pair) for pair in pairs if (gap := average_gap(*pair, names)) is not None]
    if not judged:
        return None, None
    means = mean_scores([one for _, one, _ in judged]), mean_scores([one for _, _, one in judged])
    return stat(gap for gap, _, _ in judged), average_gap(*means, names)


def _scores(values: Mapping[str, float | None]) -> Scores:
    return {name: values[name] for name in SCORES}


def _distances(
    measured: Mapping[int, dict[str, float | None]],
    reference: Mapping[int, dict[str, float | None]],
    both: Sequence[int],
    names: Sequence[str],
) -> dict[str, float]:
    found = {}
    for name in names:
        pairs = [(measured[seed][name], reference[seed][name]) for seed in both]
        change = stat(a - b for a, b in pairs if a is not None and b is not None)
        if change:
            found[name] = change.mean
    return found


def _curve(results: Sequence[Result]) -> tuple[tuple[int, Stat], ...]:
    values: dict[int, list[float]] = {}
    for one in results:
        if one.record.relearn:
            steps = one.record.relearn.steps
            for step, accuracy in zip(steps, one.relearn_curve, strict=False):
                values.setdefault(step, []).append(accuracy)
    return tuple((step, mean) for step in sorted(values) if (mean := stat(values[step])))


def _label(kind: Kind, number: int, method: str) -> str:
    if kind != "retrained":
        name = kind.capitalize()
        return method if kind == "unlearned" else f"{name}, {method}" if method else name
    return {FIRST: "Retrain", SECOND: "Retrain (second)"}.get(number, f"Retrain ({number})")


def _named(place: Sequence[str]) -> list[tuple[str, str]]:
    return list(zip(("data", "model", "scenario"), place, strict=True))


def _position(bench: Bench, axis: str, name: str) -> tuple[int, str]:
    """Place of a name in the config's entries of that axis; else by alphabet, last."""
    entries = bench.config.get(axis)
    names = [_name(axis, one) for one in entries] if isinstance(entries, list) else []
    return (names.index(name) if name in names else len(names), name)


def _name(axis: str, entry: Any) -> str:
    """The label of an entry, or what stands for it: ``BenchConfig`` says which key does."""
    if not isinstance(entry, dict):
        return str(entry)
    return str(entry.get("label") or entry.get(_NAMED_BY[axis], axis))

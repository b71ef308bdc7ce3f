"""The tables of a bench of text-to-image models, as Markdown: concept by concept."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ...core.schemas.results import Bench, Judge, Result
from ..formats import fixed
from .row import Stat, stat

Key = TypeVar("Key")
DASH = "\u2013"
LEGEND = (
    "Shares in percent of generated images that the judge recognises as what the prompt says: "
    "of the forgotten concept (in brackets the mean distance to a model that never learned it), "
    "of its other wordings, and of all other concepts. FID is the Fréchet distance of images of "
    "the other concepts from real ones, in the features of the judge; it compares within this "
    "table alone. Means over concepts and seeds, with the standard deviation."
)


@dataclass(frozen=True)
class ConceptRow:
    """One method over concepts and seeds.

    ``distance`` is the mean modulus of the difference to the retrained model of the same
    concept, in points. ``assisted`` holds shares by kind and strength of assistance,
    ``relearned`` by the number of steps in which the concept was learned again.
    """

    method: str
    target: Stat | None
    synonyms: Stat | None
    others: Stat | None
    fid: Stat | None
    distance: Stat | None
    seconds: Stat | None
    concepts: int
    results: int
    errors: tuple[str, ...]
    assisted: dict[tuple[str, float], Stat]
    relearned: dict[int, Stat]


def concept_rows(bench: Bench, concepts: Sequence[str] | None = None) -> list[ConceptRow]:
    """The methods in order: originals, retrained models, then as the config lists them.

    Args:
        bench: The results.
        concepts: Which of them count; all by default.
    """
    groups: dict[str, list[Result]] = {}
    for one in bench.results:
        if concepts is None or one.kind == "original" or one.scenario in concepts:
            groups.setdefault(_label(one), []).append(one)
    order = [entry["label"] for entry in bench.config.get("method", [])]
    labels = sorted(groups, key=lambda name: order.index(name) if name in order else -1)
    reference = {
        one.scenario: _score(one, "forget_accuracy")
        for one in bench.results
        if one.kind == "retrained"
    }
    return [_row(label, groups[label], reference) for label in labels]


def concept_tables(bench: Bench, level: int = 1) -> str:
    """CommonMark: a table over all concepts, one over those of all methods, and one by concept.

    Args:
        bench: May be interrupted; the text then says INCOMPLETE.
        level: Of its heading.
    """
    missing = bench.planned - len(bench.results)
    head = [f"{'#' * level} {bench.title}"]
    if missing:
        head.append(f"**INCOMPLETE: {missing} of {bench.planned} results are missing.**")
    judge = bench.judge or Judge(name="not known")
    accuracy = "?" if judge.accuracy is None else fixed(judge.accuracy, 1)
    head.append(
        f"Judge: {judge.name}, {accuracy} % of test images right. {_protocol(bench)} {LEGEND}"
    )
    parts = [*head, _overall(bench), *_alike(bench), _by_word(bench)]
    failed = [f"- {one.method}, {one.scenario}: {one.error}" for one in bench.results if one.error]
    if failed:
        parts += ["Refused:", "\n".join(failed)]
    return "\n\n".join([*parts, f"```text\n{bench.command or 'no command on record'}\n```"]) + "\n"


def _protocol(bench: Bench) -> str:
    drawing = bench.config.get("drawing", {})
    return (
        f"{drawing.get('images')} images per prompt, {drawing.get('steps')} steps, guidance "
        f"{drawing.get('guidance')} unless said otherwise."
    )


def _alike(bench: Bench) -> list[str]:
    """The first table again over the concepts that all methods have, if some have more."""
    by_method: dict[str, set[str]] = {}
    for one in bench.results:
        if one.kind == "unlearned":
            by_method.setdefault(one.method, set()).add(one.scenario)
    had = list(by_method.values())
    if not had or all(one == had[0] for one in had):
        return []
    common = set.intersection(*had)
    shared = [one for one in dict.fromkeys(r.scenario for r in bench.results) if one in common]
    if not shared:
        return []
    return [
        f"The same over the concepts of all methods ({', '.join(shared)}):",
        _overall(bench, shared),
    ]


def _overall(bench: Bench, concepts: Sequence[str] | None = None) -> str:
    rows = concept_rows(bench, concepts)
    helps = list(dict.fromkeys(key for row in rows for key in row.assisted))
    steps = list(dict.fromkeys(step for row in rows for step in row.relearned))
    head = ["Method", "Forgotten", "Synonyms", "Others", "FID"]
    head += [f"{kind.capitalize()} {strength:g}" for kind, strength in helps]
    head += [f"Relearned for {' · '.join(map(str, steps))} steps"] if steps else []
    head += ["Seconds", "Concepts", "Results"]
    lines = [_pipes(head), _pipes(["---", *["---:"] * (len(head) - 1)])]
    for row in rows:
        target = _cell(row.target, 1)
        if row.distance is not None:
            target += f" ({fixed(row.distance.mean, 1)})"
        cells = [row.method, target, _cell(row.synonyms, 1), _cell(row.others, 1)]
        cells += [_cell(row.fid, 2), *(_cell(row.assisted.get(key), 1) for key in helps)]
        curve = " · ".join(_mean(row.relearned.get(step)) for step in steps)
        cells += [curve if row.relearned else DASH] if steps else []
        cells += [_cell(row.seconds, 0), str(row.concepts), str(row.results)]
        lines.append(_pipes(cells))
    return "\n".join(lines)


def _by_word(bench: Bench) -> str:
    """Forgotten and, behind a stroke, others: a line per method, a column per concept."""
    concepts = list(dict.fromkeys(one.scenario for one in bench.results if one.scenario))
    lines = [_pipes(["Method", *concepts]), _pipes(["---", *["---:"] * len(concepts)])]
    for label in dict.fromkeys(_label(one) for one in bench.results if one.scenario):
        cells = []
        for concept in concepts:
            here = [
                one for one in bench.results if one.scenario == concept and _label(one) == label
            ]
            target = _stat_of(here, "forget_accuracy")
            others = _stat_of(here, "retain_accuracy")
            cells.append(f"{_mean(target)} / {_mean(others)}" if target else DASH)
        lines.append(_pipes([label, *cells]))
    return "\n".join(["By concept, forgotten / others:", "", *lines])


def _row(label: str, found: Sequence[Result], reference: dict[str, float | None]) -> ConceptRow:
    pairs = [
        (_score(one, "forget_accuracy"), reference.get(one.scenario))
        for one in found
        if one.kind == "unlearned"
    ]
    return ConceptRow(
        label,
        target=_stat_of(found, "forget_accuracy"),
        synonyms=_stat_of(found, "synonym_accuracy"),
        others=_stat_of(found, "retain_accuracy"),
        fid=_stat_of(found, "fid"),
        distance=stat(abs(a - b) for a, b in pairs if a is not None and b is not None),
        seconds=stat(one.record.cost.seconds for one in found),
        concepts=len({one.scenario for one in found if one.scenario}),
        results=len(found),
        errors=tuple(one.error for one in found if one.error),
        assisted=_stats(_assisted(found)),
        relearned=_stats(_relearned(found)),
    )


def _assisted(found: Iterable[Result]) -> Iterator[tuple[tuple[str, float], float]]:
    for one in found:
        for probe in one.record.generation_probes:
            yield from (((probe.probe, probe.strength), x) for x in probe.recognised.values())


def _relearned(found: Iterable[Result]) -> Iterator[tuple[int, float]]:
    for one in found:
        if one.record.relearn is not None:
            yield from zip(one.record.relearn.steps, one.relearn_curve, strict=True)


def _stats(pairs: Iterable[tuple[Key, float]]) -> dict[Key, Stat]:
    """Means of the values with equal keys, in the order of the first ones."""
    groups: dict[Key, list[float]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return {key: one for key, values in groups.items() if (one := stat(values)) is not None}


def _stat_of(found: Iterable[Result], name: str) -> Stat | None:
    return stat(_score(one, name) for one in found)


def _score(one: Result, name: str) -> float | None:
    return (one.scores or {}).get(name)


def _label(one: Result) -> str:
    if one.kind == "unlearned":
        return one.method
    if one.kind == "retrained":
        return "Retrained"
    return f"Original, guidance {one.record.generation_protocol.get('guidance', 0):g}"


def _cell(one: Stat | None, digits: int) -> str:
    if one is None:
        return DASH
    spread = "" if one.sd is None else f" ± {fixed(one.sd, digits)}"
    return fixed(one.mean, digits) + spread


def _mean(one: Stat | None) -> str:
    return DASH if one is None else fixed(one.mean, 0)


def _pipes(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"

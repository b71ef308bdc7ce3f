"""The tables of a bench of words, as Markdown."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ...reporting.bench.row import Stat, stat
from ...reporting.formats import fixed
from .result import WordBench, WordResult

Key = TypeVar("Key")
DASH = "\u2013"
LEGEND = (
    "Shares in percent of drawings that the judge takes for what the prompt says: of the "
    "forgotten word (in brackets the mean distance to a model that never learned it), of its "
    "other wordings, and of all other words. FID is the Fréchet distance of drawings of the "
    "other words from real images, in the features of the judge; it compares within this table "
    "alone. Means over words and seeds, with the standard deviation."
)


@dataclass(frozen=True)
class WordRow:
    """One method over words and seeds.

    ``distance`` is the mean modulus of the difference to the retrained model of the same
    word, in points. ``helped`` holds shares by kind and strength of help, ``taught`` by the
    number of steps in which the word was taught again.
    """

    method: str
    target: Stat | None
    synonyms: Stat | None
    others: Stat | None
    fid: Stat | None
    distance: Stat | None
    seconds: Stat | None
    words: int
    results: int
    errors: tuple[str, ...]
    helped: dict[tuple[str, float], Stat]
    taught: dict[int, Stat]


def word_rows(bench: WordBench, words: Sequence[str] | None = None) -> list[WordRow]:
    """The methods in order: originals, retrained models, then as the config lists them.

    Args:
        bench: The results.
        words: Which words count; all by default.
    """
    groups: dict[str, list[WordResult]] = {}
    for one in bench.results:
        if words is None or one.kind == "original" or one.word in words:
            groups.setdefault(_label(one), []).append(one)
    order = [entry["label"] for entry in bench.config.get("method", [])]
    labels = sorted(groups, key=lambda name: order.index(name) if name in order else -1)
    reference = {one.word: one.target for one in bench.results if one.kind == "retrained"}
    return [_row(label, groups[label], reference) for label in labels]


def word_tables(bench: WordBench, level: int = 1) -> str:
    """CommonMark: a table over all words, one over those of all methods, and one by word.

    Args:
        bench: May be interrupted; the text then says INCOMPLETE.
        level: Of its heading.
    """
    missing = bench.planned - len(bench.results)
    head = [f"{'#' * level} {bench.title}"]
    if missing:
        head.append(f"**INCOMPLETE: {missing} of {bench.planned} results are missing.**")
    accuracy = "?" if bench.judge_accuracy is None else fixed(bench.judge_accuracy, 1)
    head.append(
        f"Judge: {bench.judge}, {accuracy} % of test images right. {_protocol(bench)} {LEGEND}"
    )
    parts = [*head, _overall(bench), *_alike(bench), _by_word(bench)]
    failed = [f"- {one.method}, {one.word}: {one.error}" for one in bench.results if one.error]
    if failed:
        parts += ["Refused:", "\n".join(failed)]
    return "\n\n".join([*parts, f"```text\n{bench.command or 'no command on record'}\n```"]) + "\n"


def _protocol(bench: WordBench) -> str:
    drawing = bench.config.get("drawing", {})
    return (
        f"{drawing.get('images')} images per prompt, {drawing.get('steps')} steps, guidance "
        f"{drawing.get('guidance')} unless said otherwise."
    )


def _alike(bench: WordBench) -> list[str]:
    """The first table again over the words that all methods have, if some have more."""
    by_method: dict[str, set[str]] = {}
    for one in bench.results:
        if one.kind == "unlearned":
            by_method.setdefault(one.method, set()).add(one.word)
    had = list(by_method.values())
    if not had or all(words == had[0] for words in had):
        return []
    common = set.intersection(*had)
    words = [word for word in dict.fromkeys(one.word for one in bench.results) if word in common]
    if not words:
        return []
    return [f"The same over the words of all methods ({', '.join(words)}):", _overall(bench, words)]


def _overall(bench: WordBench, words: Sequence[str] | None = None) -> str:
    rows = word_rows(bench, words)
    helps = list(dict.fromkeys(key for row in rows for key in row.helped))
    steps = list(dict.fromkeys(step for row in rows for step in row.taught))
    head = ["Method", "Forgotten", "Synonyms", "Others", "FID"]
    head += [f"{kind.capitalize()} {strength:g}" for kind, strength in helps]
    head += [f"Taught again for {' · '.join(map(str, steps))} steps"] if steps else []
    head += ["Seconds", "Words", "Results"]
    lines = [_pipes(head), _pipes(["---", *["---:"] * (len(head) - 1)])]
    for row in rows:
        target = _cell(row.target, 1)
        if row.distance is not None:
            target += f" ({fixed(row.distance.mean, 1)})"
        cells = [row.method, target, _cell(row.synonyms, 1), _cell(row.others, 1)]
        cells += [_cell(row.fid, 2), *(_cell(row.helped.get(key), 1) for key in helps)]
        curve = " · ".join(_mean(row.taught.get(step)) for step in steps)
        cells += [curve if row.taught else DASH] if steps else []
        cells += [_cell(row.seconds, 0), str(row.words), str(row.results)]
        lines.append(_pipes(cells))
    return "\n".join(lines)


def _by_word(bench: WordBench) -> str:
    """Forgotten and, behind a stroke, others: a line per method, a column per word."""
    words = list(dict.fromkeys(one.word for one in bench.results if one.word))
    lines = [_pipes(["Method", *words]), _pipes(["---", *["---:"] * len(words)])]
    for label in dict.fromkeys(_label(one) for one in bench.results if one.word):
        cells = []
        for word in words:
            here = [one for one in bench.results if one.word == word and _label(one) == label]
            target = stat(one.target for one in here)
            others = stat(one.others for one in here)
            cells.append(f"{_mean(target)} / {_mean(others)}" if target else DASH)
        lines.append(_pipes([label, *cells]))
    return "\n".join(["By word, forgotten / others:", "", *lines])


def _row(label: str, found: Sequence[WordResult], reference: dict[str, float | None]) -> WordRow:
    pairs = [(one.target, reference.get(one.word)) for one in found if one.kind == "unlearned"]
    return WordRow(
        label,
        target=_stat_of(found, "target"),
        synonyms=_stat_of(found, "synonyms"),
        others=_stat_of(found, "others"),
        fid=_stat_of(found, "fid"),
        distance=stat(abs(a - b) for a, b in pairs if a is not None and b is not None),
        seconds=_stat_of(found, "seconds"),
        words=len({one.word for one in found if one.word}),
        results=len(found),
        errors=tuple(one.error for one in found if one.error),
        helped=_stats(_helped(found)),
        taught=_stats(_taught(found)),
    )


def _helped(found: Iterable[WordResult]) -> Iterator[tuple[tuple[str, float], float]]:
    for one in found:
        for probe in one.probes:
            yield from (((probe.probe, probe.strength), x) for x in probe.recognised.values())


def _taught(found: Iterable[WordResult]) -> Iterator[tuple[int, float]]:
    for one in found:
        if one.relearn is not None:
            for curve in one.relearn.curves.values():
                yield from zip(one.relearn.steps, curve, strict=True)


def _stats(pairs: Iterable[tuple[Key, float]]) -> dict[Key, Stat]:
    """Means of the values with equal keys, in the order of the first ones."""
    groups: dict[Key, list[float]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return {key: one for key, values in groups.items() if (one := stat(values)) is not None}


def _stat_of(found: Iterable[WordResult], name: str) -> Stat | None:
    return stat(getattr(one, name) for one in found)


def _label(one: WordResult) -> str:
    if one.kind == "unlearned":
        return one.method
    return "Retrained" if one.kind == "retrained" else f"Original, guidance {one.guidance:g}"


def _cell(one: Stat | None, digits: int) -> str:
    if one is None:
        return DASH
    spread = "" if one.sd is None else f" ± {fixed(one.sd, digits)}"
    return fixed(one.mean, digits) + spread


def _mean(one: Stat | None) -> str:
    return DASH if one is None else fixed(one.mean, 0)


def _pipes(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"

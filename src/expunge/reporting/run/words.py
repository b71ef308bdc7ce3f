"""Every sentence that depends on the record: what was asked, the verdict, the scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from expunge.core.schemas.record import Record
from expunge.metrics import METRICS

from ..formats import clip, count, number, percent, plain, plural, share

NOTHING = "not known"
EVIDENCE = "This is empirical evidence, not a proof."

MODELS = {
    "original": "Original",
    "unlearned": "Unlearned",
    "retrained": "Retrained",
    "retrained_again": "Retrained again",
}
OTHERS = {"untrained": "Untrained"}  # only in relearn curves
ROLES = {
    "original": "The model as it was, trained on everything, the forgotten records included.",
    "unlearned": "The same model after the method removed the influence of those records.",
    "retrained": "A new model trained without those records, so it never saw them: the target.",
    "retrained_again": (
        "A second, independent one. It shows how far two right answers lie apart: the floor."
    ),
}
SETS = {
    "forget": "Forgotten records",
    "test": "Test records, never trained on",
    "validation": "Validation records, never trained on",
    "retain": "Records that were kept",
}
SHORT_SETS = {
    "forget": "forgotten",
    "test": "test",
    "validation": "validation",
    "retain": "kept",
    "held_out": "held-out",
}


@dataclass(frozen=True)
class ScoreWords:
    """How one metric is named and explained to a newcomer; ``rare`` ones need a value to show."""

    field: str
    name: str
    short: str
    long: str
    percent: bool
    rare: bool = False


SCORES = (
    ScoreWords(
        "forget_accuracy",
        "Accuracy, forgotten",
        "Right answers on the records to forget.",
        "A retrained model can still be right about many of them, just as it is right about "
        "other records it never saw. Forgetting therefore does not mean 0\u00a0%.",
        True,
    ),
    ScoreWords(
        "retain_accuracy",
        "Accuracy, kept",
        "Right answers on the training records that stay.",
        "Shows whether the method damaged what it should have left alone.",
        True,
    ),
    ScoreWords(
        "test_accuracy",
        "Accuracy, test",
        "Right answers on records no model was trained on.",
        "Shows whether the model is still useful for new data.",
        True,
    ),
    ScoreWords(
        "mia",
        "Membership attack",
        "Forgotten records that an attacker takes for never seen.",
        "An attacker looks at how sure the model is of the true answer and guesses whether the "
        "record was in the training data (a support vector classifier, fitted on kept and test "
        "records). The value is the share of forgotten records guessed to be outside.",
        True,
    ),
    ScoreWords(
        "canary_accuracy",
        "Canaries, wrong label",
        "Canaries that are still predicted as the wrong label that they were trained with.",
        "A canary was given a wrong label on purpose before training. A model can predict that "
        "label only because it has memorised this very record; a retrained one hardly ever does.",
        True,
        rare=True,
    ),
    ScoreWords(
        "canary_recovery",
        "Canaries, true label",
        "Canaries that are predicted as what they really are.",
        "A retrained model predicts most of them rightly, about as often as test records. A model "
        "that only learned to avoid the wrong labels does not.",
        True,
        rare=True,
    ),
    ScoreWords(
        "forget_loss",
        "Loss, forgotten",
        "Mean error on the records to forget.",
        "Finer than accuracy: it also counts how sure the model is.",
        False,
    ),
    ScoreWords(
        "retain_loss",
        "Loss, kept",
        "Mean error on the training records that stay.",
        "The same, for the records that were kept.",
        False,
    ),
    ScoreWords(
        "test_loss",
        "Loss, test",
        "Mean error on records no model was trained on.",
        "The same, for data that is new to every model.",
        False,
    ),
)


def titled() -> tuple[ScoreWords, ...]:
    """Words for the metrics that bring their own, as those of other packages do."""
    return tuple(
        ScoreWords(one.name, one.title, one.about, "", one.unit == "percent", rare=True)
        for one in METRICS.values()
        if one.title
    )


def model_name(key: str) -> str:
    """The name of a model as the page prints it."""
    return (MODELS | OTHERS).get(key, key.replace("_", " ").capitalize())


def trained_on(record: Record) -> int | None:
    """How many records the original model was trained on, if the record tells."""
    sizes = record.data.sizes
    if "forget" in sizes and "retain" in sizes:
        return sizes["forget"] + sizes["retain"]
    return sizes.get("train")


def _found(record: Record) -> int:
    return record.request.found or 0


def headline(record: Record) -> str:
    """The title of the page: how much of which data, or which concepts."""
    if named := concepts(record):
        return f"Forget {named}"
    total = trained_on(record)
    asked = count(_found(record))
    data = f" of {clip(record.data.name, 100)}" if record.data.name else ""
    if total is None:
        return f"Forget {plural(_found(record), 'training record')}{data}"
    return f"Forget {asked} of {count(total)} training records{data}"


def concepts(record: Record) -> str:
    """What was to be forgotten where it is a concept in words; else nothing."""
    forget = record.request.spec
    return _several(forget.get("concepts"), "and") if forget.get("kind") == "concepts" else ""


def asked(record: Record) -> str:
    """What was asked, in one or two sentences."""
    if named := concepts(record):
        return (
            f"Take {named} out of the model \u201c{clip(record.model.name, 100)}\u201d "
            f"({plural(record.model.parameters or 0, 'parameter')}), by the method "
            f"{clip(record.method.name, 100)}, from {plural(_found(record), 'image')}. A "
            "concept is not a record: what the model learned it from stays unknown."
        )
    total = trained_on(record)
    which = f"{plural(_found(record), 'training record')}"
    if total:
        which = f"{which} ({share(_found(record), total)} of {count(total)})"
    name = f" \u201c{clip(record.model.name, 100)}\u201d" if record.model.name else ""
    size = plural(record.model.parameters or 0, "parameter")
    chosen = selection(record.request.spec, record.data.classes)
    return (
        f"Remove the influence of {which}, {chosen}, "
        f"from the model{name} ({size}), by the method {clip(record.method.name, 100)}."
        f" {record.request.counts()}".rstrip()
    )


def selection(forget: Mapping[str, Any], classes: Sequence[str] | None = None) -> str:
    """How the records were chosen: ``chosen at random (seed 0)``; ``classes`` name numbers."""
    kind = forget.get("kind")
    if kind == "random" or (kind in ("classes", "groups") and "seed" in forget):
        return _random(kind, forget)
    if kind == "classes":
        chosen = forget.get("classes")
        many = isinstance(chosen, list | tuple) and len(chosen) > 1
        if isinstance(chosen, list | tuple):
            chosen = [_class(one, classes) for one in chosen]
        return f"all of class{'es' if many else ''} {_several(chosen, 'and')}"
    if kind == "groups":
        return _groups(forget)
    if kind == "canaries":
        return "planted with wrong labels before training"
    if kind == "ids":
        where = f" in {plain(forget['file'])}" if forget.get("file") else ""
        return f"named by a list of ids{where}"
    rest = {key: value for key, value in forget.items() if key != "kind"}
    chosen = plain(kind) if kind else "unknown rule"
    return f"chosen by: {chosen}{f' ({plain(rest)})' if rest else ''}"


def _groups(forget: Mapping[str, Any]) -> str:
    values = forget.get("values") or f"in {plain(forget.get('file'))}"
    if isinstance(values, str):  # people are counted, not named
        return f"those with {values} of {plain(forget.get('column'))}"
    return f"those whose {plain(forget.get('column'))} is {_several(values)}"


def _random(kind: str, forget: Mapping[str, Any]) -> str:
    """``all of 3 classes, chosen at random (seed 0)``."""
    seed = f" (seed {plain(forget['seed'])})" if forget.get("seed") is not None else ""
    count, share = forget.get("count"), forget.get("fraction")
    many = f"{100 * share:g}\u00a0% of the" if isinstance(share, int | float) else plain(count)
    of = {
        "classes": f"all of {many} classes, ",
        "groups": f"those with {many} values of {plain(forget.get('column'))}, ",
    }
    return f"{of.get(kind, '')}chosen at random{seed}"


def _class(one: Any, classes: Sequence[str] | None) -> str:
    """``0 (airplane)`` if a class is given by number and has another name."""
    if isinstance(one, int) and classes and 0 <= one < len(classes) and classes[one] != str(one):
        return f"{one} ({clip(classes[one], 40)})"
    return plain(one)


def _several(values: Any, word: str = "or", shown: int = 8) -> str:
    """``a, b or c``, cut after ``shown``."""
    items = [clip(plain(v), 60) for v in values] if isinstance(values, list | tuple) else None
    if items is None:
        return "not known" if values is None else clip(plain(values), 60)
    if len(items) > shown:
        return f"{', '.join(items[:shown])} {word} {len(items) - shown} more"
    return (
        f" {word} ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)
    )


VERDICTS = {
    "pass": (
        "Pass",
        "In these tests the unlearned model behaves like one that never saw the {records}.",
    ),
    "fail": (
        "Fail",
        "In these tests the unlearned model does not behave like one that never saw the {records}.",
    ),
    "cannot tell": (
        "Cannot tell",
        "There is not enough evidence to say whether the influence of the {records} is gone.",
    ),
}


def verdict(record: Record) -> tuple[str, str]:
    """The verdict's name and its one plain sentence."""
    name, sentence = VERDICTS[record.verdict.status]
    if record.verdict.status == "pass" and record.verdict.remarks:
        sentence = (
            "Within the limits of these tests the unlearned model behaves like one that never saw "
            "the {records}; it can still be told from such a one."
        )
    return name, sentence.format(records=plural(_found(record), "record"))


def score_text(words: ScoreWords, value: float) -> str:
    """One score with its unit."""
    return percent(value) if words.percent else number(value, 3)

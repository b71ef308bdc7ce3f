"""What stands above and below every table: how the numbers were made, and what is missing."""

from ...core.schemas.results import Bench, Tuning
from ..formats import clip, count, plain, plural
from .flags import FLOOR_FACTOR, FLOOR_SLACK
from .row import BenchSection
from .rows import FIRST, planned_seeds

NOT_RECORDED = "not recorded"
READING = (
    "Every score is good where it is close to retraining, not where it is high or low. "
    "Values are the mean ± the sample standard deviation over seeds."
)
PARENTHESES = (
    "In parentheses: the absolute difference of means to the first retrain, over the seeds "
    "that both have."
)
GAPS = (
    "Avg. Gap is the mean absolute difference of the four scores to the retrain of the same "
    "seed, averaged over seeds. Gap of means takes the means over seeds first, as the paper "
    "does; it is never larger, because errors of opposite sign cancel."
)
FLOOR = (
    "The floor is the gap of a second, independent retrain. Within the floor: Avg. Gap of at "
    f"most {FLOOR_FACTOR:g} \u00d7 floor + {FLOOR_SLACK:g} points."
)
COST = (
    "RTE is seconds over those of the fastest retrain; from 1 on, retraining was quicker. "
    "RTE (paper) divides by the time that the paper's 182 epochs would take, projected from the "
    "passes over the data."
)
RELEARN = (
    "Relearn: accuracy in percent on unseen samples of a forgotten class, or else on the forget "
    "set, while it is learnt again."
)


def facts(bench: Bench, section: BenchSection | None = None) -> list[tuple[str, str]]:
    """How the results were made, as pairs of a name and a text; of one table or of all."""
    seeds = planned_seeds(bench)
    listed = f": {', '.join(map(str, seeds))}" if seeds else ""
    return [
        ("Seeds", f"n = {len(seeds)}{clip(listed, 80)}"),
        ("Tuning", tuning_text(tunings(bench, section), seeds)),
        ("Retrain recipe", _recipe(bench, section)),
        ("Scale", plain(bench.config.get("scale") or NOT_RECORDED)),
        ("Command", bench.command or NOT_RECORDED),
    ]


def tunings(bench: Bench, section: BenchSection | None = None) -> list[Tuning]:
    """The tunings of one table, or of all, in the order of methods."""
    place = {label: position for position, label in enumerate(bench.order)}
    found = [
        one
        for one in bench.tuning
        if section is None
        or (one.data, one.model, one.scenario) == (section.data, section.model, section.scenario)
    ]
    return sorted(found, key=lambda one: (place.get(one.method, len(place)), one.method))


def tuning_text(found: list[Tuning], seeds: list[int]) -> str:
    """Objective, budget and pilot seed of some tunings, in one sentence."""
    if not found:
        return "none; settings as configured"
    objectives = " / ".join(sorted({one.objective for one in found}))
    budgets = sorted({len(one.trials) for one in found})
    trials = plural(budgets[0], "trial")
    if len(budgets) > 1:
        trials = f"{count(budgets[0])} to {plural(budgets[-1], 'trial')}"
    pilots = sorted({one.pilot_seed for one in found})
    named = f"pilot seed{'s' if len(pilots) > 1 else ''} {', '.join(map(str, pilots))}"
    reported = sorted(set(pilots) & set(seeds))
    caveat = " (also among the reported seeds: optimistic)" if reported else " (not reported)"
    methods = len({one.method for one in found})
    return (
        f"{plural(methods, 'method')}, objective {objectives}, {trials} per method and scenario on "
        f"{named}{caveat}"
    )


def incomplete(bench: Bench, section: BenchSection | None = None) -> str:
    """``INCOMPLETE`` with counts if results are missing; else empty."""
    have, planned = len(bench.results), bench.planned
    parts = [f"{have} of {plural(planned, 'planned result')}"] if have < planned else []
    if section:
        own, wanted = section.counts
        parts = ([f"{own} of {wanted} in this table"] if own < wanted else []) + parts
    return f"INCOMPLETE: {', '.join(parts)}" if parts else ""


def _recipe(bench: Bench, section: BenchSection | None) -> str:
    """The settings with which the retrained models of a table were made."""
    found = {
        plain(one.record.method.hyperparameters)
        for one in bench.results
        if one.kind == "retrained"
        and one.number == FIRST
        and one.record.method.hyperparameters
        and (
            section is None
            or (one.data, one.model, one.scenario)
            == (section.data, section.model, section.scenario)
        )
    }
    found = found or _configured(bench, section)
    return clip("; or ".join(sorted(found)), 300) or NOT_RECORDED


def _configured(bench: Bench, section: BenchSection | None) -> set[str]:
    """The ``training`` tables of the config, of one model or of all."""
    entries = bench.config.get("model", [])
    return {
        plain(entry["training"])
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, dict)
        and entry.get("training")
        and (section is None or section.model in (entry.get("label"), entry.get("name")))
    }

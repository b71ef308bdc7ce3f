"""Why a value is missing from a page, or how to get it."""

RETRAIN = "set [reference] retrain = 1 in the config, or pass retrained= to evaluate()"
RETRAIN_AGAIN = (
    "it takes a second, independent retrain: set [reference] retrain = 2 in the config, or pass "
    "retrained_again= to evaluate()"
)
MISSING = {
    "retrained": f"there was no retrained model to compare with; {RETRAIN}",
    "floor": RETRAIN_AGAIN,
    "gap": "it takes accuracies and a membership attack on forget, retain and test sets",
    "retrain_seconds": f"no retraining was timed; {RETRAIN}",
    "rte": f"it takes the time of a retraining; {RETRAIN}",
    "rte_samples": f"it takes the recipe of a retraining; {RETRAIN}",
    "retrain_recipe": f"there was no retraining; {RETRAIN}",
    "train_seconds": "the original model was not trained in this run",
    "peak_memory_bytes": "it was not measured on this device",
    "samples_read": "the method did not count them",
    "score": (
        "the record holds no value for this model; run expunge evaluate (accuracies and the "
        "attack need a task with class labels)"
    ),
    "scores": "the record holds no scores; run expunge evaluate",
    "distributions": (
        "the record holds no confidences; evaluate() keeps them for tasks with class labels"
    ),
    "per_class": "the record holds no accuracies per class; evaluate() keeps them for classifiers",
    "samples": "no images were kept; pass pictures=True to evaluate()",
    "history": "the method logged no steps of this kind",
    "relearn": ("it was not measured; pass relearn=True to evaluate(), for a task with accuracies"),
    "decisions": "The method made no choice by itself: every setting was given.",
    "name": "none was given to evaluate()",
    "commitment": "pass facts= to evaluate(), or start from a config",
    "fingerprint": "the data set offers none; an ImageSet does",
    "command": "the run was started from Python, not from the command line",
}


def not_known(topic: str) -> str:
    """The line that stands where a value is missing: why, or how to get it."""
    return f"Not known: {MISSING[topic]}."

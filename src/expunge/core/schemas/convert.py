"""Files of the first schemas, read as if they were of today's; no number changes."""

from collections.abc import Callable, Mapping
from typing import Any

Payload = dict[str, Any]

# Classifier scores of the first schema had these fields, all of them always.
_CLASSIFIER = (
    "forget_accuracy", "retain_accuracy", "test_accuracy", "mia",
    "forget_loss", "retain_loss", "test_loss",
)  # fmt: skip
_COST = ("seconds", "samples_read", "peak_memory_bytes")
_UNCHANGED = "nothing was forgotten"


def upgraded(payload: Any) -> Any:
    """What a file holds, in today's schema; anything else comes back as it is."""
    schema = payload.get("schema") if isinstance(payload, Mapping) else None
    convert = _CONVERTERS.get(schema) if isinstance(schema, str) else None
    return convert(dict(payload)) if convert else payload


def _record(old: Payload) -> Payload:
    request = old.pop("request")
    old["schema"] = "expunge.record/2"
    old["request"] = {
        "spec": request["forget"],
        "found": request["size"],
        "commitment": request.get("digest"),
    }
    old["scores"] = {role: _scores(scores) for role, scores in old["scores"].items()}
    if old.get("relearn"):
        curves = old["relearn"]["curves"]
        if "fresh" in curves:
            old["relearn"] = {**old["relearn"], "curves": _renamed(curves, fresh="untrained")}
    old["per_class"] = {
        one["name"]: {
            role: one[role]
            for role in ("original", "unlearned", "retrained")
            if role in one and (role != "retrained" or "retrained" in old["scores"])
        }
        for one in old.get("per_class", [])
    }
    old["generated"] = [_renamed(one, seen="predicted") for one in old.pop("drawings", [])]
    old["generation_probes"] = old.pop("drawing_probes", [])
    old["generation_protocol"] = old.pop("drawing_protocol", {})
    old["warnings"] = [_notice(text) for text in old.get("warnings", [])]
    return old


def _bench(old: Payload) -> Payload:
    old["schema"] = "expunge.bench/2"
    old["results"] = [_result(dict(one)) for one in old["results"]]
    return old


def _result(old: Payload) -> Payload:
    kind, scores, curve = old["kind"], old.get("scores"), old.get("relearn")
    record = _start(old) | {
        "scores": {} if scores is None else {kind: _scores(scores)},
        "per_class": {name: {kind: value} for name, value in old.get("per_class", {}).items()},
        "cka": old.get("cka", {}),
    }
    if curve:
        record["relearn"] = {
            "protocol": {},
            "measured_on": curve["measured_on"],
            "steps": curve["steps"],
            "curves": {kind: curve["accuracy"]},
        }
    place = ("key", "kind", "number", "data", "model", "scenario", "method", "seed", "error")
    return {name: old[name] for name in place if name in old} | {"record": record}


def _words(old: Payload) -> Payload:
    """A bench of the first generator benches, whose scenarios were called words."""
    config = old["config"]
    return {
        "schema": "expunge.bench/2",
        **{name: old[name] for name in ("title", "command", "created", "config", "planned")},
        "order": [entry["label"] for entry in config.get("method", [])],
        "judge": {"name": old["judge"], "accuracy": old.get("judge_accuracy")},
        "results": [_word(dict(one), config["scene"]) for one in old["results"]],
    }


def _word(old: Payload, scene: str) -> Payload:
    kind = old["kind"]
    scores = {
        "forget_accuracy": old.get("target"),
        "synonym_accuracy": old.get("synonyms"),
        "retain_accuracy": old.get("others"),
        **{name: old.get(name) for name in ("fid", "forget_loss", "retain_loss")},
    }
    record = _start(old) | {
        "scores": {} if old.get("error") else {kind: scores},
        "prompts": [_of_role(one, kind) for one in old.get("prompts", [])],
        "generation_probes": [_of_role(one, kind) for one in old.get("probes", [])],
        "generation_protocol": {"guidance": old["guidance"]},
    }
    if old.get("relearn"):
        curves = _renamed(old["relearn"]["curves"], model=kind)
        record["relearn"] = {**old["relearn"], "curves": curves}
    return {
        **{name: old[name] for name in ("key", "kind", "method", "seed", "error") if name in old},
        "data": scene,
        "model": "denoiser",
        "scenario": old["word"],
        "variant": f"guidance {old['guidance']:g}" if kind == "original" else "",
        "record": record,
    }


def _summary(old: Payload) -> Payload:
    old["schema"] = "expunge.summary/2"
    old["records"] = [_record(dict(one)) for one in old["records"]]
    return old


def _start(old: Payload) -> Payload:
    """The part of a record that results of all kinds had."""
    method = {"hyperparameters": old.get("settings", {}), "decisions": old.get("decisions", {})}
    if old["kind"] == "unlearned":
        method["seed"] = old["seed"]
    return {
        "created": old["created"],
        "versions": old["versions"],
        "method": method,
        "cost": {name: old[name] for name in _COST if old.get(name) is not None},
        "warnings": [_notice(text) for text in old.get("warnings", [])],
    }


def _scores(old: Mapping[str, Any]) -> Payload:
    """Without the fields of generators where a classifier had them as null."""
    known = {name: value for name, value in old.items() if value is not None}
    return {**{name: old[name] for name in _CLASSIFIER if name in old}, **known}


def _notice(text: str) -> Payload:
    return {"code": "unchanged" if text.startswith(_UNCHANGED) else "other", "text": text}


def _of_role(one: Mapping[str, Any], role: str) -> Payload:
    return {**one, "recognised": _renamed(one["recognised"], model=role)}


def _renamed(values: Mapping[str, Any], **names: str) -> Payload:
    return {names.get(key, key): value for key, value in values.items()}


_CONVERTERS: dict[str, Callable[[Payload], Payload]] = {
    "expunge.record/1": _record,
    "expunge.bench/1": _bench,
    "expunge.words/1": _words,
    "expunge.summary/1": _summary,
}

"""Every method, with settings under which each of its hyper-parameters matters.

A new method is covered by its line in METHODS and one entry here.
"""

from dataclasses import dataclass, field
from typing import Any

from expunge.methods import METHODS


@dataclass(frozen=True)
class Case:
    """``base``: fast settings. ``other``: another legal value per field, and the fields
    that must be set for it to matter. ``ruin``: settings under which the method diverges;
    None for one that cannot. ``whole_class``: it can forget all of a class only.
    ``denoises``: it is run on a text-conditioned denoiser. ``random``: the seed matters."""

    base: dict[str, Any]
    other: dict[str, dict[str, Any]] = field(default_factory=dict)
    ruin: dict[str, Any] | None = field(default_factory=lambda: {"lr": 1e30})
    whole_class: bool = False
    denoises: bool = False
    random: bool = True


_SGD = {
    "lr": {"lr": 0.02},
    "epochs": {"epochs": 1},
    "batch_size": {"batch_size": 7},
    "momentum": {"momentum": 0.1},
    "weight_decay": {"weight_decay": 0.1},
}
_FAST = {"lr": 0.1, "epochs": 2, "batch_size": 8}

_DENOISE = {"lr": 1e-3, "epochs": 1, "batch_size": 8}
_ADAM = {
    "lr": {"lr": 2e-3},
    "epochs": {"epochs": 2},
    "batch_size": {"batch_size": 7},
    "momentum": {"momentum": 0.1},
    "weight_decay": {"weight_decay": 0.1},
}
_FROM_NOISE = {"start": "noise"}
_ESD = Case(
    {"lr": 1e-3, "steps": 3, "batch_size": 8},
    {
        **{name: value for name, value in _ADAM.items() if name != "epochs"},
        "steps": {"steps": 2},
        "guidance": {"guidance": 3.0},
        "start": _FROM_NOISE,
        "start_guidance": {**_FROM_NOISE, "start_guidance": 1.0},
        "sampling_steps": {**_FROM_NOISE, "sampling_steps": 9},
    },
    denoises=True,
)

CASES: dict[str, Case] = {
    "bad-teacher": Case(
        {**_FAST, "lr": 0.01},
        {
            "lr": {"lr": 0.02},
            "epochs": {"epochs": 1},
            "batch_size": {"batch_size": 7},
            "retain_share": {"retain_share": 0.5},
            "temperature": {"temperature": 3.0},
        },
    ),
    "boundary-expanding": Case(_FAST, _SGD),
    "boundary-shrink": Case(_FAST, {**_SGD, "epsilon": {"epsilon": 5.0}}),
    "fisher": Case(
        {"scale": 1e-4, "samples": 96},
        {
            "scale": {"scale": 1e-3},
            "power": {"power": 0.25},
            "floor": {"floor": 1e-2},
            "group": {"group": 4},
            "samples": {"samples": 32},
        },
        ruin={"scale": 1e38, "power": 10.0},
    ),
    "influence": Case(
        {"batch_size": 8, "samples": 20},
        {
            "scale": {"scale": 0.5},
            "damping": {"damping": 2.0},
            "solver": {"solver": "cg", "damping": 10.0},
            "samples": {"samples": 40},
            "iterations": {"iterations": 1, "solver": "cg", "damping": 10.0},
            "batch_size": {"batch_size": 7},
        },
        ruin={"scale": 1e38, "damping": 1e-30},
    ),
    "ssd": Case(
        {"threshold": 1.1, "samples": 20},
        {
            "threshold": {"threshold": 1.5},
            "strength": {"strength": 0.5},
            "group": {"group": 4},
            "samples": {"samples": 10},
        },
        ruin=None,
    ),
    "delete": Case(_FAST, _SGD),
    "erase-diff": Case(
        _DENOISE,
        {**_ADAM, "inner_steps": {"inner_steps": 2}, "share": {"share": 5.0}},
        denoises=True,
    ),
    "esd-x": _ESD,
    "esd-u": _ESD,
    "selective-amnesia": Case(
        {**_DENOISE, "samples": 8},
        {
            **_ADAM,
            "penalty": {"penalty": 1e4},
            "surrogate": {"surrogate": "other"},
            "samples": {"samples": 16},
            "group": {"group": 4},
        },
        denoises=True,
    ),
    "uce": Case(
        {},
        {
            "erase": {"erase": 2.0},
            "preserve": {"preserve": 0.5},
            "ridge": {"ridge": 2.0},
        },
        ruin=None,
        denoises=True,
        random=False,
    ),
    "fine-tune": Case(_FAST, _SGD),
    "gradient-ascent": Case(_FAST, _SGD),
    "l1-sparse": Case({**_FAST, "penalty": 1e-3}, {**_SGD, "penalty": {"penalty": 0.0}}),
    "l-codec": Case(
        {
            "perturbations": 12,
            "rows": 4,
            "batch_size": 6,
            "damping": 10.0,
            "samples": 20,
            "iterations": 2,
        },
        {
            "perturbations": {"perturbations": 20},
            "noise": {"noise": 1.0},
            "rows": {"rows": 1},
            "batch_size": {"batch_size": 12},
            "scale": {"scale": 2.0},
            "damping": {"damping": 20.0},
            "samples": {"samples": 40},
            "iterations": {"iterations": 1},
        },
        ruin={"scale": 1e38, "damping": 1e-3},
    ),
    "munba": Case({**_FAST, "lr": 0.01}, _SGD),
    "not": Case(_FAST, {**_SGD, "layers": {"layers": 2}}),
    "neg-grad-plus": Case(_FAST, {**_SGD, "retain_weight": {"retain_weight": 0.8}}),
    "random-label": Case(_FAST, {**_SGD, "relabel": {"relabel": "each-pass"}}),
    "salun": Case(
        _FAST,
        {
            **_SGD,
            "share": {"share": 0.2},
            "mask": {"mask": "random"},
            "relabel": {"relabel": "once"},
        },
    ),
    "retrain": Case(
        {"recipe": "quick", "epochs": 2, "lr": 0.1, "batch_size": 8},
        {
            "recipe": {"recipe": "paper"},
            "epochs": {"epochs": 1},
            "lr": {"lr": 0.05},
            "batch_size": {"batch_size": 7},
        },
        ruin={"lr": 1e6},
    ),
    "scissorhands": Case(
        {**_FAST, "constraint": "always", "trim": 0.2, "trim_samples": 16},
        {
            **_SGD,
            "trim": {"trim": "off"},
            "mask": {"mask": "random"},
            "trim_samples": {"trim_samples": 8},
            "forget_share": {"forget_share": 0.25},
            "relative": {"relative": True},
            "saliency": {"saliency": "batch-moduli"},
            "per_layer": {"per_layer": True},
            "trim_filter": {"trim_filter": "weight"},
            "init": {"init": "zeros"},
            "constraint": {"constraint": "off"},
            "forget_weight": {"forget_weight": 0.7},
            "odds_share": {"odds_share": 0.5},
            "project": {"project": False},
            "margin": {"margin": 0.4},
            "ridge": {"ridge": 50.0},
            "cover": {"cover": "bias"},
            "schedule": {"schedule": "constant"},
        },
    ),
    "sfron": Case(
        {**_FAST, "lr": 0.01, "samples": 20},
        {
            **_SGD,
            "alpha": {"alpha": 1.0},
            "forget_every": {"forget_every": 3},
            "weighting": {"weighting": 0.0},
            "threshold": {"threshold": 0.0},
            "max_norm": {"max_norm": 0.01},
            "samples": {"samples": 8},
        },
    ),
    "unsir": Case(
        {"noise_steps": 5, "batch_size": 8},
        {
            "penalty": {"penalty": 0.0},
            "noise_lr": {"noise_lr": 0.5},
            "noise_steps": {"noise_steps": 3},
            "noise_ratio": {"noise_ratio": 0.3},
            "retain_share": {"retain_share": 0.5},
            "impair_lr": {"impair_lr": 0.01},
            "impair_epochs": {"impair_epochs": 2},
            "repair_lr": {"repair_lr": 0.02},
            "repair_epochs": {"repair_epochs": 0.5},
            "batch_size": {"batch_size": 7},
        },
        ruin={"impair_lr": 1e30},
        whole_class=True,
    ),
    "scrub": Case(
        {**_FAST, "max_epochs": 1},
        {
            **_SGD,
            "alpha": {"alpha": 0.1},
            "gamma": {"gamma": 0.5},
            "temperature": {"temperature": 2.0},
            "max_epochs": {"max_epochs": 0},
        },
    ),
}


# Other ways to run a method whose state between steps differs from that of its base.
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "scissorhands-held-out": ("scissorhands", {**_FAST, "constraint": "held-out"}),
    "scissorhands-odds": ("scissorhands", {**_FAST, "constraint": "held-out", "odds_share": 0.5}),
    "scissorhands-ceiling": (
        "scissorhands",
        {**_FAST, "constraint": "ceiling", "trim": 0.2, "trim_samples": 16},
    ),
    "scissorhands-published": (
        "scissorhands",
        {**_FAST, "constraint": "published", "trim": 0.2, "margin": 0.5, "ridge": 1e-3},
    ),
    "scissorhands-random-trim": (
        "scissorhands",
        {**_FAST, "constraint": "off", "trim": 0.2, "trim_samples": 16, "mask": "random"},
    ),
    "random-label-each-pass": ("random-label", {**_FAST, "relabel": "each-pass"}),
    "salun-random-mask": ("salun", {**_FAST, "mask": "random"}),
    "salun-still-layers": ("salun", {**_FAST, "share": 0.01}),
    "scissorhands-defaults": ("scissorhands", {}),
    "scrub-alternating": ("scrub", {**_FAST, "lr": 0.01, "epochs": 2.5, "max_epochs": 3}),
    "influence-cg": ("influence", {"solver": "cg", "damping": 10.0, "iterations": 3}),
    "sfron-defaults": ("sfron", {"lr": 1e-3}),
    "unsir-part": ("unsir", {"noise_steps": 3, "retain_share": 0.5, "repair_epochs": 2}),
    "l-codec-samples": (
        "l-codec",
        {"perturbations": 5, "rows": 2, "damping": 10.0, "samples": 10, "iterations": 1},
    ),
    "ssd-groups": ("ssd", {"threshold": 1.1, "group": 4, "samples": None}),
}


def test_every_method_has_a_case():
    assert CASES.keys() == METHODS.keys()

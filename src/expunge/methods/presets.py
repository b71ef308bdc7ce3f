"""Settings of published code, as plain tables (facts; see docs/reproducing.md)."""

from typing import Any

from ..core.checks import check_choice
from ..core.errors import InputError

# What is forgotten, in the order of the tuples below: a share, or one whole class.
_CASES: dict[str, tuple[float | str, ...]] = {
    "cifar10": (0.1, 0.2, 0.5),
    "cifar100": (0.1, 0.2, 0.5),
    "svhn": (0.1, 0.2, "class"),
    "faces": (0.1,),
}

# By method and data set; a tuple holds one value for each of the cases above. From the public
# code of Wu & Harandi, for ResNet-18 (faces: ResNet-34).
_BOUNDARY: dict[str, dict[str, Any]] = {
    "cifar10": {"lr": (1e-6, 1e-6, 5e-6), "epochs": 10},
    "cifar100": {"lr": (1e-6, 1e-6, 1e-5), "epochs": 10},
    "svhn": {"lr": 1e-6, "epochs": 10},
    "faces": {"lr": 1e-5, "epochs": 5},
}
_FINE_TUNE = {"lr": 1e-2, "epochs": 10}
_TABLES: dict[str, dict[str, dict[str, Any]]] = {
    "retrain": {
        "cifar10": {"epochs": 160},
        "cifar100": {"epochs": 160},
        "svhn": {"epochs": 50},
        "faces": {"lr": 1e-3, "epochs": 10},
    },
    "fine-tune": {
        "cifar10": _FINE_TUNE,
        "cifar100": _FINE_TUNE,
        "svhn": _FINE_TUNE,
        "faces": {"lr": 1e-4, "epochs": 5},
    },
    "gradient-ascent": {
        "cifar10": {"lr": 1e-4, "epochs": 5},
        "cifar100": {"lr": 1e-4, "epochs": (5, 5, 10)},
        "svhn": {"lr": 1e-4, "epochs": 5},
        "faces": {"lr": 1e-4, "epochs": 3},
    },
    "influence": {
        "cifar10": {"scale": 10.0},
        "cifar100": {"scale": (20.0, 5.0, 2.0)},
        "svhn": {"scale": (15.0, 5.0, 2.0)},
        "faces": {"scale": 5.0},
    },
    "boundary-shrink": _BOUNDARY,
    "boundary-expanding": _BOUNDARY,
    "l1-sparse": {
        "cifar10": {"penalty": 1e-4, **_FINE_TUNE},
        "cifar100": {"penalty": (1e-4, 1e-4, 2e-4), **_FINE_TUNE},
        "svhn": {"penalty": 1e-4, **_FINE_TUNE},
        "faces": {"penalty": 1e-3, "lr": 1e-3, "epochs": 3},
    },
    "salun": {
        "cifar10": {"lr": (5e-3, 5e-3, 5e-2), "share": (0.5, 0.4, 0.2), "epochs": 10},
        "cifar100": {"lr": (5e-3, 5e-3, 1e-2), "share": 0.5, "epochs": 10},
        "svhn": {"lr": (5e-3, 5e-3, 5e-2), "share": 0.5, "epochs": 10},
        "faces": {"lr": 3e-3, "share": 0.5, "epochs": 5},
    },
    "scissorhands": {
        "cifar10": {
            "lr": (5e-3, 4e-3, 1e-3),
            "trim": (0.03, 0.01, 0.03),
            "forget_weight": (0.05, 0.01, 0.01),
            "epochs": 10,
        },
        "cifar100": {
            "lr": (5e-3, 5e-3, 1e-3),
            "trim": (0.01, 0.01, 0.10),
            "forget_weight": (1.0, 1.0, 0.01),
            "epochs": 10,
        },
        "svhn": {
            "lr": 1e-3,
            "trim": 0.10,
            "forget_weight": (0.01, 0.01, 0.1),
            "epochs": 10,
        },
        "faces": {"lr": 2e-4, "trim": 0.005, "forget_weight": 0.3, "epochs": 5},
    },
}
_LATE = {
    "cifar10": "layer3|layer4|fc",
    "svhn": "layer3|layer4|fc",
    "cifar100": "layer4|fc",
    "faces": "layer4|fc",
}


def published_settings(method: str, setting: str, fraction: float | str) -> dict[str, Any]:
    """Fields of a method as the code published with Scissorhands sets them.

    Args:
        method: Name of the method, e.g. ``"fine-tune"``.
        setting: ``"cifar10"``, ``"cifar100"``, ``"svhn"`` or ``"faces"``.
        fraction: Share of the training data that is forgotten (0.1, 0.2 or 0.5), or
            ``"class"`` where it is one class (SVHN).

    Raises:
        InputError: If there are no published settings for that case.
    """
    check_choice(_CASES, setting=setting)
    cases = _CASES[setting]
    if fraction not in cases:
        known = ", ".join(str(case) for case in cases)
        raise InputError(f"expected fraction for {setting} to be one of {known}, got {fraction!r}")
    place = cases.index(fraction)
    fields = {
        name: value[place] if isinstance(value, tuple) else value
        for name, value in _TABLES[method][setting].items()
    }
    if method != "influence":  # whose batches only decide how much memory is used
        fields["batch_size"] = 8 if setting == "faces" else 256
    return fields


def published_scissorhands(setting: str, fraction: float | str) -> dict[str, Any]:
    """Fields of ``Scissorhands`` as the authors' code sets them for torchvision's ResNets.

    Their filter for BatchNorm lets the ones in ``downsample`` through, which then get
    random scales: a slip that is not repeated here.

    Raises:
        InputError: If there are no published settings for that case.
    """
    fields = published_settings("scissorhands", setting, fraction)
    late = _LATE[setting]
    return fields | {
        "saliency": "batch-moduli",
        "relative": False,
        "trim_filter": rf"^(?!.*(bn|downsample\.1))({late})",
        "init": "uniform",
        "constraint": "published",
        "cover": f"^({late})",
        "margin": 0.5,
        "ridge": 1e-3,
        "schedule": "constant",
    }

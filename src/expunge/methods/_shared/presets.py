"""Settings of published code, as plain tables (facts; see docs/reproducing.md)."""

from typing import Any, ClassVar, Self

from ...core.checks import check_choice
from ...core.errors import InputError

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
        "cifar10": {"recipe": "paper", "epochs": 160},
        "cifar100": {"recipe": "paper", "epochs": 160},
        "svhn": {"recipe": "paper", "epochs": 50},
        "faces": {"recipe": "paper", "lr": 1e-3, "epochs": 10},
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


class Published:
    """A method for which Wu & Harandi (2024) published settings, in the paper's own tables."""

    name: ClassVar[str]

    @classmethod
    def published(cls, setting: str, fraction: float | str = 0.1, **changes: Any) -> Self:
        """The settings of the authors' public code, for ResNet-18 (ResNet-34 for faces).

        The scale of ``influence`` belongs to a recursion that collapses onto one gradient and
        was not built here, so results published with it cannot be expected.

        Args:
            setting: ``"cifar10"``, ``"cifar100"``, ``"svhn"`` or ``"faces"``.
            fraction: Share of the training data that is forgotten (0.1, 0.2, 0.5), or
                ``"class"`` for one class (SVHN).
            **changes: Fields to replace, e.g. ``trim_filter`` for a net with other names.

        Raises:
            InputError: If nothing is published for that case.
        """
        return cls(**{**_settings(cls.name, setting, fraction), **changes})


def _settings(method: str, setting: str, fraction: float | str) -> dict[str, Any]:
    check_choice(_CASES, setting=setting)
    cases = _CASES[setting]
    if fraction not in cases:
        known = ", ".join(str(case) for case in cases)
        raise InputError(f"expected fraction for {setting} to be one of {known}, got {fraction!r}")
    index = cases.index(fraction)
    fields = {
        name: value[index] if isinstance(value, tuple) else value
        for name, value in _TABLES[method][setting].items()
    }
    if method != "influence":  # whose batches only decide how much memory is used
        fields["batch_size"] = 8 if setting == "faces" else 256
    return fields | (_reading(setting) if method == "scissorhands" else {})


def _reading(setting: str) -> dict[str, Any]:
    """How the authors' code reads the paper, for the names of torchvision's ResNets.

    Their filter for BatchNorm lets the ones in ``downsample`` through, which then get
    random scales: a slip that is not repeated here.
    """
    late = _LATE[setting]
    return {
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

"""Settings of published code, as plain tables (facts; see docs/reproducing.md)."""

from typing import Any

from ..core.errors import InputError

# (lr, k, lambda, epochs) by data set and share forgotten. Wu & Harandi's public code.
_SCISSORHANDS: dict[str, dict[float | str, tuple[float, float, float, int]]] = {
    "cifar10": {
        0.1: (5e-3, 0.03, 0.05, 10),
        0.2: (4e-3, 0.01, 0.01, 10),
        0.5: (1e-3, 0.03, 0.01, 10),
    },
    "cifar100": {
        0.1: (5e-3, 0.01, 1.0, 10),
        0.2: (5e-3, 0.01, 1.0, 10),
        0.5: (1e-3, 0.10, 0.01, 10),
    },
    "svhn": {
        0.1: (1e-3, 0.10, 0.01, 10),
        0.2: (1e-3, 0.10, 0.01, 10),
        "class": (1e-3, 0.10, 0.1, 10),
    },
    "faces": {0.1: (2e-4, 0.005, 0.3, 5)},
}
_LATE = {
    "cifar10": "layer3|layer4|fc",
    "svhn": "layer3|layer4|fc",
    "cifar100": "layer4|fc",
    "faces": "layer4|fc",
}


def published_scissorhands(setting: str, fraction: float | str) -> dict[str, Any]:
    """Fields of ``Scissorhands`` as the authors' code sets them for torchvision's ResNets.

    Their filter for BatchNorm lets the ones in ``downsample`` through, which then get
    random scales: a slip that is not repeated here.

    Raises:
        InputError: If there are no published settings for that case.
    """
    if setting not in _SCISSORHANDS:
        raise InputError(
            f"expected setting to be one of {', '.join(_SCISSORHANDS)}, got {setting!r}"
        )
    if fraction not in _SCISSORHANDS[setting]:
        known = ", ".join(str(case) for case in _SCISSORHANDS[setting])
        raise InputError(f"expected fraction for {setting} to be one of {known}, got {fraction!r}")
    lr, trim, forget_weight, epochs = _SCISSORHANDS[setting][fraction]
    late = _LATE[setting]
    return {
        "trim": trim,
        "saliency": "batch-moduli",
        "relative": False,
        "trim_filter": rf"^(?!.*(bn|downsample\.1))({late})",
        "init": "uniform",
        "constraint": "published",
        "cover": f"^({late})",
        "forget_weight": forget_weight,
        "margin": 0.5,
        "ridge": 1e-3,
        "lr": lr,
        "epochs": epochs,
        "batch_size": 8 if setting == "faces" else 256,
        "schedule": "constant",
    }

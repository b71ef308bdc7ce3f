"""Numbers as people read them; an unknown one is None here and words in the page."""

import json
import math
from datetime import UTC, datetime
from typing import Any

MINUS = "\u2212"
_LONGEST = 400


def known(value: Any) -> float | None:
    """A finite number, or None for null, NaN, infinities and what is no number."""
    if isinstance(value, bool):
        return float(value)
    if not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def count(value: float) -> str:
    """``1234567`` -> ``1,234,567``."""
    return f"{value:,.0f}".replace("-", MINUS)


def plural(value: int, one: str, many: str | None = None) -> str:
    """``1 step``, ``2 steps``."""
    return f"{count(value)} {one if value == 1 else many or one + 's'}"


def number(value: float, digits: int = 2) -> str:
    """Fixed decimals with a real minus sign; scientific where those would show nothing."""
    if value and abs(value) < 0.5 * 10**-digits:
        return f"{value:.1e}".replace("-", MINUS)
    return f"{value:,.{digits}f}".replace("-", MINUS)


def percent(value: float, digits: int = 1) -> str:
    """``91.23`` -> ``91.2 %`` (the value is in 0-100 already)."""
    return f"{fixed(value, digits)}\u00a0%"


def fixed(value: float, digits: int) -> str:
    """Fixed decimals, never ``-0.0``."""
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", MINUS)


def signed(value: float, digits: int = 1) -> str:
    """``+0.6``, ``\u22121.2``, or ``0.0`` without a sign."""
    text = fixed(value, digits)
    return text if text.startswith(MINUS) or float(text) == 0 else f"+{text}"


def share(part: float, whole: float) -> str:
    """``4500`` of ``45000`` -> ``10.0 %``; small shares keep a digit that is not 0."""
    value = 100 * part / whole
    digits = 1 if value >= 0.05 or not value else 3
    return percent(value, digits)


def seconds(value: float) -> str:
    """``0.34 s``, ``57 s``, ``8 min 21 s``, ``2 h 05 min``."""
    if value < 10:
        return f"{value:.2f}\u00a0s"
    whole = round(value)
    if whole < 60:
        return f"{whole}\u00a0s"
    if whole < 3600:
        return f"{whole // 60}\u00a0min {whole % 60:02d}\u00a0s"
    minutes = round(value / 60)
    return f"{minutes // 60}\u00a0h {minutes % 60:02d}\u00a0min"


def size(value: float) -> str:
    """Bytes in the largest fitting binary unit: ``512 B``, ``1.5 GiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def moment(text: str) -> str:
    """An ISO time as ``23 November 2025, 21:20 UTC``; anything else as it stands."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return text
    zone = " UTC" if when.tzinfo else ""
    when = when.astimezone(UTC) if when.tzinfo else when
    return f"{when.day} {when:%B %Y, %H:%M}{zone}"


def plain(value: Any) -> str:
    """Any value of a record as one short line of text."""
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    if isinstance(value, str):
        return clip(value)
    if isinstance(value, float):
        return f"{value:g}".replace("-", MINUS) if math.isfinite(value) else "not a finite number"
    if isinstance(value, list | tuple) and all(isinstance(v, str | int | float) for v in value):
        return clip(", ".join(plain(v) for v in value)) or "none"
    if isinstance(value, dict):
        return clip(", ".join(f"{key} = {plain(v)}" for key, v in value.items())) or "none"
    return clip(json.dumps(value, default=str))


def sentence(text: str) -> str:
    """With a capital at the start and a full stop at the end."""
    text = text.strip()
    end = "" if text.endswith((".", "!", "?", "\u2026")) else "."
    return f"{text[:1].upper()}{text[1:]}{end}" if text else ""


def clip(text: str, longest: int = _LONGEST) -> str:
    """Cut text that would swamp the page; the record keeps all of it."""
    return text if len(text) <= longest else text[: longest - 1] + "\u2026"

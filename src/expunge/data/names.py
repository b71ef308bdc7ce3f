"""Cells of tables as names: ids, persons, and the like."""

import math
import re
from typing import Any

# Longer numbers than any key; without a limit Python refuses to read the longest.
_WHOLE = re.compile(r"(0|[1-9]\d{0,17})(\.0+)?")


def whole_number(text: str) -> str | None:
    """``"3"`` for ``"3"`` and ``"3.0"``, as joins of tables leave them; None for other texts."""
    found = _WHOLE.fullmatch(text)
    return found[1] if found else None


def text_of_name(cell: Any) -> str | None:
    """A cell as a name, whole numbers without a point; None where it cannot be one."""
    if isinstance(cell, str):
        return cell.strip() or None
    if isinstance(cell, bool) or cell is None or isinstance(cell, list | dict | bytes):
        return None
    if isinstance(cell, float) and not math.isfinite(cell):
        return None
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip() or None

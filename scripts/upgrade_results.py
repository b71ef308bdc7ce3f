"""Rewrites result files of an older schema in today's; numbers stay as they are.

python scripts/upgrade_results.py results/*.json results/*/*.json
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from expunge.core import Record
from expunge.core.schemas.convert import upgraded
from expunge.core.schemas.results import Bench
from expunge.core.storage.files import write_whole


def main(paths: Sequence[str]) -> int:
    """Upgrade files in place; prints those that were changed."""
    for path in map(Path, paths):
        old = json.loads(path.read_text(encoding="utf-8"))
        new = upgraded(old)
        if new.get("schema") == old.get("schema"):
            continue
        write_whole(path, _text(new))
        print(f"{path}: {new['schema']}")
    return 0


def _text(payload: dict[str, object]) -> str:
    schema = str(payload["schema"])
    if schema.startswith("expunge.bench/"):
        return Bench.model_validate(payload).to_json()
    if schema.startswith("expunge.record/"):
        return Record.model_validate(payload).to_json()
    return json.dumps(payload, indent=1, allow_nan=False) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

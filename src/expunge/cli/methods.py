"""``expunge methods``."""

import inspect

import expunge

from .shared import show
from .shared.options import Json

NEEDS_ARGUMENTS = False


def command(json: Json = False) -> None:
    """List the unlearning methods: what they read, what they do, where they come from.

    Example: expunge methods --json
    """
    found = [
        {
            "name": name,
            "summary": (inspect.getdoc(method) or "").splitlines()[0],
            "reads": sorted(str(split) for split in method.reads),
            "reference": (
                f"{method.reference.authors}, {method.reference.venue} {method.reference.year}"
            ),
            "url": method.reference.url,
        }
        for name, method in expunge.METHODS.items()
    ]
    if json:
        show.as_json(found)
    else:
        rows = [
            [str(one["name"]), ", ".join(one["reads"]), str(one["summary"]), str(one["reference"])]
            for one in found
        ]
        show.table(rows, ["method", "reads", "what it does", "reference"], numbers=False)

"""What can go wrong, sorted by whose fault it is.

``InputError`` and its kin mean that a request cannot be carried out as it stands
(exit code 2); ``GuardError`` means that it was carried out and the outcome was refused
(exit code 1).
"""


class ExpungeError(Exception):
    """Base of every error that the library raises on purpose."""

    exit_code = 1


class InputError(ExpungeError, ValueError):
    """The request cannot be carried out as it stands; nothing was written."""

    exit_code = 2


class ConfigError(InputError):
    """One or several keys of a config are wrong; ``problems`` lists all of them."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class DataError(InputError):
    """A data set, an image, a label or an id is not what it should be."""


class SampleError(DataError):
    """A sample of a batch cannot be used; ``row`` is its place there, from 0."""

    def __init__(self, row: int, problem: str) -> None:
        self.row = row
        super().__init__(f"{problem} (row {row} of a batch)")
        self.problem = problem


class ModelError(InputError):
    """A model or its weights cannot be built, read, or used for this data."""


class ResourceError(InputError):
    """Memory, disk or leave to write ran out in mid-run; checkpoints of the run stay."""


class GuardError(ExpungeError):
    """The method ran, and its result was refused; the original model is untouched."""

"""Many runs side by side: every method on the same data, seeds and budget."""

from .result import Bench as Bench
from .result import Result as Result

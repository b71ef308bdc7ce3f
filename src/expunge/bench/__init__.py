"""Many runs side by side: every method on the same data, seeds and budget."""

from ..core.schemas.results import Bench as Bench
from ..core.schemas.results import Result as Result
from ..runs.store import Store as Store
from .config import Plan as Plan
from .config import load_bench as load_bench
from .config import parse_bench as parse_bench
from .run import Outcome as Outcome
from .run import run_bench as run_bench
from .words import WordBench as WordBench
from .words import is_word_bench as is_word_bench
from .words import load_word_bench as load_word_bench
from .words import run_word_bench as run_word_bench

"""Many runs side by side: every method on the same data, seeds and budget."""

from .config import Plan as Plan
from .config import load_bench as load_bench
from .config import parse_bench as parse_bench
from .result import Bench as Bench
from .result import Result as Result
from .run import Outcome as Outcome
from .run import run_bench as run_bench
from .store import Store as Store
from .words import WordBench as WordBench
from .words import is_word_bench as is_word_bench
from .words import load_word_bench as load_word_bench
from .words import run_word_bench as run_word_bench

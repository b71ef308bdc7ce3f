"""A bench of methods that make a text-to-image model forget one word after the other."""

from .config import WordPlan as WordPlan
from .config import is_word_bench as is_word_bench
from .config import load_word_bench as load_word_bench
from .result import WordBench as WordBench
from .run import run_word_bench as run_word_bench

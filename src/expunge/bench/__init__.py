"""Many runs side by side: every method on the same data, seeds and budget."""

from ..core.schemas.results import Bench as Bench
from ..core.schemas.results import Result as Result
from ..runs.store import Store as Store
from .forecast import forecast_bench as forecast_bench
from .grid import BenchPlan as BenchPlan
from .load import load_bench as load_bench
from .load import parse_bench as parse_bench
from .run import Outcome as Outcome
from .run import run_bench as run_bench

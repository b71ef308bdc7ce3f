"""From a config to a finished run on disk."""

from .check import check_run as check_run
from .demonstration import demo as demo
from .demonstration import demo_config as demo_config
from .demonstration import text_to_image_demo as text_to_image_demo
from .erasure import erase as erase
from .explanation import explain as explain
from .forecasts import forecast as forecast
from .manifest import verify_folder as verify_folder
from .memorisation import measure_memorisation as measure_memorisation
from .prepare import load as load
from .prepare import prepare as prepare
from .purge import holders as holders
from .purge import purge as purge
from .score import evaluate_weights as evaluate_weights
from .seeds import run_seeds as run_seeds
from .unlearn import run_unlearn as run_unlearn

"""Machine unlearning for PyTorch: Scissorhands, its rivals, and audits.

Names are imported when they are first used, so that ``import expunge`` is quick and needs
none of the optional packages.
"""

import warnings as _warnings
from importlib import import_module as _import_module
from typing import TYPE_CHECKING, Any

from .version import __version__ as __version__

if TYPE_CHECKING:
    from .bench import Bench as Bench
    from .bench import forecast_bench as forecast_bench
    from .bench import load_bench as load_bench
    from .bench import run_bench as run_bench
    from .config import Config as Config
    from .config import EraseConfig as EraseConfig
    from .config import load_config as load_config
    from .config import load_erase as load_erase
    from .config import wordings as wordings
    from .core import ConfigError as ConfigError
    from .core import DataError as DataError
    from .core import ExpungeError as ExpungeError
    from .core import ForgetSpec as ForgetSpec
    from .core import Guard as Guard
    from .core import GuardError as GuardError
    from .core import InputError as InputError
    from .core import Method as Method
    from .core import ModelError as ModelError
    from .core import Record as Record
    from .core import Reference as Reference
    from .core import Run as Run
    from .core import Split as Split
    from .core import Task as Task
    from .core import Unlearned as Unlearned
    from .core import UnlearningData as UnlearningData
    from .core import unlearn as unlearn
    from .data import AnswerSet as AnswerSet
    from .data import Biographies as Biographies
    from .data import Bundle as Bundle
    from .data import Canaries as Canaries
    from .data import ImageSet as ImageSet
    from .data import LatentSet as LatentSet
    from .data import decode_latents as decode_latents
    from .data import encode_answers as encode_answers
    from .data import encode_images as encode_images
    from .data import load_prompts as load_prompts
    from .data import load_source as load_source
    from .data import make_biographies as make_biographies
    from .data import plant_canaries as plant_canaries
    from .data import read_answers as read_answers
    from .data import select_forget as select_forget
    from .evaluation import Facts as Facts
    from .evaluation import GenerationPlan as GenerationPlan
    from .evaluation import GeneratorRelearning as GeneratorRelearning
    from .evaluation import ImageJudge as ImageJudge
    from .evaluation import Prompt as Prompt
    from .evaluation import count_exposed as count_exposed
    from .evaluation import evaluate as evaluate
    from .evaluation import evaluate_generator as evaluate_generator
    from .evaluation import generate as generate
    from .evaluation import grad_cam as grad_cam
    from .evaluation import probe_generator as probe_generator
    from .evaluation import relearn_generator as relearn_generator
    from .methods import DELETE as DELETE
    from .methods import ESDU as ESDU
    from .methods import ESDX as ESDX
    from .methods import LCODEC as LCODEC
    from .methods import METHODS as METHODS
    from .methods import SCRUB as SCRUB
    from .methods import SSD as SSD
    from .methods import UCE as UCE
    from .methods import UNSIR as UNSIR
    from .methods import BadTeacher as BadTeacher
    from .methods import BoundaryExpanding as BoundaryExpanding
    from .methods import BoundaryShrink as BoundaryShrink
    from .methods import EraseDiff as EraseDiff
    from .methods import FineTune as FineTune
    from .methods import FisherForgetting as FisherForgetting
    from .methods import GradientAscent as GradientAscent
    from .methods import InfluenceUnlearning as InfluenceUnlearning
    from .methods import L1Sparse as L1Sparse
    from .methods import MUNBa as MUNBa
    from .methods import NegGradPlus as NegGradPlus
    from .methods import NoT as NoT
    from .methods import RandomLabel as RandomLabel
    from .methods import Retrain as Retrain
    from .methods import SalUn as SalUn
    from .methods import Scissorhands as Scissorhands
    from .methods import SelectiveAmnesia as SelectiveAmnesia
    from .methods import SFRon as SFRon
    from .models import build_language_model as build_language_model
    from .models import build_network as build_network
    from .models import build_word_tokenizer as build_word_tokenizer
    from .models import load_language_model as load_language_model
    from .models import load_pipeline as load_pipeline
    from .models import load_weights as load_weights
    from .models import save_single_file as save_single_file
    from .models import save_weights as save_weights
    from .reporting import report as report
    from .reporting import tracking as tracking
    from .runs import check_run as check_run
    from .runs import demo as demo
    from .runs import demo_config as demo_config
    from .runs import erase as erase
    from .runs import evaluate_weights as evaluate_weights
    from .runs import explain as explain
    from .runs import forecast as forecast
    from .runs import holders as holders
    from .runs import measure_memorisation as measure_memorisation
    from .runs import purge as purge
    from .runs import run_seeds as run_seeds
    from .runs import run_unlearn as run_unlearn
    from .runs import text_to_image_demo as text_to_image_demo
    from .runs import verify_folder as verify_folder
    from .tasks import CausalLM as CausalLM
    from .tasks import Classification as Classification
    from .tasks import Denoising as Denoising
    from .tasks import Noising as Noising
    from .tasks import Regression as Regression
    from .tasks import denoiser_of as denoiser_of
    from .tasks import text_to_image as text_to_image
    from .tasks import with_denoiser as with_denoiser
    from .tasks.diffusion.pixel_pipelines import ClassPipeline as ClassPipeline
    from .tasks.diffusion.pixel_pipelines import PixelPipeline as PixelPipeline
    from .training import RECIPES as RECIPES
    from .training import Recipe as Recipe
    from .training import Sisa as Sisa
    from .training import SisaUnlearned as SisaUnlearned
    from .training import load_sisa as load_sisa
    from .training import make_recipe as make_recipe
    from .training import train as train
    from .training import train_sisa as train_sisa
    from .training import unlearn_sisa as unlearn_sisa

_HOMES = {
    "bench": "Bench forecast_bench load_bench run_bench",
    "config": "Config EraseConfig load_config load_erase wordings",
    "core": (
        "ConfigError DataError ExpungeError Guard GuardError InputError Method ModelError "
        "ForgetSpec Record Reference Run Split Task Unlearned UnlearningData unlearn"
    ),
    "data": (
        "AnswerSet Biographies Bundle Canaries ImageSet LatentSet decode_latents encode_answers "
        "encode_images load_prompts load_source make_biographies plant_canaries read_answers "
        "select_forget"
    ),
    "evaluation": (
        "GenerationPlan GeneratorRelearning Facts ImageJudge Prompt count_exposed evaluate "
        "evaluate_generator generate grad_cam probe_generator relearn_generator"
    ),
    "methods": (
        "METHODS BadTeacher BoundaryExpanding BoundaryShrink DELETE ESDU ESDX EraseDiff FineTune "
        "FisherForgetting GradientAscent InfluenceUnlearning L1Sparse LCODEC MUNBa NegGradPlus "
        "NoT RandomLabel Retrain SCRUB SFRon SSD SalUn Scissorhands SelectiveAmnesia UCE UNSIR"
    ),
    "reporting": "report tracking",
    "models": (
        "build_language_model build_network build_word_tokenizer load_language_model load_pipeline "
        "load_weights save_single_file save_weights"
    ),
    "tasks": (
        "CausalLM Classification Denoising Noising Regression denoiser_of text_to_image "
        "with_denoiser"
    ),
    "tasks.diffusion.pixel_pipelines": "ClassPipeline PixelPipeline",
    "training": (
        "RECIPES Recipe Sisa SisaUnlearned load_sisa make_recipe train train_sisa unlearn_sisa"
    ),
    "runs": (
        "check_run demo demo_config erase evaluate_weights explain measure_memorisation run_seeds "
        "forecast holders purge run_unlearn text_to_image_demo verify_folder"
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}


_RENAMED = {
    "DrawingPlan": "GenerationPlan",
    "DrawnRelearning": "GeneratorRelearning",
    "WordBench": "Bench",
    "build_net": "build_network",
    "draw": "generate",
    "evaluate_drawings": "evaluate_generator",
    "load_word_bench": "load_bench",
    "probe_drawings": "probe_generator",
    "relearn_drawings": "relearn_generator",
    "run_word_bench": "run_bench",
}
"""Former names by their successors; they work until the next minor release."""


def __getattr__(name: str) -> Any:
    if name in _RENAMED:
        _warnings.warn(
            f"expunge.{name} is called expunge.{_RENAMED[name]} now; the former name goes with "
            "the next minor release",
            DeprecationWarning,
            stacklevel=2,
        )
        name = _RENAMED[name]
    if name not in _HOME_OF:
        raise AttributeError(f"module 'expunge' has no attribute {name!r}")
    value = getattr(_import_module(f".{_HOME_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})

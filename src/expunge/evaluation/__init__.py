"""How well a run did: scores, relearn curves, a verdict, and the record of it all."""

from .evaluate import evaluate as evaluate
from .facts import Facts as Facts
from .generation.compare import evaluate_generator as evaluate_generator
from .generation.exposure import count_exposed as count_exposed
from .generation.judge import ImageJudge as ImageJudge
from .generation.judge import Predictions as Predictions
from .generation.probes import GeneratorRelearning as GeneratorRelearning
from .generation.probes import probe_generator as probe_generator
from .generation.probes import relearn_generator as relearn_generator
from .generation.sampling import GenerationPlan as GenerationPlan
from .generation.sampling import Prompt as Prompt
from .generation.sampling import generate as generate
from .generation.score import score_generator as score_generator
from .generation.verdict import judge_generated as judge_generated
from .grad_cam import grad_cam as grad_cam
from .relearn import UNTIL_RELEARNT as UNTIL_RELEARNT
from .relearn import Relearning as Relearning
from .relearn import relearn_curve as relearn_curve
from .relearn import relearn_curves as relearn_curves
from .relearn import relearn_times as relearn_times
from .representation import default_layers as default_layers
from .representation import layer_cka as layer_cka
from .score import score_model as score_model
from .score import score_sets as score_sets
from .verdict import NOT_A_PROOF as NOT_A_PROOF
from .verdict import judge as judge

"""How well a run did: scores, relearn curves, a verdict, and the record of it all."""

from .drawing import DrawingPlan as DrawingPlan
from .drawing import Prompt as Prompt
from .drawing import draw as draw
from .drawing import evaluate_drawings as evaluate_drawings
from .evaluate import evaluate as evaluate
from .grad_cam import grad_cam as grad_cam
from .image_judge import ImageJudge as ImageJudge
from .image_judge import Seen as Seen
from .look import Look as Look
from .look import look_at_drawings as look_at_drawings
from .relearn import UNTIL_RELEARNT as UNTIL_RELEARNT
from .relearn import Relearning as Relearning
from .relearn import relearn_curve as relearn_curve
from .relearn import relearn_curves as relearn_curves
from .relearn import relearn_times as relearn_times
from .representation import default_layers as default_layers
from .representation import layer_cka as layer_cka
from .score import SetScores as SetScores
from .score import score_model as score_model
from .score import score_sets as score_sets
from .score import summarise as summarise
from .verdict import NOT_A_PROOF as NOT_A_PROOF
from .verdict import judge as judge
from .verdict_on_drawings import judge_drawings as judge_drawings

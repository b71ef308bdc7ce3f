"""Pure functions of per-sample scores; ``METRICS`` says what each value means."""

from ..core.plugins import plugins as _plugins
from .accuracy import accuracy as accuracy
from .canary import canary_memorisation as canary_memorisation
from .canary import canary_recovery as canary_recovery
from .cka import linear_cka as linear_cka
from .cost import run_time_efficiency as run_time_efficiency
from .exposure import ExposureDetector as ExposureDetector
from .frechet import frechet_distance as frechet_distance
from .gap import GAP_FIELDS as GAP_FIELDS
from .gap import GENERATOR_GAP as GENERATOR_GAP
from .gap import average_gap as average_gap
from .gap import mean_scores as mean_scores
from .histogram import confidence_edges as confidence_edges
from .histogram import histogram as histogram
from .histogram import loss_edges as loss_edges
from .membership.svc import membership_svc as membership_svc
from .memorisation import memorisation_scores as memorisation_scores
from .published_scores import clip_score as clip_score
from .published_scores import inception_fid as inception_fid
from .registry import METRICS as METRICS
from .registry import Metric as Metric
from .registry import distance as distance
from .registry import metric_problem as _problem
from .registry import summarise as summarise
from .relearn_time import relearn_time as relearn_time
from .set_scores import SetScores as SetScores
from .tow import TOW_FIELDS as TOW_FIELDS
from .tow import tug_of_war as tug_of_war

METRICS.update(_plugins("metric", METRICS, _problem))  # those of other packages

"""Pure functions of tensors: no files, no loops over epochs, no global state."""

from .frozen_stats import frozen_statistics as frozen_statistics
from .masked_step import MaskedStep as MaskedStep
from .masked_step import freeze_masked as freeze_masked
from .projection import Projected as Projected
from .projection import inner as inner
from .projection import project as project
from .projection import project_ as project_
from .projection import project_many as project_many
from .projection import squared_norm as squared_norm
from .reinit import SCHEMES as SCHEMES
from .reinit import Scheme as Scheme
from .reinit import fresh_values as fresh_values
from .reinit import reinitialise as reinitialise
from .reinit import reset_model as reset_model
from .saliency import VARIANTS as VARIANTS
from .saliency import Variant as Variant
from .saliency import connection_sensitivity as connection_sensitivity
from .saliency import relative as relative
from .saliency import select_parameters as select_parameters
from .topk import top_share as top_share

"""Every method by its command-line name. Add one line here per new file."""

from ..core.method import Method
from ..core.method import method_problem as _problem
from ..core.plugins import plugins as _plugins
from .bad_teacher import BadTeacher as BadTeacher
from .boundary_expanding import BoundaryExpanding as BoundaryExpanding
from .boundary_shrink import BoundaryShrink as BoundaryShrink
from .delete import DELETE as DELETE
from .diffusion.erase_diff import EraseDiff as EraseDiff
from .diffusion.esd import ESDU as ESDU
from .diffusion.esd import ESDX as ESDX
from .diffusion.selective_amnesia import SelectiveAmnesia as SelectiveAmnesia
from .diffusion.uce import UCE as UCE
from .fine_tune import FineTune as FineTune
from .fisher_forgetting import FisherForgetting as FisherForgetting
from .gradient_ascent import GradientAscent as GradientAscent
from .influence import InfluenceUnlearning as InfluenceUnlearning
from .l1_sparse import L1Sparse as L1Sparse
from .l_codec import LCODEC as LCODEC
from .munba import MUNBa as MUNBa
from .neg_grad_plus import NegGradPlus as NegGradPlus
from .negation import NoT as NoT
from .random_label import RandomLabel as RandomLabel
from .retrain import Retrain as Retrain
from .salun import SalUn as SalUn
from .scissorhands.method import Scissorhands as Scissorhands
from .scrub import SCRUB as SCRUB
from .sfron import SFRon as SFRon
from .ssd import SSD as SSD
from .unsir import UNSIR as UNSIR

METHODS: dict[str, type[Method]] = {
    cls.name: cls
    for cls in (
        Scissorhands,
        Retrain,
        FineTune,
        GradientAscent,
        NegGradPlus,
        L1Sparse,
        RandomLabel,
        SalUn,
        BoundaryShrink,
        BoundaryExpanding,
        SCRUB,
        BadTeacher,
        InfluenceUnlearning,
        SSD,
        FisherForgetting,
        NoT,
        DELETE,
        MUNBa,
        SFRon,
        UNSIR,
        LCODEC,
        ESDX,
        ESDU,
        UCE,
        SelectiveAmnesia,
        EraseDiff,
    )
}
METHODS.update(_plugins("method", METHODS, _problem))  # those of other packages

"""What tasks and data sets can do beyond the least: small protocols, asked by ``isinstance``.

Nothing outside of ``core`` looks for an attribute of a task or a set by its name. A class has
a capability by having its members; those that pass calls on to another object must define
them, since ``isinstance`` does not see what ``__getattr__`` would find (Python 3.12 and later).
"""

from .data import AugmentedSet as AugmentedSet
from .data import BatchedSet as BatchedSet
from .data import ComparedSet as ComparedSet
from .data import DivisibleSet as DivisibleSet
from .data import FingerprintedSet as FingerprintedSet
from .data import IdentifiedSet as IdentifiedSet
from .data import MapSet as MapSet
from .data import MovableSet as MovableSet
from .data import NormalisedSet as NormalisedSet
from .data import PicturedSet as PicturedSet
from .data import RelabelledSet as RelabelledSet
from .data import RenormalisedSet as RenormalisedSet
from .data import TableSet as TableSet
from .data import class_names as class_names
from .data import columns_of as columns_of
from .data import label_column as label_column
from .data import makes_batches as makes_batches
from .data import parent_of as parent_of
from .data import transforms_labels as transforms_labels
from .tasks import BoundsLosses as BoundsLosses
from .tasks import ChecksLabels as ChecksLabels
from .tasks import ChecksModel as ChecksModel
from .tasks import ChecksSets as ChecksSets
from .tasks import Denoises as Denoises
from .tasks import GivesLogits as GivesLogits
from .tasks import GivesProbabilities as GivesProbabilities
from .tasks import NamesLabels as NamesLabels
from .tasks import NamesOptimizer as NamesOptimizer
from .tasks import bounded_loss as bounded_loss
from .tasks import lacking as lacking
from .tasks import logits_in as logits_in
from .tasks import satisfies as satisfies

"""What everything else stands on: data, tasks, methods, runs, records."""

from .batches import Stream as Stream
from .data import Split as Split
from .data import UnlearningData as UnlearningData
from .errors import ConfigError as ConfigError
from .errors import DataError as DataError
from .errors import ExpungeError as ExpungeError
from .errors import GuardError as GuardError
from .errors import InputError as InputError
from .errors import ModelError as ModelError
from .errors import ResourceError as ResourceError
from .guard import Guard as Guard
from .method import Method as Method
from .method import Reference as Reference
from .run import Run as Run
from .schemas.record import Record as Record
from .schemas.request import ForgetSpec as ForgetSpec
from .task import Batch as Batch
from .task import Task as Task
from .unlearn import Unlearned as Unlearned
from .unlearn import model_digest as model_digest
from .unlearn import unlearn as unlearn

"""The kinds of model that methods can be run on."""

from .classification import Classification as Classification
from .denoising import Denoising as Denoising
from .noising import Noising as Noising
from .regression import Regression as Regression

"""The kinds of model that methods can be run on."""

from .classification import Classification as Classification
from .denoising import Denoising as Denoising
from .noising import Noising as Noising
from .regression import Regression as Regression
from .safe_guidance import SafeGuidance as SafeGuidance
from .safe_guidance import with_safe_guidance as with_safe_guidance
from .text_to_image import denoiser_of as denoiser_of
from .text_to_image import text_to_image as text_to_image
from .text_to_image import with_denoiser as with_denoiser

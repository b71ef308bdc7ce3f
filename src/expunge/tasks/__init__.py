"""The kinds of model that methods can be run on."""

from .causal_lm import CausalLM as CausalLM
from .classification import Classification as Classification
from .diffusion.denoising import Denoising as Denoising
from .diffusion.noise import Noising as Noising
from .diffusion.safe_guidance import SafeGuidance as SafeGuidance
from .diffusion.safe_guidance import with_safe_guidance as with_safe_guidance
from .diffusion.text_to_image import denoiser_of as denoiser_of
from .diffusion.text_to_image import text_to_image as text_to_image
from .diffusion.text_to_image import with_denoiser as with_denoiser
from .regression import Regression as Regression

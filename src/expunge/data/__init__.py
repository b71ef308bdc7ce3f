"""Image sets, named sources of them, and lists of what to forget."""

from .bundle import Bundle, Canaries
from .canaries import plant_canaries
from .forget_list import request_digest, select_forget
from .images import Augmentation, ImageSet
from .latents import LatentSet, decode_latents, encode_images
from .prompt_list import ListedPrompt, load_prompts
from .sources import SOURCES, load_source

__all__ = [
    "SOURCES",
    "Augmentation",
    "Bundle",
    "Canaries",
    "ImageSet",
    "LatentSet",
    "ListedPrompt",
    "decode_latents",
    "encode_images",
    "load_prompts",
    "load_source",
    "plant_canaries",
    "request_digest",
    "select_forget",
]

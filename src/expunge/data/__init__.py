"""Image sets, named sources of them, and lists of what to forget."""

from .bundle import Bundle, Canaries
from .canaries import plant_canaries
from .forget_list import request_digest, select_forget
from .images import Augmentation, ImageSet
from .latents import LatentSet, encode_images
from .sources import SOURCES, load_source

__all__ = [
    "SOURCES",
    "Augmentation",
    "Bundle",
    "Canaries",
    "ImageSet",
    "LatentSet",
    "encode_images",
    "load_source",
    "plant_canaries",
    "request_digest",
    "select_forget",
]

"""Image sets, named sources of them, and lists of what to forget."""

from .bundle import Bundle
from .forget_list import request_digest, select_forget
from .images import Augmentation, ImageSet
from .sources import SOURCES, load_source

__all__ = [
    "SOURCES",
    "Augmentation",
    "Bundle",
    "ImageSet",
    "load_source",
    "request_digest",
    "select_forget",
]

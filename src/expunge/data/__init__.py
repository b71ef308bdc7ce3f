"""Sets of images and texts, named sources of them, and lists of what to forget."""

from .bundle import Bundle, Canaries
from .images.image_set import Augmentation, ImageSet
from .images.latents import LatentSet, decode_latents, encode_images
from .requests.by_name import Selection
from .requests.canaries import plant_canaries
from .requests.copies import settle_copies
from .requests.select import request_digest, resolve, select_forget
from .sources.load import SOURCES, load_source
from .text.answers import AnswerSet
from .text.biographies import Biographies, make_biographies
from .text.encoding import encode_answers, read_answers
from .text.prompts import ListedPrompt, load_prompts

__all__ = [
    "SOURCES",
    "AnswerSet",
    "Augmentation",
    "Biographies",
    "Bundle",
    "Canaries",
    "ImageSet",
    "LatentSet",
    "ListedPrompt",
    "Selection",
    "decode_latents",
    "encode_answers",
    "encode_images",
    "load_prompts",
    "load_source",
    "make_biographies",
    "plant_canaries",
    "read_answers",
    "request_digest",
    "resolve",
    "select_forget",
    "settle_copies",
]

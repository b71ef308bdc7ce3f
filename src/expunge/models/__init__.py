"""Nets by name, and their weights on disk."""

from .check import check_net as check_net
from .diffusion.pipelines import load_pipeline as load_pipeline
from .diffusion.single_file import save_single_file as save_single_file
from .language import build_language_model as build_language_model
from .language import build_word_tokenizer as build_word_tokenizer
from .language import load_language_model as load_language_model
from .load import load_weights as load_weights
from .load import save_weights as save_weights
from .read import read_weights as read_weights
from .zoo import Net as Net
from .zoo import build_net as build_net
from .zoo import net_names as net_names

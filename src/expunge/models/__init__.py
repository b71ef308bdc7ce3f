"""Nets by name, and their weights on disk."""

from .check import check_network as check_network
from .diffusion.pipelines import load_pipeline as load_pipeline
from .diffusion.single_file import save_single_file as save_single_file
from .language import build_language_model as build_language_model
from .language import build_word_tokenizer as build_word_tokenizer
from .language import load_language_model as load_language_model
from .load import load_weights as load_weights
from .load import save_weights as save_weights
from .read import read_weights as read_weights
from .zoo import Network as Network
from .zoo import build_network as build_network
from .zoo import network_names as network_names

"""Training from scratch: recipes as data, and one loop."""

from .recipes import RECIPES as RECIPES
from .recipes import Recipe as Recipe
from .recipes import make_recipe as make_recipe
from .train import Trained as Trained
from .train import fit as fit
from .train import train as train

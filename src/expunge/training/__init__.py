"""Training from scratch: recipes as data, and one loop."""

from .ensemble import Sisa as Sisa
from .recipes import RECIPES as RECIPES
from .recipes import Recipe as Recipe
from .recipes import make_recipe as make_recipe
from .sisa import SisaUnlearned as SisaUnlearned
from .sisa import load_sisa as load_sisa
from .sisa import train_sisa as train_sisa
from .sisa import unlearn_sisa as unlearn_sisa
from .train import Trained as Trained
from .train import fit as fit
from .train import train as train

"""What a run is asked to do: TOML in, checked objects out, all problems at once."""

from ..core.schemas.base import Section as Section
from ..core.schemas.problems import translate as translate
from .erase import EraseConfig as EraseConfig
from .erase import load_erase as load_erase
from .erase import wordings as wordings
from .load import load_config as load_config
from .load import overridden as overridden
from .load import parse_config as parse_config
from .load import read_toml as read_toml
from .schema import Config as Config
from .schema import DataConfig as DataConfig
from .schema import json_schema as json_schema

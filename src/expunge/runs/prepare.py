"""A config made ready to run, checked before anything is computed or written."""

from dataclasses import fields
from pathlib import Path

from ..config import Config
from ..config.generator import GeneratorConfig
from ..core.codes import Code
from ..core.data import UnlearningData
from ..core.errors import InputError
from ..core.method import Method, required_sets
from ..core.schemas.record import Notice
from ..data import resolve, settle_copies
from ..data.bundle import ids_of
from .models import RunOptions, Shelf
from .settings.classifier import load_classifier
from .settings.generator import GeneratorSetting
from .settings.language import load_language
from .settings.loaded import Loaded
from .settings.loaded_scene import LoadedScene, load_generator
from .settings.samples import SampleSetting
from .settings.setting import Setting


def load(config: Config) -> Loaded:
    """Data and model of a config.

    Raises:
        InputError: If either cannot be had, or they do not fit together.
    """
    return load_language(config) if config.task.name == "causal-lm" else load_classifier(config)


def load_setting(
    config: Config | GeneratorConfig, shelf: Shelf, cache: Path, options: RunOptions
) -> Loaded | LoadedScene:
    """What all settings of a config share, whatever kind of model it is about.

    Args:
        config: Names data and model.
        shelf: Where the judge of a generator is kept.
        cache: Folder where latents are kept.
        options: How to carry out trainings.

    Raises:
        InputError: If something cannot be had, or does not fit together.
    """
    if isinstance(config, GeneratorConfig):
        return load_generator(config, shelf, cache, options)
    return load(config)


def setting_of(
    config: Config | GeneratorConfig, loaded: Loaded | LoadedScene, base_seed: int
) -> Setting:
    """A run of a config on what was loaded for it; ``base_seed`` is that of the original.

    Raises:
        InputError: If the run cannot be carried out as it stands.
    """
    if isinstance(config, GeneratorConfig):
        assert isinstance(loaded, LoadedScene)  # as load_setting gives it
        return GeneratorSetting(config, loaded, base_seed)
    assert isinstance(loaded, Loaded)  # likewise
    return prepare(config, loaded)


def prepare(config: Config, loaded: Loaded | None = None) -> SampleSetting:
    """Everything that a run needs, without having trained or written anything.

    Raises:
        InputError: If the run cannot be carried out as it stands.
    """
    loaded = loaded or load(config)
    bundle = loaded.bundle
    selection = resolve(bundle, config.data.forget)
    asked, policy = config.data.forget, config.data.copies
    selection, notes = settle_copies(bundle, asked, selection, policy)
    data = bundle.unlearning_data(selection.positions)
    if len(data.retain) == 1:
        raise InputError(
            "all training samples but one are to be forgotten, and one is too few to keep a model "
            "by; forget fewer, or delete the model instead"
        )
    method, recipe = config.build_method(), config.build_recipe()
    for split in sorted(required_sets(method)):
        if getattr(data, split) is None:
            raise InputError(
                f"{method.name} reads the {split} set, but there is none; "
                "set data.validation = 0.1, or choose another method"
            )
    check_batch_sizes(method, data)
    names = ids_of(bundle.train)
    ids = [names[position] for position in selection.positions.tolist()]
    notices = [Notice(code=Code.UNUSED_DATA, text=text) for text in bundle.notes]
    notices += [Notice(code=Code.COPIES, text=text) for text in notes]
    return SampleSetting(config, loaded, data, selection, ids, method, recipe, notices)


def check_batch_sizes(method: Method, data: UnlearningData) -> None:
    """Raise if a method is told to take more samples in a step than there are.

    Raises:
        InputError: Names the field and the size of the set.
    """
    sizes = {split: len(getattr(data, split)) for split in ("retain", "forget")}
    split = "retain" if "retain" in method.reads else "forget"
    for field in fields(method):  # type: ignore[arg-type]  # every method is a dataclass
        asked = getattr(method, field.name)
        if field.name == "batch_size" and asked is not None and asked > sizes[split]:
            raise InputError(
                f"expected method.batch_size <= {sizes[split]}, the size of the {split} set, "
                f"got {asked}; lower it"
            )

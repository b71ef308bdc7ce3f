"""A scene with its judge, loaded once for all concepts."""

from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path

from ...config.generator import GeneratorConfig
from ...evaluation import ImageJudge, Predictions
from ..models import RunOptions, Shelf, train_or_take
from .loaded import find_device
from .scene import Scene, as_judge, judge_training
from .scenes import Codec, load_scene


class LoadedScene:
    """A scene, its judge, and what that predicts for real images, each computed once.

    Args:
        scene: Images, captions and models.
        train: Gives the judge: trained, or taken where it was kept.
    """

    def __init__(self, scene: Scene, train: Callable[[], ImageJudge]) -> None:
        self.scene, self._train = scene, train
        self._real: dict[str, Predictions] = {}

    @cached_property
    def judge(self) -> ImageJudge:
        """Trained, or taken where it was kept, when it is first needed."""
        return self._train()

    def real(self, concept: str) -> Predictions:
        """Predictions for real images of all other concepts, for all methods alike."""
        if concept not in self._real:
            self._real[concept] = self.judge.predict(self.scene.real(concept))
        return self._real[concept]


def load_generator(
    config: GeneratorConfig, shelf: Shelf, cache: Path, options: RunOptions
) -> LoadedScene:
    """The scene of a config.

    Args:
        config: Names the scene.
        shelf: Where its judge is kept.
        cache: Folder where latents are kept.
        options: How to carry out trainings.

    Raises:
        InputError: If there is no such scene, or a package or file is missing.
    """
    scene = load_scene(config.scene, partial(Codec, cache))
    device = find_device(config.device)

    def train() -> ImageJudge:
        return as_judge(scene, train_or_take(judge_training(scene), shelf, options), device)

    return LoadedScene(scene, train)

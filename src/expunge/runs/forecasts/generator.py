"""What it costs to judge the models of a scene, and what comes before it: latents, a judge."""

import time
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ...config.generator import GenerationConfig, GeneratorConfig
from ...core.guard import Guard
from ...core.precision import autocast
from ...data import decode_latents, encode_images
from ...data.images.image_set import ImageSet
from ...evaluation import generate
from ..models import TrainedModel
from ..settings.generator import GeneratorSetting
from ..settings.loaded import find_device
from ..settings.loaded_scene import LoadedScene
from ..settings.scene import Scene, as_judge, judge_training
from ..settings.scenes import Codec, load_scene
from .drawing import time_drawing
from .run import TRAINING_PASSES, forward_seconds

_ENCODED = 64  # images that are encoded and decoded to see how long it takes


class TrialCodec(Codec):
    """Stands in for what was not computed yet; ``seconds`` says how long that will take."""

    def __init__(self, cache: Path, autoencoder: Any) -> None:
        super().__init__(cache, autoencoder)
        self._seconds: dict[Path, float] = {}  # by file, since latents are asked for twice

    @property
    def seconds(self) -> float:
        """Of all that is missing."""
        return sum(self._seconds.values())

    def _kept(self, images: ImageSet, what: str) -> torch.Tensor:
        if (path := self.path(images, what)).is_file():
            return super()._kept(images, what)
        # What is decoded has been encoded before.
        latents = None if what == "latents" else self.latents(images)[:_ENCODED]
        began, few = time.perf_counter(), images.images[:_ENCODED]
        if latents is None:
            found = encode_images(self.autoencoder, few)[:1].expand(len(images), -1, -1, -1)
        else:
            decode_latents(self.autoencoder, latents)
            found = images.images
        self._seconds[path] = (time.perf_counter() - began) * len(images) / len(few)
        return found


class TrialScene(LoadedScene):
    """A scene whose judge is not trained, for trials; nothing is written.

    Args:
        config: Names the scene.
        cache: Folder where latents may lie already.
    """

    def __init__(self, config: GeneratorConfig, cache: Path) -> None:
        self._codecs: list[TrialCodec] = []
        scene = load_scene(config.scene, partial(self._codec, cache))
        super().__init__(scene, partial(_untrained_judge, scene, find_device(config.device)))
        self._images: dict[str, float] = {}
        self._forward: dict[str, float] = {}

    @property
    def latents_seconds(self) -> float:
        """What computing the latents takes that are not there."""
        return sum(codec.seconds for codec in self._codecs)

    def judging_seconds(self, setting: GeneratorSetting) -> float:
        """Of measuring one model as a bench does it."""
        config, image = setting.config, self._image(setting)
        seconds = image * len(setting.plan().prompts) * config.drawing.images
        if not config.concept:
            return seconds
        if setting.precision not in self._forward:  # as long for each concept
            self._forward[setting.precision] = forward_seconds(setting, setting.untrained())
        forward = self._forward[setting.precision]
        sizes = [len(setting.data.forget), len(setting.data.retain)]
        seconds += forward * sum(min(size, Guard().samples) for size in sizes)
        if (asked := config.probes) is None:
            return seconds
        images = asked.images or config.drawing.images
        draws = len(asked.completion) + len(asked.noise) + len(asked.relearn)
        batch = min(asked.batch_size, sizes[0])
        steps = max(asked.relearn, default=0)
        return seconds + draws * images * image + TRAINING_PASSES * forward * batch * steps

    def _codec(self, cache: Path, autoencoder: Any) -> TrialCodec:
        self._codecs.append(TrialCodec(cache, autoencoder))
        return self._codecs[-1]

    def _image(self, setting: GeneratorSetting) -> float:
        """Of drawing one image as the config says and judging it; tried once."""
        how = setting.config.drawing
        key = f"{how!r} {setting.precision}"
        if key not in self._images:
            self._images[key] = self._try(setting, how)
        return self._images[key]

    def _try(self, setting: GeneratorSetting, how: GenerationConfig) -> float:
        pipeline, plan = setting.pipeline(setting.untrained()), setting.plan()
        batch = min(how.batch_size, how.images * len(plan.prompts))
        texts = [plan.prompts[0].text] * batch

        def draw(steps: int) -> None:
            images = generate(
                pipeline, texts, list(range(batch)), steps=steps, guidance=how.guidance,
                batch_size=batch,
            )  # fmt: skip
            self.judge.predict(images)

        with autocast(setting.precision, setting.device):
            return time_drawing(draw, batch).of(how.steps)


def _untrained_judge(scene: Scene, device: torch.device) -> Any:
    fresh = judge_training(scene).fresh
    return as_judge(scene, TrainedModel(fresh, facts={"accuracy": "0"}), device)

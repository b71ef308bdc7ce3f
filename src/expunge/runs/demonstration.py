"""The demonstrations: real images, small models, and every step within minutes."""

import tomllib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from ..config import Config, parse_config
from ..config.generator import GenerationConfig, GeneratorConfig, ProbesConfig
from ..config.schema import ReferenceConfig
from ..core.checks import check_choice
from ..core.run import Log
from ..core.schemas.record import Record
from .settings.scenes import scene_concepts
from .unlearn import run_unlearn

# So small a model bears a higher rate than the default.
METHOD = {"name": "scissorhands", "lr": 2e-3, "epochs": 12.5}
IMAGES = GenerationConfig(images=40, steps=15, guidance=1.5, batch_size=300)
# The demonstration has five minutes: fewer images for the probes.
PROBES = ProbesConfig(completion=[0.3], noise=[0.1], relearn=[0, 10, 40], lr=1e-3, images=20)


def demo_config(overrides: Sequence[str] = ()) -> Config:
    """The config of the demonstration, which comes with the package."""
    text = files("expunge.runs").joinpath("demo.toml").read_text(encoding="utf-8")
    return parse_config(tomllib.loads(text), overrides)


def demo(
    out: str | Path = "runs/demo",
    *,
    resume: bool = False,
    on_log: Log | None = None,
    command: str | None = "expunge demo",
    overrides: Sequence[str] = (),
) -> Record:
    """Train on digits, forget a tenth of them, retrain twice, compare, report.

    Needs no network. Leaves ``record.json``, ``report.html`` and ``model.safetensors``.
    """
    return run_unlearn(demo_config(overrides), out, resume=resume, on_log=on_log, command=command)


def text_to_image_demo(
    out: str | Path = "runs/demo-text-to-image",
    *,
    word: str = "three",
    resume: bool = False,
    on_log: Log | None = None,
    command: str | None = "expunge demo --task text-to-image",
) -> Record:
    """Train on captioned digits, forget one concept, retrain without it, compare the images.

    Needs no network, but ``expunge[diffusion]``. Leaves ``record.json``, ``report.html``, and
    ``pipeline/``, a folder of diffusers that ``PixelPipeline.from_pretrained`` loads.

    Args:
        out: The folder of results.
        word: The concept that is forgotten: ``"zero"`` to ``"nine"``.
        resume: Go on with a half-trained model of an earlier call.
        on_log: Called with progress rows.
        command: How the run was started, for the record.

    Returns:
        The record that was written.

    Raises:
        InputError: If the concept is none of these, a package is missing, or the folder
            cannot be written.
    """
    check_choice(scene_concepts("digits"), word=word)
    config = GeneratorConfig(
        scene="digits",
        concept=word,
        method=METHOD,
        precision="fp32",  # faster for so small a model
        device="cpu",
        drawing=IMAGES,
        probes=PROBES,
        reference=ReferenceConfig(retrain=2),
    )
    return run_unlearn(config, out, resume=resume, on_log=on_log, command=command)

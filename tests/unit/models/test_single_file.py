"""One file in the original layout: diffusers reads it back, and draws the same."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("diffusers")

import safetensors.torch
import torch
from tests.unit.tasks.pipelines import PIPELINES, draw

from expunge.core.errors import InputError
from expunge.models import save_single_file

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.mark.parametrize("name", ["sd1", "sdxl"])
def test_from_single_file_draws_the_same(name: str, tmp_path: Path) -> None:
    pipeline = PIPELINES[name]()
    pipeline.save_pretrained(tmp_path / "folder")
    save_single_file(pipeline, tmp_path / "one.safetensors")
    more: dict[str, Any] = {} if name == "sdxl" else {"safety_checker": None}
    again = type(pipeline).from_single_file(
        str(tmp_path / "one.safetensors"),
        config=str(tmp_path / "folder"),
        local_files_only=True,
        **more,
    )
    for part in ("unet", "vae", "text_encoder", "text_encoder_2"):
        if (before := getattr(pipeline, part, None)) is not None:
            after = getattr(again, part).state_dict()
            assert before.state_dict().keys() == after.keys()
            for key, value in before.state_dict().items():
                torch.testing.assert_close(after[key], value, atol=0, rtol=0, msg=key)
    torch.testing.assert_close(draw(again), draw(pipeline), atol=0, rtol=0)


def test_its_names_are_those_of_the_first_checkpoints(tmp_path: Path) -> None:
    save_single_file(PIPELINES["sd1"](), tmp_path / "one.safetensors")
    names = set(safetensors.torch.load_file(tmp_path / "one.safetensors"))
    assert {
        "model.diffusion_model.input_blocks.0.0.weight",
        "model.diffusion_model.time_embed.2.bias",
        "model.diffusion_model.input_blocks.1.0.in_layers.2.weight",
        "model.diffusion_model.middle_block.1.transformer_blocks.0.attn2.to_k.weight",
        "model.diffusion_model.out.2.weight",
        "first_stage_model.encoder.conv_in.weight",
        "first_stage_model.decoder.mid.attn_1.q.weight",
        "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight",
    } <= names


@pytest.mark.parametrize("name", ["sd3", "flux"])
def test_other_pipelines_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"original layout .*, got .* keep the folder"):
        save_single_file(PIPELINES[name](), tmp_path / "one.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ends in .safetensors, got .*one.ckpt"):
        save_single_file(PIPELINES["sd1"](), tmp_path / "one.ckpt")

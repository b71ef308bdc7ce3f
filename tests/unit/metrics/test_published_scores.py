"""FID and CLIP score by torchmetrics: weights from disk, and messages where there are none."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torchmetrics")

import torch
from torch import Tensor

from expunge.core import InputError
from expunge.metrics import clip_score, inception_fid

pytestmark = pytest.mark.filterwarnings("ignore")  # of torchmetrics and its parts


def pictures(seed: int, count: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, 32, 32), generator=generator, dtype=torch.uint8)


@pytest.fixture
def inception(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of Inception's shapes with random weights."""
    pytest.importorskip("torch_fidelity")
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    path = tmp_path / "inception.pth"
    torch.save({}, path)
    torch.manual_seed(0)
    with monkeypatch.context() as patch:
        patch.setattr(torch.nn.Module, "load_state_dict", lambda *args: None)
        net = FeatureExtractorInceptionV3("x", ["2048"], feature_extractor_weights_path=str(path))
    for weight in net.parameters():
        if weight.ndim == 4:  # so that what goes in matters for what comes out
            torch.nn.init.kaiming_normal_(weight)
    torch.save(net.state_dict(), path)
    return path


@pytest.mark.slow
def test_fid_reads_its_weights_from_a_file(inception: Path) -> None:
    assert inception_fid(pictures(0), pictures(0), inception) == pytest.approx(0, abs=1e-2)
    assert inception_fid(pictures(0), pictures(0) // 4, inception) > 0.1


def test_a_clip_folder_scores_images_and_texts(tmp_path: Path) -> None:
    from tests.unit.tasks.pipelines import tokenizer
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor

    torch.manual_seed(2)
    size: dict[str, Any] = {
        "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
        "num_attention_heads": 2,
    }  # fmt: skip
    words = tokenizer()
    config = CLIPConfig(
        text_config=size | {"vocab_size": len(words), "max_position_embeddings": 24,
                            "bos_token_id": len(words) - 2, "eos_token_id": len(words) - 1},
        vision_config=size | {"image_size": 32, "patch_size": 16},
        projection_dim=8,
    )  # fmt: skip
    CLIPModel(config).save_pretrained(tmp_path)
    processor = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=32)
    CLIPProcessor(processor, words).save_pretrained(tmp_path)
    images, texts = pictures(0, 2), ["a church", "a dog"]
    given = CLIPProcessor.from_pretrained(tmp_path)(
        text=texts, images=list(images), return_tensors="pt", padding=True
    )
    net = CLIPModel.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        cosines = net(**given).logits_per_image.diagonal() / net.logit_scale.exp()
    expected = max(0.0, 100 * float(cosines.mean()))
    assert clip_score(images, texts, tmp_path) == pytest.approx(expected, abs=1e-3)
    assert expected > 0


@pytest.mark.parametrize(
    ("score", "told"),
    [
        (lambda p: inception_fid(pictures(0), pictures(1), p), "pt_inception-2015-12-05"),
        (lambda p: clip_score(pictures(0), ["a"] * 3, p), "openai/clip-vit-base-patch16"),
    ],
)
def test_absent_weights_are_named(score: Any, told: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"nothing at .*absent; .*{told}"):
        score(tmp_path / "absent")


def test_a_file_that_is_no_inception_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("torch_fidelity")
    torch.save({"weight": torch.zeros(2)}, path := tmp_path / "other.pth")
    with pytest.raises(InputError, match=r"other.pth does not hold the weights of Inception"):
        inception_fid(pictures(0), pictures(1), path)


def test_a_file_with_code_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("torch_fidelity")
    torch.save({"weight": print}, path := tmp_path / "code.pth")
    with pytest.raises(InputError, match=r"cannot read the weights of Inception in .*code.pth"):
        inception_fid(pictures(0), pictures(1), path)


def test_prompts_must_match_images(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a prompt for each image, got 1 for 3"):
        clip_score(pictures(0), ["one"], tmp_path)


def test_floats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"expected uint8 images \(N, 3, H, W\), got torch.float32"
    ):
        clip_score(pictures(0).float(), ["one"] * 3, tmp_path)

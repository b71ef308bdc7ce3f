"""Image files of every kind to bytes, and a bad one named."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from data_files import encoded, random_pixels
from PIL import Image

from expunge.core import DataError
from expunge.data.images.decode import decode_images, resize_images


def nchw(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(0, 3, 1, 2)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP"])
def test_lossless_formats_are_exact(kind: str) -> None:
    pixels = random_pixels(600)  # more than one chunk
    images = decode_images([encoded(one, kind) for one in pixels], [str(n) for n in range(600)])
    assert torch.equal(images, nchw(pixels))


def test_paths_and_open_images(tmp_path: Path) -> None:
    pixels = random_pixels(2)
    (tmp_path / "a.png").write_bytes(encoded(pixels[0]))
    items = [tmp_path / "a.png", Image.fromarray(pixels[1])]
    assert torch.equal(decode_images(items, ["a", "b"]), nchw(pixels))


def test_grey_stays_grey_unless_there_is_colour() -> None:
    grey, colour = random_pixels(3, (4, 4)), random_pixels(1, (4, 4, 3))
    cells = [encoded(one) for one in grey]
    assert torch.equal(decode_images(cells, ["0", "1", "2"])[:, 0], torch.from_numpy(grey))
    for mixed in ([*cells, encoded(colour[0])], [encoded(colour[0]), *cells]):
        images = decode_images(mixed, ["a", "b", "c", "d"])
        assert images.shape == (4, 3, 4, 4)
        place = next(n for n, cell in enumerate(mixed) if cell not in cells)
        assert torch.equal(images[place], nchw(colour)[0])
        assert torch.equal(images[1 if place == 0 else 0][2], torch.from_numpy(grey[0]))


def test_sixteen_bits_palettes_and_transparency() -> None:
    deep = Image.fromarray(np.full((2, 2), 0x1234, np.uint16))
    assert decode_images([deep], ["deep"]).unique().tolist() == [0x12]
    palette = Image.new("RGB", (2, 2), (10, 20, 30)).convert("P", palette=Image.Palette.ADAPTIVE)
    assert decode_images([palette], ["p"])[0, :, 0, 0].tolist() == [10, 20, 30]
    clear = Image.new("RGBA", (2, 2), (1, 2, 3, 128))
    assert decode_images([clear], ["c"])[0, :, 0, 0].tolist() == [1, 2, 3]
    assert decode_images([Image.new("1", (2, 2), 1)], ["bit"]).unique().tolist() == [255]


def test_photographs_are_turned_upright() -> None:
    image = Image.fromarray(random_pixels(1, (8, 4, 3))[0])
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=exif)
    assert decode_images([buffer.getvalue()], ["x"]).shape == (1, 3, 4, 8)


def test_resizing_takes_the_middle_square() -> None:
    wide = np.zeros((4, 12, 3), np.uint8)
    wide[:, 4:8] = 204
    for mode in ("RGB", "P", "L", "I;16"):
        image = Image.fromarray(wide)
        if mode == "I;16":
            image = Image.fromarray(wide[:, :, 0].astype(np.uint16) << 8)
        elif mode != "RGB":
            image = image.convert(mode)
        small = decode_images([image], ["w"], image_size=2)
        assert small.shape[2:] == (2, 2)
        assert abs(small.float() - 204).max() <= 1
    tensor = resize_images(nchw(wide[None]), 2)
    assert tensor.unique().tolist() == [204]


def test_downscaling_is_antialiased() -> None:
    stripes = np.zeros((8, 8, 3), np.uint8)
    stripes[:, ::2] = 255
    small = decode_images([encoded(stripes)], ["s"], image_size=2)
    assert 100 < float(small.float().mean()) < 155
    assert abs(resize_images(nchw(stripes[None]), 2).int() - small.int()).max() <= 2


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (b"no image at all", "not an image in a known format"),
        (encoded(random_pixels(1, (64, 64, 3))[0])[:2000], "[Tt]runcated"),
        (encoded(random_pixels(1, (64, 64, 3))[0], "JPEG")[:500], "[Tt]runcated"),
        (b"RIFF", "not an image in a known format"),
        (None, "there is no image in this row"),
        (Path("nowhere.png"), "No such file"),
        (Image.new("I", (6, 6)), "mode 'I' has no fixed range"),
    ],
)
def test_a_corrupt_image_is_named(cell: object, message: str) -> None:
    good = encoded(random_pixels(1)[0])
    with pytest.raises(DataError, match=f"image 'train/1' cannot be read .*{message}"):
        decode_images([good, cell], ["train/0", "train/1"])  # type: ignore[list-item]


@pytest.mark.parametrize("grey_first", [False, True])
def test_a_wrong_size_is_named(grey_first: bool) -> None:
    cells = [random_pixels(1)[0], random_pixels(1)[0], random_pixels(1, (5, 9, 3))[0]]
    if grey_first:
        cells[0] = cells[0][:, :, 0]
    items = [encoded(one) for one in cells]
    with pytest.raises(DataError, match=r"'c' is 5x9 .* 'a' is 6x6; set image_size = 6"):
        decode_images(items, ["a", "b", "c"])
    assert decode_images(items, ["a", "b", "c"], image_size=6).shape == (3, 3, 6, 6)


@pytest.mark.parametrize("size", [0, -3, 2.5, True])
def test_bad_image_size(size: object) -> None:
    with pytest.raises(DataError, match="image_size to be a whole number of pixels >= 1"):
        decode_images([encoded(random_pixels(1)[0])], ["a"], size)  # type: ignore[arg-type]

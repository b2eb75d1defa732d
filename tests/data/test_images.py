"""The gate: arrays, tensors and PIL images; what a Picture promises; the messages of refusal."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from certiqa.data.images import Picture, read_image, read_images
from certiqa.errors import ImageError, InputError

RGB = np.random.default_rng(7).integers(0, 256, (9, 14, 3), dtype=np.uint8)
CHW = RGB.transpose(2, 0, 1)
UNIT = np.random.default_rng(8).random((9, 14, 3))
pictures = hnp.arrays(np.uint8, st.tuples(st.integers(2, 7), st.integers(2, 7), st.just(3)))


def refusal_of(image: object, read: Callable[[Any], object] = read_image) -> str:
    with pytest.raises(ImageError) as caught:
        read(image)
    assert isinstance(caught.value, InputError)
    assert isinstance(caught.value, ValueError)
    message = str(caught.value)
    assert "\n" not in message
    assert "  " not in message
    return message


# --- what a Picture promises


@pytest.mark.parametrize(
    "source",
    [
        RGB,
        RGB[::-1][::-1],
        np.asfortranarray(RGB),
        RGB / 255,
        (RGB / np.float32(255)).astype(np.float32),
        RGB.astype(np.float32) * np.float32(1 / 255),
        (RGB / 255).astype(">f4"),
        torch.from_numpy(CHW.copy()),
        torch.from_numpy(CHW.copy())[None],
        torch.from_numpy(CHW.copy()).float().div(255).requires_grad_(),
        torch.from_numpy(CHW / 255),
        Image.fromarray(RGB),
    ],
    ids=lambda source: type(source).__name__,
)
def test_one_picture_from_every_source(source: object, tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "same.png")
    from_file, picture = read_image(tmp_path / "same.png"), read_image(source)
    assert np.array_equal(picture.pixels, CHW)
    assert picture.on_grid
    assert picture.sha256() == from_file.sha256()
    assert picture.notes == from_file.notes == ()
    assert picture.file_sha256 is None
    assert from_file.file_sha256 is not None


def test_shape_size_and_memory() -> None:
    picture = read_image(RGB)
    assert (picture.height, picture.width, picture.shape, picture.dimension) == (9, 14, (3, 9, 14), 378)
    assert picture.pixels.flags.c_contiguous
    assert not picture.pixels.flags.writeable
    with pytest.raises(dataclasses.FrozenInstanceError):
        picture.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize("source", [CHW.copy().transpose(1, 2, 0), RGB.copy(), UNIT.astype(np.float32)])
def test_the_source_may_change_afterwards(source: np.ndarray) -> None:
    picture = read_image(source)
    digest = picture.sha256()
    source[...] = 0
    assert picture.sha256() == digest


def test_a_tensor_may_change_afterwards() -> None:
    tensor = torch.from_numpy(CHW.copy())
    picture = read_image(tensor)
    tensor.zero_()
    assert np.array_equal(picture.pixels, CHW)


def test_as_float_is_new_writable_and_correctly_rounded() -> None:
    picture = read_image(RGB)
    values = picture.as_float()
    assert values.dtype == np.float32
    assert np.array_equal(values, (CHW / 255).astype(np.float32))
    values[...] = 0
    assert np.array_equal(picture.pixels, CHW)
    off_grid = read_image(UNIT)
    off_grid.as_float()[...] = 0
    assert off_grid.pixels.max() > 0


def test_off_grid_floats_stay_floats() -> None:
    picture = read_image(UNIT)
    assert not picture.on_grid
    assert picture.pixels.dtype == np.float32
    assert picture.pixels.flags.c_contiguous
    assert np.array_equal(picture.as_float(), UNIT.transpose(2, 0, 1).astype(np.float32))
    same = read_image(torch.from_numpy(UNIT.transpose(2, 0, 1).astype(np.float32)))
    assert same.sha256() == picture.sha256()


@pytest.mark.parametrize(("shift", "on_grid"), [(2.9e-5, True), (-2.9e-5, True), (3.1e-5, False), (-3.1e-5, False)])
def test_the_tolerance_of_the_grid(shift: float, on_grid: bool) -> None:
    values = np.full((4, 4, 3), 100.0)
    values[1, 2, 0] += shift
    picture = read_image(values / 255)
    assert picture.on_grid is on_grid
    assert not on_grid or (picture.pixels == 100).all()


def test_a_tensor_that_is_a_lazy_negation() -> None:
    unit = torch.from_numpy(CHW / 255)
    lazy = torch.complex(unit, -unit).conj().imag
    assert lazy.is_neg()
    assert np.array_equal(read_image(lazy).pixels, CHW)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_misses_the_grid(dtype: torch.dtype) -> None:
    tensor = torch.from_numpy(CHW / 255).to(dtype)
    picture = read_image(tensor)
    assert not picture.on_grid
    assert np.array_equal(picture.as_float(), tensor.float().numpy())


def test_half_precision_array() -> None:
    picture = read_image(UNIT.astype(np.float16))
    assert np.array_equal(picture.as_float(), UNIT.astype(np.float16).astype(np.float32).transpose(2, 0, 1))


def test_sha256_sees_dtype_shape_and_values() -> None:
    one = RGB.copy()
    one[0, 0, 0] ^= 1
    turned = RGB.reshape(14, 9, 3)
    variants: list[object] = [RGB, one, turned, RGB[:, ::-1], UNIT]
    assert len({read_image(variant).sha256() for variant in variants}) == len(variants)


def test_sha256_is_pinned() -> None:
    """Stored certificates name pictures by this digest: changing it needs a new version tag."""
    values = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    spelled = hashlib.sha256(b"certiqa-picture-1|uint8|(3, 2, 2)|" + bytes(range(12))).hexdigest()
    assert Picture(values, "array", (), None).sha256() == spelled
    floats = [k / 11 for k in range(12)]
    spelled = hashlib.sha256(b"certiqa-picture-1|float32|(3, 2, 2)|" + struct.pack("<12f", *floats)).hexdigest()
    assert read_image(torch.tensor(floats).reshape(3, 2, 2)).sha256() == spelled


@settings(max_examples=60, deadline=None)
@given(pictures)
def test_round_trip(pixels: np.ndarray) -> None:
    first = read_image(pixels)
    again = read_image(torch.from_numpy(first.as_float()))
    channels_last = read_image(first.as_float().transpose(1, 2, 0))
    assert np.array_equal(first.pixels, pixels.transpose(2, 0, 1))
    assert np.array_equal(again.pixels, first.pixels)
    assert again.on_grid
    assert first.sha256() == again.sha256() == channels_last.sha256()


@settings(max_examples=25, deadline=None)
@given(pictures)
def test_a_written_png_is_the_array(pixels: np.ndarray) -> None:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    with Image.open(stream) as image:
        assert read_image(image).sha256() == read_image(pixels).sha256()


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.float64, (2, 3, 3), elements=st.floats(0, 1)))
def test_floats_keep_their_value(values: np.ndarray) -> None:
    error = np.abs(read_image(values).as_float().transpose(1, 2, 0) - values).max()
    assert error <= 3e-5 / 255 + 2**-24


# --- batches and names


def test_a_batch_gives_its_pictures_in_order() -> None:
    batch = torch.from_numpy(np.stack([CHW, 255 - CHW, CHW // 2]))
    read = read_images(batch)
    assert [picture.name for picture in read] == ["tensor[0]", "tensor[1]", "tensor[2]"]
    assert all(np.array_equal(picture.pixels, one.numpy()) for picture, one in zip(read, batch, strict=True))


def test_names(tmp_path: Path) -> None:
    path = tmp_path / "näme with  spaces.png"
    Image.fromarray(RGB).save(path)
    assert read_image(path).name == read_image(str(path)).name == str(path)
    assert read_image(RGB).name == "array"
    assert read_image(torch.from_numpy(CHW.copy())).name == "tensor"
    assert read_image(Image.fromarray(RGB)).name == "PIL image"
    assert [picture.name for picture in read_images(RGB)] == ["array"]


def test_read_image_refuses_a_batch() -> None:
    message = refusal_of(torch.zeros(4, 3, 8, 8))
    assert "a batch of 4" in message
    assert "read_images" in message
    assert "empty batch" in refusal_of(torch.zeros(0, 3, 8, 8))
    assert "empty batch" in refusal_of(torch.zeros(0, 3, 8, 8), read_images)


def test_one_bad_image_of_a_batch_is_named() -> None:
    batch = torch.zeros(3, 3, 4, 4)
    batch[1, 0, 0, 0] = torch.nan
    message = refusal_of(batch, read_images)
    assert "tensor[1]" in message
    assert "1 of 48 values" in message


# --- refusals

WRONG_ARRAYS: list[tuple[Any, list[str]]] = [
    (RGB[..., 0], ["array", "(H, W, 3)", "(9, 14)", "numpy.stack([image] * 3, axis=-1)"]),
    (RGB[..., :1], ["(9, 14, 1)", "numpy.repeat(image, 3, axis=-1)"]),
    (np.zeros((9, 14, 4), np.uint8), ["(9, 14, 4)", "image[..., :3]", "PIL image"]),
    (CHW, ["(3, 9, 14)", "image.transpose(1, 2, 0)"]),
    (RGB[None], ["(1, 9, 14, 3)", "image[0]", "torch.from_numpy(image).permute(0, 3, 1, 2)"]),
    (CHW[None], ["(1, 3, 9, 14)", "image[0].transpose(1, 2, 0)", "torch.from_numpy(image)"]),
    (np.zeros(5), ["(5,)", "RGB"]),
    (np.array(0.5), ["()"]),
    (np.zeros((9, 14, 2)), ["(9, 14, 2)", "RGB"]),
    (RGB.astype(np.uint16), ["uint16", "65535"]),
    (RGB.astype(np.int64), ["int64", "0..255", "uint8"]),
    (RGB > 9, ["dtype bool", "multiply by 255"]),
    (RGB.astype(np.complex64), ["complex64", "real part"]),
    (RGB.astype(object), ["dtype object", "numpy.stack"]),
    (RGB.astype(str), ["dtype str", "float32"]),
    (np.ma.masked_equal(RGB, 3), ["masked", "filled"]),
    (RGB.astype(np.float64), ["from 0 to 255", "divide by 255"]),
    (UNIT * 65535, ["0..65535", "divide by 65535"]),
    (UNIT * 1e6, ["[0, 1]", "undo"]),
    (UNIT * 2 - 1, ["[-1, 1]", "(image + 1) / 2"]),
    ((UNIT - 0.45) / 0.22, ["undo"]),
    (UNIT * 1.05, ["clip"]),
    (UNIT * 1.7, ["scale it"]),
    (np.where(UNIT > 0.9, np.nan, UNIT), ["finite", f"{(UNIT > 0.9).sum()} of 378", "NaN"]),
    (np.where(UNIT > 0.95, np.inf, UNIT), ["finite", f"{(UNIT > 0.95).sum()} of 378"]),
    (RGB[:1], ["at least 2 pixels", "height 1 and width 14"]),
    (RGB[:, :1], ["at least 2 pixels", "height 9 and width 1"]),
    (RGB[:0], ["at least 2 pixels", "height 0"]),
]
ZEROS = torch.zeros(3, 9, 14)
WRONG_TENSORS: list[tuple[torch.Tensor, list[str]]] = [
    (ZEROS[0], ["tensor", "(3, H, W) or (B, 3, H, W)", "(9, 14)", "image.expand(3, -1, -1)"]),
    (ZEROS[:1], ["(1, 9, 14)", "image.expand(3, -1, -1)"]),
    (torch.zeros(4, 9, 14), ["(4, 9, 14)", "image[:3]"]),
    (ZEROS.permute(1, 2, 0), ["(9, 14, 3)", "image.permute(2, 0, 1)"]),
    (ZEROS.permute(1, 2, 0)[None], ["(1, 9, 14, 3)", "image.permute(0, 3, 1, 2)"]),
    (torch.zeros(1, 1, 9, 14), ["(1, 1, 9, 14)", "image.expand(-1, 3, -1, -1)"]),
    (torch.zeros(1, 4, 9, 14), ["(1, 4, 9, 14)", "image[:, :3]"]),
    (torch.zeros(1, 1, 3, 9, 14), ["(1, 1, 3, 9, 14)"]),
    (torch.zeros(()), ["shape ()"]),
    (torch.zeros(3, 9, 14, dtype=torch.int64), ["int64", "uint8"]),
    (torch.zeros(3, 9, 14, dtype=torch.bool), ["dtype bool", "255"]),
    (torch.zeros(3, 9, 14, dtype=torch.complex64), ["complex64"]),
    (torch.zeros(3, 9, 14, dtype=torch.float8_e4m3fn), ["float8_e4m3fn", "float32"]),
    (ZEROS.to_sparse(), ["sparse", "to_dense"]),
    (torch.zeros(3, 9, 14, device="meta"), ["meta"]),
    (torch.full((3, 9, 14), 200.0), ["from 200 to 200", "divide by 255"]),
    (torch.full((3, 9, 14), float("inf")), ["378 of 378"]),
    (torch.zeros(3, 1, 14), ["at least 2 pixels", "height 1"]),
]


@pytest.mark.parametrize(("image", "essentials"), WRONG_ARRAYS + WRONG_TENSORS)
@pytest.mark.parametrize("read", [read_image, read_images])
def test_wrong_numbers(image: object, essentials: list[str], read: Callable[[Any], object]) -> None:
    message = refusal_of(image, read)
    missing = [word for word in essentials if word not in message]
    assert not missing, message


@pytest.mark.parametrize(
    ("image", "essentials"),
    [
        (None, ["path", "PIL image", "NumPy array (H, W, 3)", "torch tensor", "NoneType"]),
        (3.5, ["float"]),
        ([RGB, RGB], ["list", "one image at a time"]),
        (b"\x89PNG", ["bytes", "io.BytesIO"]),
        (io.BytesIO(b"\x89PNG"), ["BytesIO", "PIL.Image.open(file)"]),
        ({"image": RGB}, ["dict", "numpy.asarray"]),
    ],
)
def test_wrong_type(image: object, essentials: list[str]) -> None:
    message = refusal_of(image)
    assert all(word in message for word in essentials), message


def test_remedies_of_the_messages_work() -> None:
    """What the messages tell people to type gives the picture they meant."""
    digest, grey = read_image(RGB).sha256(), RGB[..., 0]
    assert read_image(CHW.transpose(1, 2, 0)).sha256() == digest
    assert read_image(torch.from_numpy(RGB.copy()).permute(2, 0, 1)).sha256() == digest
    assert read_image(torch.from_numpy(RGB[None].copy()).permute(0, 3, 1, 2)).sha256() == digest
    three_times = read_image(np.stack([grey] * 3, axis=-1)).sha256()
    assert read_image(np.repeat(grey[..., None], 3, axis=-1)).sha256() == three_times
    assert read_image(torch.from_numpy(grey.copy()).expand(3, -1, -1)).sha256() == three_times
    assert read_image(torch.from_numpy(grey.copy())[None, None].expand(-1, 3, -1, -1)).sha256() == three_times
    assert read_image(RGB.astype(np.float64) / 255).sha256() == digest

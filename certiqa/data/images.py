"""The one gate through which pictures enter certiqa.

Files, PIL images, arrays and tensors all become a :class:`Picture`. What stands on the 8-bit grid stays there exactly;
what is not an RGB picture in range is refused with the remedy. The code behind this gate trusts what came through.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from certiqa.data.decode import decode_bytes, decode_pil, read_bytes, refusal

__all__ = ["Picture", "read_image", "read_images"]

_GRID_TOLERANCE = 3e-5  # on the scale 0..255: four times what the rounding of k/255 to float32 leaves
_DTYPES = {"uint8", "float16", "bfloat16", "float32", "float64", "longdouble", "float128"}
_DTYPE_REMEDIES = {
    "uint16": "Divide it by the largest value of its range (image / 65535.0 for full 16 bits).",
    "bool": "Convert it to uint8 and multiply by 255.",
    "complex64": "Take its real part or its magnitude, as floats in [0, 1].",
    "complex128": "Take its real part or its magnitude, as floats in [0, 1].",
    "object": "Build one numeric array: numpy.stack of rows of equal length, as uint8.",
}
_INTEGER_REMEDY = "If its values are 0..255 convert it to uint8; else divide it by the largest value of its range."


@dataclass(frozen=True, eq=False)
class Picture:
    """One RGB picture that came through the gate: at least 2 x 2 pixels, finite, in range, copied from its source.

    Attributes:
        pixels: (3, H, W), C-contiguous, read-only. uint8 when the picture stands on the 8-bit grid (the intensity is
            value / 255), else float32 in [0, 1].
        name: the path as given, or "PIL image", "array", "tensor", "tensor[2]".
        notes: what was done on the way, in words; empty for a plain 8-bit RGB picture.
        file_sha256: of the bytes of the file; None if it was no file.
    """

    pixels: npt.NDArray[np.uint8 | np.float32] = field(repr=False)
    name: str
    notes: tuple[str, ...]
    file_sha256: str | None

    @property
    def on_grid(self) -> bool:
        """Whether every intensity is k / 255 for an integer k."""
        return self.pixels.dtype == np.uint8

    @property
    def shape(self) -> tuple[int, int, int]:
        """(3, H, W)."""
        return 3, self.height, self.width

    @property
    def height(self) -> int:
        """H, in pixels."""
        return int(self.pixels.shape[1])

    @property
    def width(self) -> int:
        """W, in pixels."""
        return int(self.pixels.shape[2])

    @property
    def dimension(self) -> int:
        """The number of intensities d = 3 * H * W."""
        return int(self.pixels.size)

    def sha256(self) -> str:
        """Digest of the decoded content (dtype, shape, values): the same whichever way the same picture came in."""
        header = f"certiqa-picture-1|{self.pixels.dtype.name}|{self.shape}|"
        values = self.pixels.astype(self.pixels.dtype.newbyteorder("<"), copy=False)
        return hashlib.sha256(header.encode() + values.tobytes()).hexdigest()

    def as_float(self) -> npt.NDArray[np.float32]:
        """Return the intensities as a new float32 array (3, H, W) in [0, 1]."""
        values = self.pixels.astype(np.float32)
        return values / np.float32(255) if self.on_grid else values


def read_image(image: object) -> Picture:
    """Read exactly one image.

    Args:
        image: a path (BMP, GIF, JPEG, PNG, PPM, TIFF, WebP), a PIL image, a NumPy array (H, W, 3), or a torch tensor
            (3, H, W) or (1, 3, H, W) on any device. Arrays and tensors are uint8, or floats in [0, 1].

    Returns:
        The picture. 8-bit pixels are exactly those of the source; floats within 3e-5 / 255 of the 8-bit grid are
        the 8-bit picture they spell; other floats are kept as float32.

    Raises:
        ImageError: not such an image. The message names the rule, what was found, and the remedy.

    >>> picture = read_image(np.full((4, 6, 3), 0.2))
    >>> picture
    Picture(name='array', notes=(), file_sha256=None)
    >>> picture.shape, picture.on_grid, int(picture.pixels.max())
    ((3, 4, 6), True, 51)
    """
    if isinstance(image, torch.Tensor) and image.ndim == 4 and len(image) > 1:
        raise refusal(
            "(tensor)", "must be exactly one", f"a batch of {len(image)}", "Use read_images, or pass image[0]."
        )
    return read_images(image)[0]


def read_images(image: object) -> list[Picture]:
    """Read one image, or the B images of a tensor (B, 3, H, W).

    Args and errors are those of :func:`read_image`; a list is never empty.

    >>> [picture.name for picture in read_images(torch.zeros(2, 3, 8, 8))]
    ['tensor[0]', 'tensor[1]']
    """
    match image:
        case str() | os.PathLike():
            return [_from_file(os.fsdecode(image))]
        case Image.Image():
            pixels, notes = decode_pil(image)
            return [_picture(pixels.transpose(2, 0, 1), "PIL image", notes)]
        case np.ndarray():
            return [_from_array(image)]
        case torch.Tensor():
            return _from_tensor(image)
    rule = "must be a path, a PIL image, a NumPy array (H, W, 3) or a torch tensor (3, H, W) or (B, 3, H, W)"
    raise refusal("", rule, f"a {type(image).__name__}", _type_remedy(image))


def _type_remedy(image: object) -> str:
    if isinstance(image, bytes | bytearray | memoryview):
        return "Pass PIL.Image.open(io.BytesIO(data))."
    if hasattr(image, "read"):
        return "Pass PIL.Image.open(file)."
    if isinstance(image, list | tuple):
        return "Pass one image at a time, or stack equal-sized ones to a tensor (B, 3, H, W)."
    return "Pass numpy.asarray(image), channels last."


def _from_file(name: str) -> Picture:
    data = read_bytes(name)
    pixels, notes = decode_bytes(data, name)
    return _picture(pixels.transpose(2, 0, 1), name, notes, hashlib.sha256(data).hexdigest())


def _from_array(array: npt.NDArray[Any]) -> Picture:
    if isinstance(array, np.ma.MaskedArray):
        raise refusal("(array)", "must have a value everywhere", "a masked array", "Fill it: image.filled(...).")
    _check_dtype(array.dtype.name, "(array)")
    if array.ndim != 3 or array.shape[2] != 3:
        raise refusal("(array)", "must have shape (H, W, 3)", f"shape {array.shape}", _array_remedy(array.shape))
    return _picture(array.transpose(2, 0, 1), "array")


def _array_remedy(shape: tuple[int, ...]) -> str:
    match shape:
        case (_, _):
            return "It looks grey: numpy.stack([image] * 3, axis=-1) repeats its one channel."
        case (3, _, _):
            return "Its channels come first: pass image.transpose(1, 2, 0)."
        case (_, _, 1):
            return "It looks grey: numpy.repeat(image, 3, axis=-1) repeats its one channel."
        case (_, _, 4):
            return "Drop the alpha with image[..., :3], or pass the file or PIL image, which is shown on white."
        case (_, 3, _, _):
            return "Pass one image, image[0].transpose(1, 2, 0), or the batch as torch.from_numpy(image)."
        case (_, _, _, 3):
            return "Pass one image, image[0], or the batch as torch.from_numpy(image).permute(0, 3, 1, 2)."
    return "Pass one RGB image, channels last."


def _from_tensor(tensor: torch.Tensor) -> list[Picture]:
    if tensor.layout != torch.strided or tensor.is_meta:
        found = "a meta tensor" if tensor.is_meta else f"layout {tensor.layout}"
        raise refusal("(tensor)", "must be dense, with values", found, "Pass image.to_dense(), on a real device.")
    _check_dtype(str(tensor.dtype).removeprefix("torch."), "(tensor)")
    shape = tuple(tensor.shape)
    if tensor.ndim not in (3, 4) or shape[-3] != 3:
        rule = "must have shape (3, H, W) or (B, 3, H, W)"
        raise refusal("(tensor)", rule, f"shape {shape}", _tensor_remedy(shape))
    if shape[0] == 0:
        raise refusal("(tensor)", "must hold at least one image", f"shape {shape}, an empty batch", "Check its source.")
    values = tensor.detach().cpu().resolve_neg()
    array = (values.float() if tensor.dtype == torch.bfloat16 else values).numpy()
    if tensor.ndim == 3:
        return [_picture(array, "tensor")]
    return [_picture(one, f"tensor[{index}]") for index, one in enumerate(array)]


def _tensor_remedy(shape: tuple[int, ...]) -> str:
    match shape:
        case (_, _):
            return "It looks grey: image.expand(3, -1, -1) repeats its one channel."
        case (1, _, _):
            return "It looks grey: image.expand(3, -1, -1) repeats its one channel."
        case (4, _, _):
            return "Drop the alpha with image[:3], or pass the file or PIL image, which is shown on white."
        case (_, _, 3):
            return "Its channels come last: pass image.permute(2, 0, 1)."
        case (_, 1, _, _):
            return "It looks grey: image.expand(-1, 3, -1, -1) repeats its one channel."
        case (_, 4, _, _):
            return "Drop the alpha with image[:, :3]."
        case (_, _, _, 3):
            return "Its channels come last: pass image.permute(0, 3, 1, 2)."
    return "Pass RGB, channels first."


def _check_dtype(dtype: str, what: str) -> None:
    if dtype in _DTYPES:
        return
    is_integer = dtype.startswith(("int", "uint"))
    remedy = _DTYPE_REMEDIES.get(dtype, _INTEGER_REMEDY if is_integer else "Convert it to float32 in [0, 1].")
    raise refusal(what, "must be uint8, or floats in [0, 1]", f"dtype {dtype}", remedy)


def _picture(values: npt.NDArray[Any], name: str, notes: tuple[str, ...] = (), sha256: str | None = None) -> Picture:
    """Build the picture from (3, H, W) values: the checks that every source shares, and the copy."""
    what = repr(name) if sha256 else f"({name})"
    height, width = values.shape[1:]
    if min(height, width) < 2:
        found = f"height {height} and width {width}"
        raise refusal(what, "must have at least 2 pixels on each side", found, "Pass a larger image.")
    pixels = np.array(values, order="C") if values.dtype == np.uint8 else _on_grid_or_float(values, what)
    pixels.setflags(write=False)
    return Picture(pixels, name, notes, sha256)


def _on_grid_or_float(values: npt.NDArray[Any], what: str) -> npt.NDArray[np.uint8 | np.float32]:
    exact = np.array(values, dtype=np.float64, order="C")
    if bad := exact.size - int(np.isfinite(exact).sum()):
        found, remedy = f"{bad} of {exact.size} values that are NaN or infinite", "Repair its source."
        raise refusal(what, "must be finite", found, remedy)
    low, high = float(exact.min()), float(exact.max())
    if low < 0 or high > 1:
        raise refusal(what, "must lie in [0, 1]", f"values from {low:.8g} to {high:.8g}", _range_remedy(low, high))
    scaled = 255 * exact
    levels = np.rint(scaled)
    if np.abs(scaled - levels).max() <= _GRID_TOLERANCE:
        return levels.astype(np.uint8)
    return exact.astype(np.float32)


def _range_remedy(low: float, high: float) -> str:
    if low >= -0.1 and high <= 1.1:
        return "If a filter or a resize overshot, clip it to [0, 1]."
    if low >= 0 and 2 < high <= 255:
        return "It looks like 0..255: divide by 255, or convert it to uint8."
    if low >= 0 and 255 < high <= 65535:
        return "It looks like 0..65535: divide by 65535."
    if -1 <= low < 0 and high <= 1:
        return "It looks like [-1, 1]: pass (image + 1) / 2."
    return "If it was normalised by a mean and a deviation, undo that; then scale it to [0, 1]."

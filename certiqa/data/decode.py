"""From a picture file, or a PIL image, to 8-bit RGB: exact where the file is 8-bit, and every liberty taken is noted.

Nothing is repaired. A file that is truncated, damaged, a decompression bomb or not a picture is refused; so is one
whose values have no known range. Of a file with several frames the first is read, and must be whole. Pillow decodes;
this module decides what counts as decoded.
"""

from __future__ import annotations

import difflib
import io
import itertools
import os
import re
import stat
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile, TiffImagePlugin, UnidentifiedImageError

from certiqa.errors import ImageError

__all__ = ["decode_bytes", "decode_pil", "read_bytes", "refusal"]

_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_GREY_MODES = {"1", "L", "LA", "I", "I;16", "I;16L", "I;16B", "I;16N"}
_CONVERTED_MODES = {"CMYK", "YCbCr", "HSV", "LAB"}
_COLOUR_MODES = {"RGB", "RGBA", "RGBa", "RGBX", "P", "PA"}
_KEYED_MODES = {"1", "L", "RGB", "I", "I;16", "I;16L", "I;16B", "I;16N"}
_TIFF_BITS, _TIFF_PHOTOMETRIC, _EXIF_ORIENTATION, _WHITE_IS_ZERO = 258, 262, 274, 0
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_WHOLE = "must be a complete, undamaged picture"
_ONE_AT_A_TIME = threading.Lock()  # warning filters and Pillow's switches belong to the whole process

Pixels = npt.NDArray[np.uint8]


def refusal(what: str, rule: str, found: str, remedy: str) -> ImageError:
    """Build the one-line message of the house: what is refused, the rule, what was found, the remedy.

    >>> print(refusal("'a.png'", "must not be empty", "0 bytes", "Copy it again."))
    The image 'a.png' must not be empty. Got 0 bytes instead. Copy it again.
    """
    subject = f"The image {what}" if what else "The image"
    return ImageError(f"{subject} {rule}. Got {' '.join(found.split())} instead. {remedy}")


def read_bytes(name: str) -> bytes:
    """Return all bytes of a regular, non-empty file.

    Raises:
        ImageError: no such file (near names are suggested), a directory, no permission, 0 bytes.
    """
    try:
        mode = os.stat(name).st_mode
        data = Path(name).read_bytes() if stat.S_ISREG(mode) else b""
    except (FileNotFoundError, NotADirectoryError):
        raise refusal(repr(name), "must be an existing file", "no such file", _near(name)) from None
    except PermissionError:
        found, remedy = "permission denied", "Make it readable for this user."
        raise refusal(repr(name), "must be a file that may be read", found, remedy) from None
    except (OSError, ValueError) as error:
        raise refusal(repr(name), "must be a file that can be read", str(error), "Check the path.") from None
    if stat.S_ISDIR(mode):
        raise refusal(repr(name), "must be a file", "a directory", "Name one picture file in it.")
    if not stat.S_ISREG(mode):
        raise refusal(repr(name), "must be a regular file", "a device, pipe or socket", "Save it to a file first.")
    if not data:
        raise refusal(repr(name), "must be a picture file", "a file of 0 bytes", "Copy or download it again.")
    return data


def _near(name: str) -> str:
    folder, base = os.path.split(name)
    try:
        with os.scandir(folder or ".") as entries:
            names = [entry.name for entry in itertools.islice(entries, 5000)]
    except (OSError, ValueError):
        return f"There is no folder {folder!r} that can be listed: check the path."
    near = difflib.get_close_matches(base, names, n=3, cutoff=0.6)
    return f"Did you mean {' or '.join(repr(n) for n in near)}?" if near else "Check the path."


def decode_bytes(data: bytes, name: str) -> tuple[Pixels, tuple[str, ...]]:
    """Decode the bytes of a picture file.

    Args:
        data: the whole file.
        name: what error messages call it.

    Returns:
        uint8 pixels (H, W, 3), equal to Pillow's ``convert("RGB")`` for opaque 8-bit files, and the notes.

    Raises:
        ImageError: see the module's docstring.
    """
    what = repr(name)
    with _strict(what, data) as seen, Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        _check_complete(image, data, what)
        pixels, notes = _decode(image, _bits(image, data), what)
        _check_warnings(image, seen, what)
    return pixels, (*notes, *_as_notes(seen))


def decode_pil(image: Image.Image) -> tuple[Pixels, tuple[str, ...]]:
    """Decode a PIL image by the same rules; the image itself stays as it is.

    Returns:
        uint8 pixels (H, W, 3) and the notes.

    Raises:
        ImageError: as for a file, where a PIL image still shows it.

    >>> pixels, notes = decode_pil(Image.new("L", (4, 2), 7))
    >>> pixels.shape, int(pixels.max()), notes
    ((2, 4, 3), 7, ('grey image, its one channel repeated three times',))
    """
    what = "(PIL image)"
    with _strict(what) as seen:
        pixels, notes = _decode(image, _bits(image), what)
    return pixels, (*notes, *_as_notes(seen))


@contextmanager
def _strict(what: str, data: bytes = b"") -> Iterator[list[warnings.WarningMessage]]:
    """Run Pillow with bombs as errors, truncation refused whatever the process chose, other warnings collected."""
    remedy = "Open it in another program and save it as PNG."
    with _ONE_AT_A_TIME, warnings.catch_warnings(record=True, action="always") as seen:
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        lenient, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
        try:
            yield seen
        except ImageError:
            raise
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            remedy = "Crop it; if you trust it, raise PIL.Image.MAX_IMAGE_PIXELS."
            raise refusal(what, "must be within Pillow's limit on pixels", str(error), remedy) from error
        except UnidentifiedImageError as error:
            rule = f"must be a complete picture in one of the formats {', '.join(_FORMATS)}"
            raise refusal(what, rule, f"{len(data)} bytes that begin with {data[:12]!r}", remedy) from error
        except Exception as error:  # a decoder meets untrusted bytes: whatever it raises means "not decodable"
            found = f"{type(error).__name__}: {error}"
            raise refusal(what, _WHOLE, found, "Copy or save it again.") from error
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = lenient


def _check_warnings(image: Image.Image, seen: list[warnings.WarningMessage], what: str) -> None:
    """Elsewhere Pillow warns about metadata; in a TIFF the same words are about the directory of the pixels."""
    words = re.compile("truncated|corrupt|larger than|too large", re.IGNORECASE)
    damage = [note for note in _as_notes(seen) if words.search(note)]
    if image.format == "TIFF" and damage:
        raise refusal(what, _WHOLE, damage[0], "Copy or save it again.")


def _as_notes(seen: list[warnings.WarningMessage]) -> list[str]:
    return list(dict.fromkeys(f"Pillow warned: {' '.join(str(warning.message).split())}" for warning in seen))


def _check_complete(image: Image.Image, data: bytes, what: str) -> None:
    """Refuse the endings that Pillow forgives; all other truncations it reports itself while loading."""
    ends = {"PNG": _png_ends, "BMP": _bmp_ends, "GIF": _gif_ends}.get(image.format or "")
    if ends and not ends(data):
        found = f"a truncated or damaged {image.format} of {len(data)} bytes"
        raise refusal(what, _WHOLE, found, "Copy or download it again.")


def _png_ends(data: bytes) -> bool:
    """Every chunk up to IEND is whole, and the checksums of the critical ones hold."""
    start, kind = 8, b""
    while kind != b"IEND":
        kind, stop = data[start + 4 : start + 8], start + 12 + int.from_bytes(data[start : start + 4])
        if stop > len(data):
            return False
        critical = kind[:1].isupper()
        if critical and zlib.crc32(data[start + 4 : stop - 4]) != int.from_bytes(data[stop - 4 : stop]):
            return False
        start = stop
    return True


def _bmp_ends(data: bytes) -> bool:
    return len(data) >= int.from_bytes(data[2:6], "little")


def _gif_ends(data: bytes) -> bool:
    return data.rstrip(b"\0").endswith(b";")


def _bits(image: Image.Image, data: bytes = b"") -> int:
    """Return the bits per channel of the source as far as it says so; 0 where they do not fill a known range."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return int(max(image.tag_v2.get(_TIFF_BITS, (1,))))
    if data and image.format == "PNG":
        return data[24]
    if data and image.format == "PPM" and data[1:2] not in b"14":
        largest = re.sub(rb"#[^\r\n]*", b"", data[:4096]).split(None, 4)[3]
        return 8 if largest == b"255" else 0
    return 16 if image.mode.startswith("I") else 8


def _decode(image: Image.Image, bits: int, what: str) -> tuple[Pixels, list[str]]:
    """Load, turn upright, and bring to RGB."""
    notes = []
    if (frames := getattr(image, "n_frames", 1)) > 1:
        notes.append(f"first of {frames} frames" if image.tell() == 0 else f"frame {image.tell() + 1} of {frames}")
    stated = _orientation(image)
    image.load()
    _check_mode(image, bits, what)
    left = _orientation(image)  # a TIFF turns itself upright while loading
    if stated or left:
        notes.append(f"EXIF orientation {stated or left} applied")
    if image.info.get("icc_profile"):
        notes.append("embedded ICC profile ignored")
    if bits > 8:
        notes.append(f"{bits}-bit {'file' if image.format else 'image'} read at 8 bits per channel")
    pixels, more = _rgb(image.transpose(_UPRIGHT[left]) if left else image, bits)
    return pixels, notes + more


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation 2..8, or 0 for upright, none, or unreadable EXIF: that says nothing of the pixels."""
    try:
        stated = image.getexif().get(_EXIF_ORIENTATION)
    except Exception:
        return 0
    return stated if stated in _UPRIGHT else 0


def _check_mode(image: Image.Image, bits: int, what: str) -> None:
    """Refuse values that no rule maps to 8 bits without a guess."""
    remedy = "Scale it yourself and pass a uint8 array (H, W, 3), or floats in [0, 1]."
    found = ""
    integers_of_any_range = image.mode == "I" and image.format != "PNG"
    if image.mode not in _GREY_MODES | _CONVERTED_MODES | _COLOUR_MODES or integers_of_any_range:
        found = f"mode {image.mode!r}, whose range is unknown"
    elif not bits:
        found = f"a {image.format} whose largest value is not 255"
    elif image.mode.startswith("I") and _white_is_zero(image):
        found = f"a {bits}-bit grey TIFF that counts from white to black"
    elif _colour_key_misplaced(image, bits):
        found, remedy = f"{bits}-bit values with one transparent colour", "Flatten it on white, then save it as PNG."
    if found:
        raise refusal(what, "must hold 8-bit or 16-bit values of a known range", found, remedy)


def _white_is_zero(image: Image.Image) -> bool:
    """Whether the TIFF counts downwards: Pillow inverts that at 8 bits and below, not above."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return False
    return bool(image.tag_v2.get(_TIFF_PHOTOMETRIC) == _WHITE_IS_ZERO)


def _colour_key_misplaced(image: Image.Image, bits: int) -> bool:
    """Whether Pillow compares the transparent colour, stored at the file's depth, with pixels at another depth."""
    key = image.info.get("transparency")
    if key is None or image.mode not in _KEYED_MODES:
        return False
    return bits not in (1, 8) or int(np.max(key)) > 255


def _rgb(image: Image.Image, bits: int) -> tuple[Pixels, list[str]]:
    notes = []
    if image.mode in _GREY_MODES:
        notes.append("grey image, its one channel repeated three times")
    if image.mode in _CONVERTED_MODES:
        notes.append(f"{image.mode} colours converted to RGB")
    if image.mode.startswith("I"):  # as Pillow does with 16-bit colour: the high byte
        grey = (np.asarray(image) >> (bits - 8)).astype(np.uint8)
        return np.stack([grey] * 3, axis=-1), notes
    if not image.has_transparency_data:
        return np.asarray(image.convert("RGB")), notes
    rgba = np.asarray(image.convert("RGBA"))
    if rgba[..., 3].min() == 255:
        return rgba[..., :3], notes
    return _on_white(rgba), [*notes, "transparent pixels shown on white"]


def _on_white(rgba: Pixels) -> Pixels:
    """Composite over white, rounded to the nearest of the 256 levels."""
    colour, alpha = rgba[..., :3].astype(np.uint32), rgba[..., 3:].astype(np.uint32)
    return ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)

"""Files and PIL images: bit-exact decoding, every liberty noted, damage refused."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import threading
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile, ImageOps

from certiqa.data.decode import decode_bytes, decode_pil
from certiqa.data.images import read_image
from certiqa.errors import ImageError

RGB = np.random.default_rng(1).integers(0, 256, (10, 13, 3), dtype=np.uint8)
GREY16 = np.random.default_rng(2).integers(0, 65536, (10, 13), dtype=np.uint16)
GREY_NOTE = "grey image, its one channel repeated three times"
WHITE_NOTE = "transparent pixels shown on white"
DEPTH_NOTE = "16-bit file read at 8 bits per channel"


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(rows: list[bytes], width: int, bits: int, colour: int, extra: bytes = b"", interlaced: int = 0) -> bytes:
    """Build a PNG of unfiltered rows by hand."""
    header = struct.pack(">IIBBBBB", width, len(rows), bits, colour, 0, 0, interlaced)
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def interlaced_png(pixels: np.ndarray) -> bytes:
    """Adam7: seven reduced pictures, one after the other."""
    height, width, _ = pixels.shape
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    rows = b"".join(b"\0" + row.tobytes() for y, x, dy, dx in passes for row in pixels[y::dy, x::dx] if row.size)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 1))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def tiff(values: np.ndarray, bits: int, photometric: int) -> bytes:
    """Build a grey little-endian TIFF of one strip by hand."""
    tags = [(256, values.shape[1]), (257, values.shape[0]), (258, bits), (259, 1), (262, photometric), (277, 1)]
    packed = values.astype("<u2").tobytes()
    if bits == 12:
        text = "".join(f"{value:012b}" for value in values.ravel())
        packed = int(text, 2).to_bytes(len(text) // 8)
    tags = [*tags[:5], (273, 8), *tags[5:], (278, values.shape[0]), (279, len(packed))]
    entries = b"".join(struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in tags)
    directory = struct.pack("<H", len(tags)) + entries + b"\0\0\0\0"
    return b"II*\0" + struct.pack("<I", 8 + len(packed)) + packed + directory


def refusal_of(source: Any) -> str:
    with pytest.raises(ImageError) as caught:
        decode_bytes(source, "some.img") if isinstance(source, bytes) else read_image(source)
    message = str(caught.value)
    assert "\n" not in message
    return message


def on_white(rgba: np.ndarray) -> np.ndarray:
    """The oracle: composite in float64, rounded to nearest."""
    alpha = rgba[..., 3:] / 255.0
    return np.floor(rgba[..., :3] * alpha + 255.0 * (1 - alpha) + 0.5 - 1e-9).astype(np.uint8)


# --- exact decoding

PICTURE = Image.fromarray(RGB)
EXACT: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "png": (encoded(PICTURE, "PNG"), ()),
    "png interlaced": (interlaced_png(RGB), ()),
    "png grey": (encoded(PICTURE.convert("L"), "PNG"), (GREY_NOTE,)),
    "png 1 bit": (encoded(PICTURE.convert("1"), "PNG"), (GREY_NOTE,)),
    "png 2 bits": (png([bytes([27, 228]), bytes([85, 170])], 8, 2, 0), (GREY_NOTE,)),
    "png palette": (encoded(PICTURE.quantize(16), "PNG"), ()),
    "png opaque alpha": (encoded(PICTURE.convert("RGBA"), "PNG"), ()),
    "png opaque grey alpha": (encoded(PICTURE.convert("LA"), "PNG"), (GREY_NOTE,)),
    "png profile": (encoded(PICTURE, "PNG", icc_profile=b"not a profile"), ("embedded ICC profile ignored",)),
    "jpeg": (encoded(PICTURE, "JPEG", quality=90), ()),
    "jpeg progressive": (encoded(PICTURE, "JPEG", progressive=True), ()),
    "jpeg grey": (encoded(PICTURE.convert("L"), "JPEG"), (GREY_NOTE,)),
    "jpeg cmyk": (encoded(PICTURE.convert("CMYK"), "JPEG"), ("CMYK colours converted to RGB",)),
    "bmp": (encoded(PICTURE, "BMP"), ()),
    "bmp grey": (encoded(PICTURE.convert("L"), "BMP"), (GREY_NOTE,)),
    "webp": (encoded(PICTURE, "WEBP", quality=80), ()),
    "webp lossless": (encoded(PICTURE, "WEBP", lossless=True), ()),
    "tiff": (encoded(PICTURE, "TIFF"), ()),
    "tiff lzw": (encoded(PICTURE, "TIFF", compression="tiff_lzw"), ()),
    "tiff grey lzw": (encoded(PICTURE.convert("L"), "TIFF", compression="tiff_lzw"), (GREY_NOTE,)),
    "tiff cmyk": (encoded(PICTURE.convert("CMYK"), "TIFF"), ("CMYK colours converted to RGB",)),
    "tiff lab": (encoded(Image.new("LAB", (6, 5), (150, 20, 200)), "TIFF"), ("LAB colours converted to RGB",)),
    "tiff jpeg": (encoded(PICTURE, "TIFF", compression="jpeg"), ()),
    "tiff white is zero": (encoded(Image.eval(PICTURE.convert("L"), int), "TIFF", tiffinfo={262: 0}), (GREY_NOTE,)),
    "gif": (encoded(PICTURE.quantize(200), "GIF"), ()),
    "ppm": (encoded(PICTURE, "PPM"), ()),
    "pgm": (encoded(PICTURE.convert("L"), "PPM"), (GREY_NOTE,)),
    "pbm": (encoded(PICTURE.convert("1"), "PPM"), (GREY_NOTE,)),
    "ppm with comments": (b"P6 # a # b\n#c\n13 # d\n10\n# e\n255\n" + RGB.tobytes(), ()),
}


@pytest.mark.parametrize("case", EXACT)
def test_decoding_is_pillows_to_the_bit(case: str, tmp_path: Path) -> None:
    data, notes = EXACT[case]
    path = tmp_path / "picture"
    path.write_bytes(data)
    picture = read_image(path)
    with Image.open(path) as image:
        expected = np.asarray(image.convert("RGB"))
        as_pil = read_image(image)
    assert np.array_equal(picture.pixels, expected.transpose(2, 0, 1))
    assert picture.notes == as_pil.notes == notes
    assert picture.sha256() == as_pil.sha256()
    assert picture.file_sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    "case", ["png", "png interlaced", "png opaque alpha", "bmp", "webp lossless", "tiff", "tiff lzw", "ppm"]
)
def test_lossless_formats_return_the_pixels_written(case: str) -> None:
    assert np.array_equal(decode_bytes(EXACT[case][0], case)[0], RGB)


@pytest.mark.parametrize(
    "mode", ["1", "L", "P", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "LAB", "LA", "PA"]
)
def test_modes_of_pil_images(mode: str) -> None:
    through = "RGBA" if mode == "RGBa" else mode
    image = Image.new("LAB", (6, 5), (150, 20, 200)) if mode == "LAB" else PICTURE.convert(through)
    image = image.convert(mode)
    expected = (image.convert("RGBA") if mode == "RGBa" else image).convert("RGB")
    pixels, _ = decode_pil(image)
    assert np.array_equal(pixels, np.asarray(expected))
    assert image.mode == mode


# --- more than 8 bits


def test_16_bit_grey_is_the_high_byte() -> None:
    for data in (png([row.tobytes() for row in GREY16.byteswap()], 13, 16, 0), tiff(GREY16, 16, 1)):
        pixels, notes = decode_bytes(data, "deep")
        assert np.array_equal(pixels, np.stack([GREY16 >> 8] * 3, axis=-1))
        assert notes == (DEPTH_NOTE, GREY_NOTE)


def test_16_bit_colour_agrees_with_16_bit_grey() -> None:
    colour = np.repeat(GREY16[..., None], 3, axis=-1)
    from_colour, notes = decode_bytes(png([row.tobytes() for row in colour.byteswap()], 13, 16, 2), "colour")
    from_grey, _ = decode_bytes(png([row.tobytes() for row in GREY16.byteswap()], 13, 16, 0), "grey")
    assert np.array_equal(from_colour, from_grey)
    assert notes == (DEPTH_NOTE,)


def test_16_bit_alpha() -> None:
    rgba = np.dstack([GREY16, GREY16[::-1], GREY16[:, ::-1], np.full_like(GREY16, 65535)])
    pixels, notes = decode_bytes(png([row.tobytes() for row in rgba.byteswap()], 13, 16, 6), "deep")
    assert np.array_equal(pixels, rgba[..., :3] >> 8)
    assert notes == (DEPTH_NOTE,)


def test_12_bit_grey_fills_the_range() -> None:
    values = np.array([[0, 15, 16, 4095], [2048, 255, 4079, 4080]], dtype=np.uint16)
    pixels, notes = decode_bytes(tiff(values, 12, 1), "deep")
    assert np.array_equal(pixels[..., 0], values >> 4)
    assert "12-bit file read at 8 bits per channel" in notes


@pytest.mark.parametrize("mode", ["I;16", "I;16L", "I;16B", "I;16N"])
def test_16_bit_pil_images(mode: str) -> None:
    kind = ">u2" if mode == "I;16B" else "<u2"
    image = Image.frombytes(mode, (13, 10), GREY16.astype(kind).tobytes())
    pixels, notes = decode_pil(image)
    assert np.array_equal(pixels[..., 1], GREY16 >> 8)
    assert notes == ("16-bit image read at 8 bits per channel", GREY_NOTE)


UNKNOWN_RANGE: list[tuple[Any, str]] = [
    (Image.fromarray(np.full((4, 4), 70000, np.int32)), "mode 'I'"),
    (Image.fromarray(np.full((4, 4), 0.5, np.float32)), "mode 'F'"),
    (Image.new("La", (4, 4)), "mode 'La'"),
    (encoded(Image.fromarray(np.full((4, 4), 9, np.int32)), "TIFF"), "mode 'I'"),
    (encoded(Image.fromarray(np.full((4, 4), 0.5, np.float32)), "TIFF"), "mode 'F'"),
    (tiff(GREY16, 16, 0), "from white to black"),
    (b"P5 2 2 65535\n" + bytes(8), "mode 'I'"),
    (b"P6 2 2 65535\n" + bytes(24), "not 255"),
    (b"P6 2 2 100\n" + bytes(12), "not 255"),
    (b"Pf 2 2 -1.0\n" + bytes(16), "mode 'F'"),
]


@pytest.mark.parametrize(("source", "found"), UNKNOWN_RANGE)
def test_unknown_ranges_are_refused(source: Any, found: str) -> None:
    message = refusal_of(source)
    assert found in message
    assert "known range" in message
    assert "uint8 array (H, W, 3)" in message


# --- transparency

RGBA = np.dstack([RGB, np.random.default_rng(3).integers(0, 256, (10, 13), dtype=np.uint8)])


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_alpha_is_shown_on_white(kind: str) -> None:
    image = Image.fromarray(RGBA)
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    pixels, notes = decode_bytes(encoded(image, kind, **options), "clear")
    assert np.array_equal(pixels, on_white(RGBA))
    assert notes == (WHITE_NOTE,)
    assert np.array_equal(decode_pil(image)[0], pixels)


def test_every_level_on_white_is_rounded_to_nearest() -> None:
    colour, alpha = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    rgba = np.dstack([colour, colour, colour, alpha])
    exact = (colour.astype(int) * alpha + 255 * (255 - alpha.astype(int))) / 255
    assert np.abs(decode_pil(Image.fromarray(rgba))[0] - exact[..., None]).max() <= 0.5


def test_grey_alpha_is_shown_on_white() -> None:
    pixels, notes = decode_pil(Image.fromarray(RGBA[..., 2:], mode=None).convert("LA"))
    assert np.array_equal(pixels, on_white(RGBA[..., [2, 2, 2, 3]]))
    assert notes == (GREY_NOTE, WHITE_NOTE)


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_transparent_palette_entry(kind: str) -> None:
    image = Image.fromarray(np.tile(np.array([0, 1, 2], np.uint8), (4, 2)))
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    pixels, notes = decode_bytes(encoded(image, kind, transparency=1), "palette")
    assert pixels[0, :3].tolist() == [[10, 20, 30], [255, 255, 255], [70, 80, 90]]
    assert notes == (WHITE_NOTE,)


def test_half_transparent_palette() -> None:
    image = Image.fromarray(np.tile(np.array([0, 1, 2], np.uint8), (4, 2)))
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    pixels, notes = decode_bytes(encoded(image, "PNG", transparency=bytes([255, 51, 0])), "palette")
    assert pixels[0, :3].tolist() == [[10, 20, 30], [212, 214, 216], [255, 255, 255]]
    assert notes == (WHITE_NOTE,)


def test_transparent_colour() -> None:
    pixels, notes = decode_bytes(encoded(PICTURE, "PNG", transparency=tuple(RGB[2, 3].tolist())), "key")
    expected = RGB.copy()
    expected[2, 3] = 255
    assert np.array_equal(pixels, expected)
    assert notes == (WHITE_NOTE,)


@pytest.mark.parametrize(
    ("bits", "colour", "row", "key"),
    [(16, 2, bytes(12), ">HHH"), (16, 0, bytes(4), ">H"), (2, 0, bytes(1), ">H"), (4, 0, bytes(1), ">H")],
)
def test_a_transparent_colour_pillow_misplaces_is_refused(bits: int, colour: int, row: bytes, key: str) -> None:
    extra = chunk(b"tRNS", struct.pack(key, *[0] * (len(key) - 1)))
    message = refusal_of(png([row, row], 2, bits, colour, extra))
    assert f"{bits}-bit values with one transparent colour" in message
    assert "Flatten" in message


def test_a_16_bit_transparent_colour_shows_in_a_pil_image_too() -> None:
    data = png([bytes(12)] * 2, 2, 16, 2, chunk(b"tRNS", struct.pack(">HHH", 65535, 0, 0)))
    with Image.open(io.BytesIO(data)) as image:
        assert "one transparent colour" in refusal_of(image)


# --- orientation, frames

UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "JPEG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    data = encoded(PICTURE, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    plain = RGB if kind != "JPEG" else decode_bytes(encoded(PICTURE, kind), "plain")[0]
    pixels, notes = decode_bytes(data, "turned")
    assert np.array_equal(pixels, UPRIGHT[orientation](plain))
    assert notes == (() if orientation == 1 else (f"EXIF orientation {orientation} applied",))
    with Image.open(io.BytesIO(data)) as image:
        from_pil, _ = decode_pil(image)
        assert np.array_equal(from_pil, np.asarray(ImageOps.exif_transpose(image).convert("RGB")))
    assert np.array_equal(from_pil, pixels)


def test_orientation_of_16_bit_grey() -> None:
    exif = Image.Exif()
    exif[274] = 6
    pixels, notes = decode_bytes(encoded(Image.fromarray(GREY16), "PNG", exif=exif), "turned")
    assert np.array_equal(pixels[..., 0], np.rot90(GREY16 >> 8, -1))
    assert notes == ("EXIF orientation 6 applied", DEPTH_NOTE, GREY_NOTE)


@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\x08\0\0\0\x05\0", b"Exif\0\0MM\0*\0\0\xff\xff"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_broken_exif_is_no_orientation(exif: bytes, kind: str) -> None:
    plain, _ = decode_bytes(encoded(PICTURE, kind), "plain")
    pixels, notes = decode_bytes(encoded(PICTURE, kind, exif=exif), "broken")
    assert np.array_equal(pixels, plain)
    assert all(note.startswith("Pillow warned: ") for note in notes)


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP", "PNG"])
def test_the_first_of_several_frames(kind: str) -> None:
    frames = [Image.new("RGB", (6, 5), colour) for colour in ["red", "lime", "blue"]]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    pixels, notes = decode_bytes(data, "moving")
    assert (pixels == [255, 0, 0]).all()
    assert notes == ("first of 3 frames",)
    with Image.open(io.BytesIO(data)) as image:
        image.seek(2)
        pixels, notes = decode_pil(image)
        assert (pixels == [0, 0, 255]).all()
        assert notes == ("frame 3 of 3",)


# --- damage

WHOLE = {name: data for name, (data, _) in EXACT.items() if name not in {"tiff lab", "png 2 bits", "pbm"}}


@pytest.mark.parametrize("name", WHOLE)
def test_a_file_cut_short_is_refused(name: str) -> None:
    data = WHOLE[name]
    cuts = sorted({*range(1, 24), *range(24, len(data), max(1, len(data) // 40))})
    for cut in cuts:
        message = refusal_of(data[:-cut])
        assert "complete" in message, (cut, message)
        assert "'some.img'" in message


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
def test_a_large_file_cut_short_is_refused(kind: str) -> None:
    noise = np.random.default_rng(5).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    for cut in (1, 2, 3, 1000, len(data) // 2):
        assert "complete" in refusal_of(data[:-cut])


def test_truncation_is_refused_whatever_the_process_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    data = encoded(PICTURE, "JPEG")
    assert "truncated" in refusal_of(data[:-40])
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


def test_a_lazy_pil_image_of_a_truncated_file_is_refused() -> None:
    with Image.open(io.BytesIO(encoded(PICTURE, "JPEG")[:-40])) as image:
        message = refusal_of(image)
    assert "PIL image" in message
    assert "truncated" in message


def test_a_closed_pil_image_is_refused() -> None:
    image = Image.open(io.BytesIO(encoded(PICTURE, "PNG")))
    image.close()
    assert "PIL image" in refusal_of(image)


def test_every_flipped_bit_of_the_png_data_is_refused() -> None:
    data = encoded(PICTURE, "PNG")
    start = data.index(b"IDAT") + 4
    for position in range(start, data.index(b"IEND") - 4, 7):
        damaged = bytearray(data)
        damaged[position] ^= 0x10
        assert "undamaged" in refusal_of(bytes(damaged))


def test_bytes_after_the_end_are_no_damage() -> None:
    for kind in ("JPEG", "PNG", "BMP"):
        data = encoded(PICTURE, kind)
        assert np.array_equal(decode_bytes(data + b"trailer", kind)[0], decode_bytes(data, kind)[0])


@pytest.mark.parametrize("side", [10_000, 20_000])
def test_decompression_bombs_are_refused(side: int) -> None:
    """10 000 squared is a warning of Pillow, 20 000 squared an error."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
    message = refusal_of(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    assert str(side * side) in message
    assert "MAX_IMAGE_PIXELS" in message


def test_pillows_own_limit_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 129)
    assert "130 pixels" in refusal_of(encoded(PICTURE, "PNG"))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 130)
    assert decode_bytes(encoded(PICTURE, "PNG"), "fits")[0].shape == (10, 13, 3)


# --- the file system


def test_a_missing_file_suggests_near_names(tmp_path: Path) -> None:
    for name in ("castle.png", "castles.png", "unrelated.jpg"):
        (tmp_path / name).write_bytes(b"x")
    message = refusal_of(tmp_path / "catsle.png")
    assert "catsle.png" in message
    assert "no such file" in message
    assert "'castle.png'" in message
    assert "unrelated" not in message


def test_a_missing_folder(tmp_path: Path) -> None:
    message = refusal_of(tmp_path / "nowhere" / "a.png")
    assert "nowhere" in message
    assert "no folder" in message


@pytest.mark.parametrize("name", ["a\0b.png", "x" * 5000 + ".png", ""])
def test_impossible_names(name: str) -> None:
    assert "must be" in refusal_of(name)


def test_a_name_of_two_lines_gives_one_line(tmp_path: Path) -> None:
    assert "two\\nlines" in refusal_of(tmp_path / "two\nlines.png")


def test_a_directory(tmp_path: Path) -> None:
    message = refusal_of(tmp_path)
    assert "a directory" in message
    assert tmp_path.name in message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_is_refused_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert "regular file" in refusal_of(tmp_path / "pipe.png")


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    message = refusal_of(tmp_path / "empty.png")
    assert "empty.png" in message
    assert "0 bytes" in message


def test_a_text_file_named_png(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("hello, this is no picture\n")
    message = refusal_of(tmp_path / "text.png")
    assert "text.png" in message
    assert "b'hello, this '" in message
    assert "PNG" in message


def test_permission_denied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(encoded(PICTURE, "PNG"))

    def denied(*_: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)
    message = refusal_of(path)
    assert "permission denied" in message
    assert "secret.png" in message


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1)])
def test_one_pixel_is_no_picture(size: tuple[int, int], tmp_path: Path) -> None:
    Image.new("RGB", size).save(tmp_path / "dot.png")
    message = refusal_of(tmp_path / "dot.png")
    assert "dot.png" in message
    assert "at least 2 pixels" in message
    assert "(PIL image)" in refusal_of(Image.new("RGB", size))


# --- the process is left as it was


def test_threads_leave_the_warning_filters_alone() -> None:
    data, bad = encoded(PICTURE, "JPEG"), encoded(PICTURE, "JPEG")[:-9]
    before, failures = list(warnings.filters), []

    def work() -> None:
        for _ in range(20):
            if not np.array_equal(decode_bytes(data, "a")[0], expected):
                failures.append("pixels")
            with pytest.raises(ImageError):
                decode_bytes(bad, "b")

    expected, _ = decode_bytes(data, "a")
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert list(warnings.filters) == before

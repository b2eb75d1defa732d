"""A folder of decoded pictures, so that a data set is decoded once.

An entry is keyed by the content of the image file (sha256 of its bytes, the version of the decoding rules, the version
of Pillow and of its JPEG library), not by path, size and time: a file that was replaced within one tick of the clock,
copied elsewhere, or restored with an old date can then never bring the wrong pixels, and the price, one pass over the
bytes, is small beside decoding them. Equal files share one entry.

Each entry is one safetensors file: the pixels, the notes, and a digest of both and of the image file, which is
recomputed whenever the entry is read. What is cut, damaged or of another file is made again. An entry is written beside
its place and renamed into it, so that a process that is killed leaves whole entries and, at worst, one temporary file,
which a later run removes. Pixels are stored as they are: 3 bytes a pixel.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import safetensors
from PIL import features
from safetensors.numpy import save

from certiqa.data.decode import read_bytes
from certiqa.data.images import Picture, read_image
from certiqa.errors import InputError

__all__ = ["DecodingCache"]

_RULES = "certiqa-decoding-1"
_STALE_SECONDS = 24 * 3600.0
_TEMPORARY = ".part-"


class DecodingCache:
    """Reads images as :func:`certiqa.data.images.read_image` does, the second time from its folder.

    Args:
        folder: made if it is not there.

    Attributes:
        folder: where the entries are.
        hits: pictures that came from an entry.
        misses: pictures that were decoded and stored.
        remade: those of the misses whose entry was there, but cut or damaged.

    Raises:
        InputError: the folder cannot be made or written to.

    >>> from certiqa import samples
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cache = DecodingCache(folder)
    ...     first, second = cache.read(samples.path("coffee")), cache.read(samples.path("coffee"))
    >>> first.sha256() == second.sha256(), cache.hits, cache.misses
    (True, 1, 1)
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.hits = self.misses = self.remade = 0
        decoders = f"{_RULES}|{PIL.__version__}|{features.version('jpg')}|{features.version('libjpeg_turbo')}"
        self._decoders = decoders.encode()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._sweep()
            with tempfile.TemporaryFile(dir=self.folder):
                pass
        except OSError as error:
            rule = f"must be a folder that can be made and written to ({error.strerror})"
            raise InputError.of("cache", rule, str(folder), "Name another folder.") from error

    def read(self, path: str | os.PathLike[str]) -> Picture:
        """The picture in a file.

        Raises:
            ImageError: it cannot be read, or is not a picture.
            InputError: the entry cannot be written.
        """
        name = os.fspath(path)
        sha256 = hashlib.sha256(read_bytes(name)).hexdigest()
        entry = self._entry(sha256)
        if (picture := _load(entry, name, sha256)) is not None:
            self.hits += 1
            return picture
        self.remade += entry.exists()
        self.misses += 1
        picture = read_image(name)
        self._store(self._entry(picture.file_sha256 or sha256), picture)  # its own digest: the file may have changed
        return picture

    def _entry(self, file_sha256: str) -> Path:
        key = hashlib.sha256(self._decoders + b"|" + file_sha256.encode()).hexdigest()
        return self.folder / key[:2] / f"{key}.safetensors"

    def _store(self, entry: Path, picture: Picture) -> None:
        about = json.dumps({"notes": picture.notes, "seal": _seal(picture)})
        data = save({"pixels": picture.pixels}, {"about": about})
        try:
            entry.parent.mkdir(exist_ok=True)
            handle, temporary = tempfile.mkstemp(prefix=_TEMPORARY, dir=entry.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                os.replace(temporary, entry)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)
                raise
        except OSError as error:
            raise InputError(f"Cannot write to the cache {str(self.folder)!r}: {error.strerror or error}.") from error

    def _sweep(self) -> None:
        """Remove the temporary files of processes that were killed more than a day ago."""
        for path in self.folder.glob(f"*/{_TEMPORARY}*"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                    path.unlink()


def _load(entry: Path, name: str, file_sha256: str) -> Picture | None:
    """The picture of an entry; None if there is no entry, or not a whole one for this file."""
    try:
        with safetensors.safe_open(entry, framework="numpy") as file:
            about: dict[str, Any] = json.loads((file.metadata() or {})["about"])
            pixels = file.get_tensor("pixels")
        notes, seal = tuple(str(note) for note in about["notes"]), about["seal"]
    except (OSError, ValueError, KeyError, TypeError, safetensors.SafetensorError):
        return None
    if pixels.dtype != np.uint8 or pixels.ndim != 3:
        return None
    pixels = np.ascontiguousarray(pixels)
    pixels.setflags(write=False)
    picture = Picture(pixels, name, notes, file_sha256)
    return picture if seal == _seal(picture) else None


def _seal(picture: Picture) -> str:
    """Digest of all that an entry says: the pixels, the notes, the file they come from."""
    said = json.dumps([_RULES, picture.file_sha256, picture.sha256(), picture.notes])
    return hashlib.sha256(said.encode()).hexdigest()

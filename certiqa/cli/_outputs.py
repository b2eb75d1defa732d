"""``--json`` and ``--plot``: where each image's result goes; checked before sampling, written as soon as it is there.

A file is written beside its place and renamed into it, so that it is whole or absent, also after a crash. Lines are
appended to what a .jsonl holds already, one process at a time.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from certiqa.cli._images import image_path, numbered_stems
from certiqa.errors import CertiqaError, InputError, MissingExtraError
from certiqa.evaluation._lines import is_store

if TYPE_CHECKING:
    from certiqa.certificate import Certificate

__all__ = ["FigureOutput", "JsonOutput", "check_writable", "files_for", "write_atomically"]

_FIGURES = (".png", ".pdf", ".svg")


class JsonOutput:
    """One JSON object per image: lines on stdout ("-"), lines of a .jsonl, a .json, or a folder.

    Attributes:
        on_stdout: whether stdout belongs to it.
        files: what is written; empty: no file.

    Raises:
        InputError: the place does not fit the images, or cannot be written to.
    """

    def __init__(self, given: str | None, images: list[str]) -> None:
        self.on_stdout = given == "-"
        self._stdout = sys.stdout
        self._lines = Path(given) if given and given.lower().endswith(".jsonl") and not Path(given).is_dir() else None
        self.files: list[Path] = []
        if self._lines:
            self.files = [self._lines]
            _check(self.files, "--json", images)
        elif given is not None and not self.on_stdout:
            self.files = files_for(
                given, "--json", images, (".json",), ".json", "- or a name ending in .json or .jsonl"
            )

    def write(self, index: int, data: dict[str, Any]) -> None:
        """Write the object of image ``index``."""
        if self.on_stdout:
            print(json.dumps(data, allow_nan=False), file=self._stdout, flush=True)
        elif self._lines:
            self._add_line(self._lines, json.dumps(data, allow_nan=False).encode() + b"\n")
        elif self.files:
            text = json.dumps(data, indent=1, allow_nan=False).encode() + b"\n"
            write_atomically(self.files[index], lambda file: file.write(text))

    def _add_line(self, path: Path, line: bytes) -> None:
        """Append: what the file holds already, from an earlier run or another process, stays."""
        try:
            with path.open("a+b", buffering=0) as file, _locked(file):
                end = file.seek(0, os.SEEK_END)
                if end and _last_byte(file) != b"\n":  # a line that some other program left unfinished
                    line = b"\n" + line
                try:
                    if file.write(line) != len(line):
                        raise OSError("no space left for the whole line")
                except BaseException:
                    file.truncate(end)  # never half a line
                    raise
        except OSError as error:
            raise _cannot(path, error) from error


def _last_byte(file: IO[bytes]) -> bytes:
    file.seek(-1, os.SEEK_END)
    return file.read(1)


@contextlib.contextmanager
def _locked(file: IO[bytes]) -> Iterator[None]:
    """Keep other processes of certiqa from appending at the same time, where the system has such locks."""
    try:
        import fcntl
    except ImportError:  # not on Windows
        yield
        return
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


class FigureOutput:
    """One figure per image: a .png, .pdf or .svg, or PNG files in a folder.

    Raises:
        InputError: the place does not fit the images, or cannot be written to.
        MissingExtraError: matplotlib is not installed.
    """

    def __init__(self, given: str | None, images: list[str]) -> None:
        self._files: list[Path] = []
        if given is None:
            return
        try:
            import matplotlib  # noqa: F401
        except ImportError as error:
            raise MissingExtraError.of("matplotlib", "plots", "--plot") from error
        self._files = files_for(given, "--plot", images, _FIGURES, ".png", f"a name ending in {', '.join(_FIGURES)}")

    def write(self, index: int, certificate: Certificate) -> None:
        """Draw the figure of image ``index``."""
        if not self._files:
            return
        path = self._files[index]
        figure = certificate.plot()
        write_atomically(path, lambda file: figure.savefig(file, format=path.suffix.lower()[1:], dpi=150))


def files_for(
    given: str, option: str, images: list[str], endings: tuple[str, ...], in_folder: str, forms: str
) -> list[Path]:
    """The file of every image: the one that was given, or one in the folder that was given."""
    path = Path(given)
    ending = path.suffix.lower()
    if ending and not path.is_dir() and not given.endswith(("/", os.sep)):
        if ending not in endings:
            raise InputError.of(option, f"must be {forms}, or a folder", given, "End a new folder's name with /.")
        if len(images) > 1:
            remedy = "Name a folder." if option != "--json" else f"Try '{path.with_suffix('.jsonl')}', or a folder."
            raise InputError.of(option, f"must have room for {len(images)} images", given, remedy)
        files = [path]
    else:
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            rule = f"must be {forms}, or a folder that is there or can be made ({error.strerror})"
            raise InputError.of(option, rule, given) from error
        files = [path / (stem + in_folder) for stem in numbered_stems(images)]
    _check(files, option, images)
    return files


def _check(files: list[Path], option: str, images: list[str]) -> None:
    """The files, all of one folder, can be written, and none of them is one of the images, or a store of results."""
    precious = {_identity(image) for image in images} - {None}
    for path in files:
        if path.is_dir():
            raise InputError.of(option, "must not be the name of a folder", str(path))
        if _identity(str(path)) in precious:
            raise InputError.of(option, "must not overwrite an image", str(path), "Write to another folder.")
        if is_store(path):
            rule = "must not replace a file of results that runs go on from (--scores, --store)"
            raise InputError.of(option, rule, str(path), "Name another file.")
    check_writable(files[0], option)


def check_writable(path: Path, option: str) -> None:
    """A file can be made beside its place.

    Raises:
        InputError: it cannot.
    """
    probe = _beside(path)
    try:
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        rule = f"must be in a folder that can be written to ({error.strerror})"
        raise InputError.of(option, rule, str(path)) from error


def _identity(image: str) -> tuple[int, int] | None:
    """What tells one file from another, whatever it is called; None where there is no file."""
    try:
        state = os.stat(image_path(image))
    except (OSError, ValueError, InputError):
        return None
    return state.st_dev, state.st_ino


def _beside(path: Path) -> Path:
    return path.with_name(f".certiqa-{os.getpid()}.tmp")


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Beside its place first, so that a file is there whole or not at all."""
    temporary = _beside(path)
    try:
        with temporary.open("wb") as file:
            write(file)
        os.replace(temporary, path)
    except OSError as error:
        raise _cannot(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _cannot(path: Path, error: OSError) -> CertiqaError:
    return InputError(f"Cannot write {str(path)!r}: {error.strerror or error}.")

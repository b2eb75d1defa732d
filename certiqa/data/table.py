"""Tables as data sets publish them: csv, xlsx, whitespace-separated text, MATLAB files. Cells are read, not judged.

A table's header is the first row that holds all the columns asked for, whatever stands above or to the left of it:
spreadsheets have titles and margins. Names of columns are compared without outer space and without case.
"""

from __future__ import annotations

import contextlib
import csv
import io
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from certiqa._counted import counted
from certiqa.data.sets.problem import Problem, refuse
from certiqa.errors import MissingExtraError

__all__ = ["Table", "as_text", "numbers", "read_mat", "read_table", "read_words", "strings"]

_HEADER_WITHIN = 20
_DELIMITERS = (",", ";", "\t")
_AGAIN = "Unpack it from the published archive again, or download it again"
_ALLOW = "Let your account read it"
_NAME_COLUMNS = (
    "Name the columns so in the file's header; or read it with the reader 'folder', which is told what they are "
    "called: image_column=..., mos_column=..., content_column=... (--option KEY=VALUE)"
)
_HDF5 = b"\x89HDF\r\n\x1a\n"
Cells = Sequence[object]


@dataclass(frozen=True)
class Table:
    """The rows below a header.

    Attributes:
        path: the file.
        columns: the header's names, as the file spells them; empty ones left out.
        rows: (row of the file counted from 1, cells by the name of the column as it was asked for).
        problems: rows with more cells than the header has.
    """

    path: Path
    columns: tuple[str, ...]
    rows: tuple[tuple[int, Mapping[str, object]], ...]
    problems: tuple[Problem, ...] = ()

    def has(self, column: str) -> bool:
        """Whether there is a column of that name."""
        return _key(column) in {_key(name) for name in self.columns}

    def texts(self) -> Iterator[tuple[int, dict[str, str]]]:
        """The rows, every cell as text."""
        for row, cells in self.rows:
            yield row, {name: as_text(cell) for name, cell in cells.items()}


def as_text(cell: object) -> str:
    """A cell as text: a whole number has no decimals, an empty cell is empty.

    >>> as_text(1600.0), as_text(None), as_text(" a.png ")
    ('1600', '', 'a.png')
    """
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def read_table(path: Path, required: Sequence[str], optional: Sequence[str] = (), sheet: str | None = None) -> Table:
    """Read a .csv (comma, semicolon or tab, whichever shows the header; UTF-8) or an .xlsx.

    Args:
        path: the file.
        required: columns that must be there.
        optional: columns that are read if they are there.
        sheet: of an .xlsx; None, or no sheet of that name: the first sheet that has the columns.

    Returns:
        The rows under the header; blank rows left out.

    Raises:
        DataError: not such a file; the columns are not there (expected and found are told); one is there twice.
        MissingExtraError: an .xlsx, and openpyxl is not installed.
    """
    if path.suffix.lower() != ".xlsx":
        return _under_header(path, _csv_cells(path, required), required, optional)
    sheets = _sheets(path)
    chosen = {sheet: sheets[sheet]} if sheet is not None and sheet in sheets else sheets
    for cells in chosen.values():
        if _header(cells, required) is not None:
            return _under_header(path, cells, required, optional)
    return _under_header(path, next(iter(chosen.values()), []), required, optional)


def _under_header(path: Path, cells: list[Cells], required: Sequence[str], optional: Sequence[str]) -> Table:
    start = _header(cells, required)
    if start is None:
        first = next((row for row in cells if any(map(as_text, row))), ())
        found = ", ".join(as_text(cell) for cell in first if as_text(cell)) or "none, the table is empty"
        detail = f"{path.name!r} must have the columns {', '.join(required)}; found: {found}"
        raise refuse("columns", detail, _NAME_COLUMNS)
    header = [_key(cell) for cell in cells[start]]
    wanted = {name: header.index(_key(name)) for name in (*required, *optional) if _key(name) in header}
    if twice := [name for name in wanted if header.count(_key(name)) > 1]:
        detail = f"{path.name!r} must have each column once; found twice: {', '.join(twice)}"
        raise refuse("columns", detail, "Delete or rename the wrong one of the two in the file")
    rows, problems = [], []
    for number, row in enumerate(cells[start + 1 :], start + 2):
        if not any(map(as_text, row)):
            continue
        if any(map(as_text, row[len(header) :])):
            detail = f"{counted(len(row), 'cell')} under {counted(len(header), 'column')} in {path.name!r}"
            problems.append(Problem("row", detail, row=number))
            continue
        rows.append((number, {name: row[at] if at < len(row) else None for name, at in wanted.items()}))
    columns = tuple(as_text(cell) for cell in cells[start] if as_text(cell))
    return Table(path, columns, tuple(rows), tuple(problems))


def _header(cells: list[Cells], required: Sequence[str]) -> int | None:
    asked = {_key(name) for name in required}
    return next((at for at, row in enumerate(cells[:_HEADER_WITHIN]) if asked <= {_key(cell) for cell in row}), None)


def _key(cell: object) -> str:
    return as_text(cell).casefold()


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        detail = f"{path.name!r} must be text in UTF-8; {error.reason} at byte {error.start}"
        raise refuse("table", detail, "Save it as UTF-8 in an editor or a spreadsheet") from error
    except OSError as error:
        raise refuse("table", f"{path.name!r} cannot be read: {error.strerror}", _ALLOW) from error


def _csv_cells(path: Path, required: Sequence[str]) -> list[Cells]:
    """The cells by the delimiter with which the header is found; if there is none, by that of the first line."""
    text = _text(path)
    head = next((line for line in text.splitlines() if line.strip()), "")
    likely = sorted(_DELIMITERS, key=head.count, reverse=True)
    for delimiter in likely:
        with contextlib.suppress(csv.Error):
            cells = _split(text, delimiter)
            if _header(cells, required) is not None:
                return cells
    try:
        return _split(text, likely[0])
    except csv.Error as error:
        raise refuse("table", f"{path.name!r} must be a whole csv file; {error}", _AGAIN) from error


def _split(text: str, delimiter: str) -> list[Cells]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))


def _sheets(path: Path) -> dict[str, list[Cells]]:
    try:
        openpyxl: Any = import_module("openpyxl")
    except ImportError as error:
        why = f"Reading {path.name!r} (or exporting its sheet as {path.stem!r}.csv beside it instead)"
        raise MissingExtraError.of("openpyxl", "data", why) from error
    try:
        with warnings.catch_warnings():  # about styles and validations of the sheet
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
            try:
                return {sheet.title: [tuple(row) for row in sheet.iter_rows(values_only=True)] for sheet in book}
            finally:
                book.close()
    except Exception as error:  # a zip of XML from anywhere: whatever is raised means "not a whole workbook"
        found = f"{type(error).__name__}: {error}"
        raise refuse("table", f"{path.name!r} must be a whole .xlsx workbook; {found}", _AGAIN) from error


def read_words(path: Path, count: int) -> list[tuple[int, tuple[str, ...]]]:
    """The lines of a text file, each split at white space into exactly ``count`` words; blank lines left out.

    Returns:
        (line number from 1, words).

    Raises:
        DataError: not text, no line at all, or a line with another number of words.
    """
    lines = [(number, tuple(line.split())) for number, line in enumerate(_text(path).splitlines(), 1) if line.strip()]
    bad = next(((number, words) for number, words in lines if len(words) != count), None)
    if bad or not lines:
        found = f"line {bad[0]} has {len(bad[1])}" if bad else "the file is empty"
        detail = f"{path.name!r} must have {counted(count, 'word')} on every line; {found}"
        raise refuse("columns", detail, "Repair that line" if bad else _AGAIN)
    return lines


def read_mat(path: Path, *names: str) -> list[npt.NDArray[Any]]:
    """The arrays of these names, of a MATLAB file of version 5 to 7.

    Raises:
        DataError: not such a file (7.3 is another format: HDF5), or no variable of one of the names.
    """
    from scipy import io as scipy_io

    try:
        with path.open("rb") as file:
            data = file.read(1024)
    except OSError as error:
        raise refuse("table", f"{path.name!r} cannot be read: {error.strerror}", _ALLOW) from error
    if data.startswith(_HDF5) or data[512:520] == _HDF5 or data.startswith(b"MATLAB 7.3"):
        remedy = "In MATLAB: load it, then save it with the option '-v7'"
        raise refuse("table", f"{path.name!r} is a MATLAB 7.3 file (HDF5), which is not read", remedy)
    try:
        found: dict[str, Any] = scipy_io.loadmat(str(path))
    except Exception as error:  # a binary file from anywhere: whatever is raised means "not a whole MATLAB file"
        said = f"{type(error).__name__}: {error}"
        raise refuse("table", f"{path.name!r} must be a whole MATLAB file of version 5 to 7; {said}", _AGAIN) from error
    if missing := [name for name in names if name not in found]:
        there = ", ".join(name for name in found if not name.startswith("__")) or "none"
        detail = f"{path.name!r} must hold the variables {', '.join(names)}; missing: {', '.join(missing)}"
        raise refuse("columns", f"{detail}; found: {there}", _AGAIN)
    return [np.asarray(found[name]) for name in names]


def strings(array: npt.NDArray[Any]) -> list[str]:
    """The texts of a MATLAB cell array or char matrix, in column order.

    >>> strings(np.array([np.array(["a.bmp"]), np.array(["b.bmp"])], dtype=object))
    ['a.bmp', 'b.bmp']
    """
    flat: Iterable[Any] = array.flatten(order="F")
    return ["".join(str(part) for part in np.asarray(cell).flatten()).strip() for cell in flat]


def numbers(array: npt.NDArray[Any], name: str) -> npt.NDArray[np.float64]:
    """The values of a numeric MATLAB array, in column order.

    Raises:
        DataError: it is not numeric.
    """
    if array.dtype.kind not in "biuf":
        raise refuse("columns", f"the variable {name!r} must be numeric; found: {array.dtype.name}", _AGAIN)
    return array.astype(np.float64).flatten(order="F")

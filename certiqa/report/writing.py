"""write(): the files of a report."""

from __future__ import annotations

import os
from pathlib import Path

from certiqa.benchmark.result import Comparison
from certiqa.errors import InputError
from certiqa.report.content import content
from certiqa.report.figures.figure import composed
from certiqa.report.rendering import page, twin

__all__ = ["write"]


def write(comparison: Comparison, folder: Path) -> tuple[Path, ...]:
    """Write ``report.html``, ``report.md``, and the figures of the latter as SVG in ``folder/figures``.

    The page is one file: no font, script, picture or style is loaded from anywhere. The same comparison gives the same
    bytes. Each file is whole or absent. Files of an older report of those names are replaced; no other file is touched.

    Args:
        comparison: what was found; it may be incomplete, and the report then says so first.
        folder: where to; made if it is not there.

    Returns:
        The files: the page, the twin, the figures.

    Raises:
        InputError: ``comparison`` is not a Comparison, or ``folder`` is a file.
        OSError: a file cannot be written.

    >>> import tempfile
    >>> empty = Comparison("none yet", {}, "0" * 64, "certiqa benchmark none.toml", "2026-01-01T00:00:00+00:00", {}, {},
    ...     0.0, False, ("everything",), (), (), ())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [path.name for path in write(empty, Path(folder))]
    ['report.html', 'report.md']
    """
    if not isinstance(comparison, Comparison):
        raise InputError.of("comparison", "must be a certiqa.benchmark.result.Comparison", comparison)
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise InputError.of("folder", "must be a folder, or a place for a new one", str(folder), "Name another place.")
    found = content(comparison)
    files = {folder / "report.html": page(found), folder / "report.md": twin(found)}
    files |= {folder / "figures" / f"{figure.key}.svg": composed(figure) for figure in found.figures}
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, text)
    return tuple(files)


def _write(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        beside.write_text(text, encoding="utf-8", newline="\n")
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)

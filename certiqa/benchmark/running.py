"""run(): a config, an output folder, everything that is not there yet, and the comparison of what is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from certiqa._counted import counted
from certiqa.benchmark.cells import Cell, cells
from certiqa.benchmark.config import Config
from certiqa.benchmark.folder import Folder, write_whole
from certiqa.benchmark.opening import Opened, opened
from certiqa.benchmark.plan import Plan, plan_of
from certiqa.benchmark.result import Comparison
from certiqa.errors import CertiqaError, InputError
from certiqa.evaluation.alarms import Soundness

__all__ = ["Ran", "check_part", "run", "write_results"]


@dataclass(frozen=True)
class Ran:
    """What a run came to.

    Attributes:
        comparison: of everything in the folder; None if it was only planned, or no report was asked for.
        plan: what was to do.
        failed: (what, reason) of the figures that could not be computed.
        files: that were written.
        soundness: (row, its attacks inside certified radii), for each row that has any, of everything in the folder.
    """

    comparison: Comparison | None
    plan: Plan | None
    failed: tuple[tuple[str, str], ...]
    files: tuple[Path, ...]
    soundness: tuple[tuple[str, Soundness], ...] = ()


def run(
    config: Config,
    out: str | Path,
    *,
    data: Mapping[str, str] | None = None,
    part: tuple[int, int] = (0, 1),
    device: str | None = None,
    models: Mapping[str, Any] | None = None,
    skip_missing: bool = False,
    only_plan: bool = False,
    compute: bool = True,
    report: bool = True,
    command: str = "certiqa.benchmark.run",
    told: Callable[[str], object] = lambda text: None,
    planned: Callable[[Plan], object] = lambda plan: None,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> Ran:
    """Compare defences: compute what is not in the folder yet, then write tables and report from what is.

    Every figure is a record of its own, written as soon as it is there: a run that was killed goes on, and gives the
    same table, byte for byte, as one that was not.

    Args:
        config: what is compared.
        out: folder of the run; made if it is not there, and refused if it is of another config, of other weights,
            versions or images.
        data: folders of the data sets by name, in the place of the config's.
        part: (share, shares): this process takes this share of the images, and others take the rest.
        device: of the metrics, as "cuda"; default: a GPU if there is one.
        models: metrics of your own, modules in eval mode, by the names that the config uses.
        skip_missing: go on without the data, metrics and weights that are not there; the report says so.
        only_plan: count, time one pass of each row, and stop.
        compute: False: compute nothing, and write tables and report from what is there.
        report: whether report.html and its twin are written.
        command: that makes it, for the report.
        told: is given a line for what should be known.
        planned: is given the plan before anything is computed.
        progress: is given (figures done, figures to do).

    Raises:
        InputError: the config and what is there do not fit; before anything is computed, if it can be known by then.

    >>> import tempfile
    >>> config = Config.of({"name": "a try", "data": [{"name": "distorted-samples"}], "metric": [{"name": "builtin"}],
    ...     "defence": [{"name": "undefended"}], "agreement": {"images": 6}, "attacks": {"images": 0},
    ...     "certificates": {"images": 1}, "examples": {"images": 0}})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     comparison = run(config, folder, report=False).comparison
    >>> [(row.defence, row.images) for row in comparison.rows], comparison.complete
    ([('undefended', 6), ('constant predictor', 6)], True)
    """
    config = config.with_roots(data or {})
    check_part(part)
    with Folder(Path(out), *part) as folder:
        folder.check(config)
        if not compute and folder.about is None:
            rule = "must be a folder that a run was begun in: there is nothing to report"
            raise InputError.of("--out", rule, str(out), "Leave out --report-only.")
        with opened(config, folder.path, device=device, models=models, skip_missing=skip_missing, told=told) as there:
            folder.begin(there, command, compute=compute and not only_plan)
            every = list(cells(there, *part))
            todo = [cell for cell in every if folder.get(cell.key) is None]
            plan: Plan | None = None
            failed: tuple[tuple[str, str], ...] = ()
            if compute:
                plan = plan_of(there, every, todo)
                planned(plan)
                if only_plan:
                    return Ran(None, plan, (), ())
                failed = _do(there, folder, todo, told, progress)
            comparison, files = write_results(folder, there, report)
            from certiqa.benchmark.summary import row_soundness

            return Ran(comparison, plan, failed, files, row_soundness(folder))


def _do(
    there: Opened,
    folder: Folder,
    todo: list[Cell],
    told: Callable[[str], object],
    progress: Callable[[int, int], object],
) -> tuple[tuple[str, str], ...]:
    from certiqa.benchmark.work import Worker
    from certiqa.smoothing.base import OUT_OF_MEMORY, is_out_of_memory

    worker, failed = Worker(there, folder), []
    for number, cell in enumerate(todo, 1):
        try:
            worker.do(cell)
        except Exception as error:
            short = is_out_of_memory(error)
            if not (short or isinstance(error, CertiqaError)) or not folder.writable():
                raise
            reason = f"{OUT_OF_MEMORY} ({type(error).__name__})" if short else " ".join(str(error).split())
            what = f"{_words(cell)} of {cell.subject.label} on {cell.data.name}, image {cell.record.name}"
            failed.append((what, reason))
            told(f"{what}: {reason}")
        progress(number, len(todo))
    return tuple(failed)


def _words(cell: Cell) -> str:
    if cell.what in ("score", "certificate"):
        return cell.what
    return f"{cell.what} attack {cell.attack} in {cell.budget}"


def write_results(folder: Folder, there: Opened, report: bool) -> tuple[Comparison, tuple[Path, ...]]:
    """comparison.json, table.csv and the report, from the records of all processes.

    Raises:
        InputError: a file cannot be written.
    """
    from certiqa.benchmark.csv_table import csv_of
    from certiqa.benchmark.summary import as_json, comparison_of

    lacking = _missing(folder, there)
    known = (folder.about or {}).get("left_out", ())
    missing = [*(one for one in there.left_out if one not in known), *lacking]
    paths = {(data.name, record.name): record.path for data in there.data for record in data.records}
    comparison = comparison_of(folder, missing, lambda data, image: paths.get((data, image)))
    files = [folder.path / "comparison.json", folder.path / "table.csv"]
    write_whole(files[0], as_json(comparison))
    write_whole(files[1], csv_of(comparison))
    if report:
        from certiqa.report import write

        try:
            files += write(comparison, folder.path)
        except OSError as error:
            raise InputError(
                f"Cannot write the report into {str(folder.path)!r}: {error.strerror or error}."
            ) from error
    if lacking and not _missing(folder, there):  # another process came to its end meanwhile
        return write_results(folder, there, report)
    return comparison, tuple(files)


def _missing(folder: Folder, there: Opened) -> list[str]:
    """What was planned, by all processes together, and is not there."""
    known = {key for key, _ in folder.records()}
    lacking: Counter[str] = Counter()
    planned: Counter[str] = Counter()
    for cell in cells(there):
        what = f"{_words(cell)} of {cell.subject.label} on {cell.data.name}"
        planned[what] += 1
        lacking[what] += cell.key not in known
    return [f"{what}: {lacking[what]} of {counted(planned[what], 'image')}" for what in planned if lacking[what]]


def check_part(part: tuple[int, int]) -> None:
    """A share of the work.

    Raises:
        InputError: no such share.
    """
    share, shares = part
    if not (isinstance(share, int) and isinstance(shares, int) and 0 <= share < shares):
        raise InputError.of("--part", "must be SHARE/SHARES, with 0 <= SHARE < SHARES", f"{share}/{shares}", "Try 0/2.")

"""One run of ``certiqa benchmark``: the plan is told first, then figures are computed, then the report is written."""

from __future__ import annotations

import contextlib
import math
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from certiqa._counted import counted
from certiqa.cli._errors import BAD_INPUT, INTERRUPTED, complain, warn
from certiqa.errors import InputError

if TYPE_CHECKING:
    from certiqa.benchmark.plan import Plan
    from certiqa.benchmark.running import Ran

__all__ = ["config_and_roots", "list_presets", "run", "show_preset"]

_MISSING_SHOWN = 12


def list_presets() -> int:
    """One line each."""
    from certiqa.benchmark.reading import preset_text, presets

    for name in presets():
        first = preset_text(name).splitlines()[0].removeprefix("# ")
        print(f"{name:<10} {first}")
    return 0


def show_preset(name: str) -> int:
    """Its TOML.

    Raises:
        UnknownNameError: no such preset.
    """
    from certiqa.benchmark.reading import preset_text

    print(preset_text(name), end="")
    return 0


def config_and_roots(given: Sequence[str], data: Sequence[str]) -> tuple[str, dict[str, str]]:
    """The config, and the folder of each data set, however they are mixed on the command line.

    Raises:
        InputError: no config, or not a folder for each --data.

    >>> config_and_roots(["cpu", "a", "b"], ["livec", "agiqa3k"])
    ('cpu', {'livec': 'a', 'agiqa3k': 'b'})
    """
    from certiqa.benchmark.reading import presets

    configs = [one for one in given if one in presets() or one.endswith(".toml")] or list(given[:1])
    if not configs:
        remedy = "Try: certiqa benchmark smoke --out DIR."
        raise InputError.of("CONFIG", f"must be a preset ({', '.join(presets())}) or a .toml file", None, remedy)
    roots = list(given)
    roots.remove(configs[0])
    if len(roots) != len(data):
        rule = "must be given as --data NAME ROOT, a name and a folder each time"
        found = f"{len(data)} names and {len(roots)} folders"
        raise InputError.of("--data", rule, found, "Try --data livec path/to/livec.")
    if twice := [name for name in data if data.count(name) > 1]:
        raise InputError.of("--data", "must not name a data set twice", twice[0])
    return configs[0], dict(zip(data, roots, strict=True))


def run(
    config: str,
    out: str | None,
    *,
    roots: dict[str, str],
    part: str,
    only_plan: bool,
    report: bool,
    report_only: bool,
    skip_missing: bool,
    device: str | None,
) -> int:
    """Compare; the exit code.

    Raises:
        CertiqaError: the config, the folder, or something that is needed; found out before anything is computed.
    """
    from certiqa._progress import bar
    from certiqa.benchmark.reading import read_config
    from certiqa.benchmark.running import run as compare

    if out is None:
        raise InputError.of("--out", "must be given: the folder of the run", None, "Try --out out/smoke.")
    wanted = read_config(config)
    share = _part(part)
    words = ["certiqa", "benchmark", config, "--out", out]
    for name, root in roots.items():
        words += ["--data", name, root]
    command = shlex.join([*words, *(["--skip-missing"] if skip_missing else [])])

    def planned(plan: Plan) -> None:
        print("\n".join(_plan_lines(plan)), file=sys.stderr, flush=True)

    with bar(wanted.name) if sys.stderr.isatty() else contextlib.nullcontext(_milestones()) as progress:
        try:
            ran = compare(
                wanted,
                out,
                data=roots,
                part=share,
                device=device,
                skip_missing=skip_missing,
                only_plan=only_plan,
                compute=not report_only,
                report=report,
                command=command,
                told=warn,
                planned=planned,
                progress=progress,
            )
        except KeyboardInterrupt:
            complain(f"interrupted; what was done stands in {out}, and the same command goes on from there")
            return INTERRUPTED
    print("\n".join(_lines(ran, Path(out))), flush=True)
    for row, one in ran.soundness:
        if not one.sound:
            complain(f"{row}: {one.words()}")
    return BAD_INPUT if ran.failed or not all(one.sound for _, one in ran.soundness) else 0


def _milestones() -> Callable[[int, int], None]:
    """Where there is no terminal: a line at every tenth."""
    told = 0

    def progress(done: int, total: int) -> None:
        nonlocal told
        tenth = 10 * done // max(total, 1)
        if tenth > told:
            told = tenth
            print(f"certiqa: {done} of {counted(total, 'figure')}", file=sys.stderr, flush=True)

    return progress


def _part(text: str) -> tuple[int, int]:
    from certiqa.benchmark.running import check_part

    share, slash, shares = text.partition("/")
    if not slash or not share.isdigit() or not shares.isdigit():
        raise InputError.of("--part", "must have the form K/N", text, "Try --part 0/2.")
    check_part(found := (int(share), int(shares)))
    return found


def _plan_lines(plan: Plan) -> list[str]:
    lines = []
    for one in plan.lines:
        noise = "" if one.sigma is None else f" sigma {one.sigma:g}"
        cells = ", ".join(counted(count, f"{what} attack" if what in ("transferred", "adaptive") else what)
                          for what, count in one.cells.items() if count)  # fmt: skip
        pace = "not timed" if one.seconds is None else _duration(one.seconds)
        name = f"{one.data}, {one.metric}, {one.defence}{noise}"
        lines.append(f"certiqa: plan: {name}: {cells}; {one.forwards} forward passes, {pace}")
    total = f"{counted(plan.todo, 'figure')} to compute, {plan.there} there already"
    return [*lines, f"certiqa: plan: {total}; {plan.forwards} forward passes, about {_duration(plan.seconds)} here"]


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _lines(ran: Ran, out: Path) -> list[str]:
    if ran.comparison is None:
        return [f"{out}: nothing was computed"]
    comparison = ran.comparison
    lines = []
    for row in comparison.rows:
        noise = "" if row.sigma is None else f" sigma {row.sigma:g}"
        srocc = "SROCC undefined" if row.srocc is None else f"SROCC {row.srocc.value:.3f}"
        psnr = row.certified.psnr_at_half_sd if row.certified else None
        proof = "no certificate" if row.certified is None else "nothing certified at SD/2"
        if psnr is not None:
            proof = f"certified down to {math.ceil(10 * psnr.value) / 10:.1f} dB"  # no more than was proved
        worst = max((one.rmse.value for one in row.attacked), default=None)
        moved = "not attacked" if worst is None else f"moved {worst:.3g}"
        lines.append(f"{row.data:<18} {row.metric:<10} {row.defence + noise:<28} {srocc:<16} {proof:<28} {moved}")
    if ran.soundness:
        alarms, within = (sum(getattr(one, name) for _, one in ran.soundness) for name in ("alarms", "within"))
        lines.append(f"{counted(alarms, 'alarm')} in {counted(within, 'attack')} inside certified radii")
    if comparison.missing:
        lines += [f"missing: {one}" for one in comparison.missing[:_MISSING_SHOWN]]
        more = len(comparison.missing) - _MISSING_SHOWN
        lines += [f"missing: {more} more such lines, in the report"] if more > 0 else []
    return [*lines, *(str(path) for path in ran.files if path.suffix != ".svg")]

"""``certiqa benchmark``."""

from __future__ import annotations

from typing import Annotated

import typer

from certiqa.cli.certify import Device

__all__ = ["EPILOG", "benchmark"]

EPILOG = """\b
Examples:
  certiqa benchmark smoke --out out/smoke                          two minutes, no data needed
  certiqa benchmark cpu --out out/cpu --data livec ~/livec --data agiqa3k ~/agiqa3k
  certiqa benchmark cpu --out out/cpu --data livec ~/livec --data agiqa3k ~/agiqa3k --plan
  certiqa benchmark --show cpu > mine.toml                         a config to begin with
  certiqa benchmark mine.toml --out out/mine --part 0/2            and --part 1/2 in another process

Metrics are compared under defences: agreement with people, certificates, attacks that know the defence and attacks that
do not, cost; every figure with its interval. DIR gets comparison.json, table.csv, report.html and report.md. Figures
are written one by one as they are computed, and a run that was killed goes on where it stopped (docs/benchmark.md).

Exit codes: 0 all is well; 2 bad input, figures that could not be computed (one line each on stderr, the others are
done), or a soundness alarm: more certificates failed under attack than alpha explains; 130 Ctrl-C, what was done is
kept.
"""


def benchmark(
    given: Annotated[
        list[str] | None,
        typer.Argument(metavar="CONFIG [ROOT]...", help="A preset or a .toml; then the folder of each --data."),
    ] = None,
    out: Annotated[str | None, typer.Option(metavar="DIR", help="Folder of the run.")] = None,
    data: Annotated[list[str] | None, typer.Option(metavar="NAME ROOT", help="Folder of a data set; repeat.")] = None,
    part: Annotated[str, typer.Option(metavar="K/N", help="Share K, from 0, of N processes.")] = "0/1",
    plan: Annotated[bool, typer.Option("--plan", help="Only say what there is to do, and how long it takes.")] = False,
    report: Annotated[bool, typer.Option(help="Write report.html and report.md.")] = True,
    report_only: Annotated[
        bool, typer.Option("--report-only", help="Compute nothing: tables and report from what is in DIR.")
    ] = False,
    skip_missing: Annotated[
        bool, typer.Option("--skip-missing", help="Go on without data, metrics and weights that are not there.")
    ] = False,
    presets: Annotated[bool, typer.Option("--list", help="List the presets.")] = False,
    show: Annotated[str | None, typer.Option(metavar="PRESET", help="Print the TOML of a preset.")] = None,
    device: Device = None,
) -> int:
    """Compare defences of metrics: agreement, certificates, attacks, cost, and a report."""
    from certiqa.cli import _benchmark_run as running

    if presets:
        return running.list_presets()
    if show is not None:
        return running.show_preset(show)
    config, roots = running.config_and_roots(given or (), data or ())
    return running.run(
        config,
        out,
        roots=roots,
        part=part,
        only_plan=plan,
        report=report,
        report_only=report_only,
        skip_missing=skip_missing,
        device=device,
    )

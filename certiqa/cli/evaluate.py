"""``certiqa evaluate``."""

from __future__ import annotations

from typing import Annotated

import typer

from certiqa.cli.certify import Device

__all__ = ["EPILOG", "evaluate"]

EPILOG = """\b
Examples:
  certiqa evaluate --model builtin --data koniq10k ~/data/koniq10k
  certiqa evaluate --model builtin --data livec ~/livec --part validation --json livec.json
  certiqa evaluate --model builtin --compare pyiqa:niqe --data livec A --data agiqa3k B --scores scores.jsonl
  certiqa evaluate --model builtin --data folder photos/ --option mos_range=1,5

--data NAME ROOT names a data set and its folder; repeat it for several. Parts: all; fit and validation, certiqa's own
split by content; train, val and test, the official split where there is one.

Correlations keep their sign: for a metric whose low scores are good they are negative, and the table says so where the
sign is not the one declared. PLCC and RMSE are taken after the four-parameter logistic, fitted on the same images
unless --fit-on names another part. Intervals are BCa bootstrap intervals that resample whole contents
(docs/evaluation.md).

--option KEY=VALUE goes to every data set whose reader takes it; given as often as there are such data sets, each gets
its own value, in their order: --data folder A --data folder B --option mos_range=1,5 --option mos_range=0,100.

--scores FILE.jsonl is written line by line, and scores that stand there already are not computed again.

Exit codes: 0 all is well; 2 bad input or a bad model: what can be known beforehand is told before anything is scored,
all that is cheap to know together, then images that do not decode; 130 Ctrl-C, what was scored stands in --scores.
"""


def evaluate(
    roots: Annotated[list[str] | None, typer.Argument(metavar="ROOT", help="The folder of each --data.")] = None,
    model: Annotated[str, typer.Option(help="Name of a metric, or python:package.module:attribute.")] = "builtin",
    data: Annotated[list[str] | None, typer.Option(metavar="NAME ROOT", help="Data set and its folder.")] = None,
    part: Annotated[str, typer.Option(help="all, fit, validation, train, val or test.")] = "all",
    weights: Annotated[
        list[str] | None, typer.Option(metavar="PATH", help="Weight file of --model; MODEL=PATH for another one.")
    ] = None,
    compare: Annotated[
        list[str] | None, typer.Option(metavar="MODEL", help="Also score and compare, paired; repeat for several.")
    ] = None,
    fit_on: Annotated[
        str | None, typer.Option(metavar="PART", help="Fit the logistic on this part, not on --part.")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Option of the reader, for all or one for each set.")
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out bad rows and images, and record them.")
    ] = False,
    confidence: Annotated[float, typer.Option(help="Of the intervals.")] = 0.95,
    resamples: Annotated[int, typer.Option(help="Of the bootstrap.")] = 2000,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
    device: Device = None,
    dtype: Annotated[str, typer.Option(help="auto, float32, float64, bfloat16, float16.")] = "auto",
    batch_size: Annotated[int, typer.Option(metavar="B", help="Images of one size per forward pass.")] = 1,
    cache: Annotated[str | None, typer.Option(metavar="DIR", help="Keep decoded images here.")] = None,
    scores: Annotated[
        str | None, typer.Option(metavar="PATH", help="Write every image's score: .jsonl (resumed from), or .csv.")
    ] = None,
    json: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Write JSON: - (lines on stdout), a .jsonl, a .json (one set), or a folder."),
    ] = None,
) -> int:
    """Measure how well a metric's scores go with human scores.

    Prints SROCC, PLCC, KROCC and RMSE with intervals for each data set, and compares metrics on the same images.
    """
    from certiqa.cli._evaluate_options import Settings

    settings = Settings.of(
        models=(model, *(compare or ())),
        weights=weights or (),
        data=data or (),
        roots=roots or (),
        part=part,
        fit_on=fit_on,
        options=option or (),
        skip_bad=skip_bad,
        confidence=confidence,
        resamples=resamples,
        seed=seed,
        device=device,
        dtype=dtype,
        batch_size=batch_size,
        cache=cache,
        scores=scores,
    )
    from certiqa.cli._evaluate_run import run

    return run(settings, json=json)

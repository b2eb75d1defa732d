"""``certiqa robustness``."""

from __future__ import annotations

from typing import Annotated

import typer

from certiqa.cli.attack import Denoiser, N, Objective, Purify, Samples, Sigma
from certiqa.cli.certify import Device, Model

__all__ = ["EPILOG", "robustness"]

EPILOG = """\b
Examples:
  certiqa robustness --model builtin --data livec ~/livec --attack fgsm --attack pgd:steps=10 --limit 50
  certiqa robustness --model builtin --data livec ~/livec --budget linf:2/255 --budget linf:4/255 --store runs.jsonl
  certiqa robustness --model builtin --purify jpeg:quality=75 --data livec ~/livec --attack pgd --json jpeg.json
  certiqa robustness --model builtin --sigma 0.12 --data livec ~/livec --limit 20 --samples 16 --n 200

Each image is attacked by every attack in every budget. The table says how far scores move (RMSE, gain), R robustness,
and what is left of the agreement with people; below it stand the constant predictor, which no attack moves and which
knows nothing, and the signs of gradient masking (docs/robustness.md).

--store FILE.jsonl is written image by image, and what stands there is not attacked again.

Exit codes: 0 all is well; 2 bad input, or images that could not be attacked: one line each on stderr, the others are
done; 130 Ctrl-C, what was done stands in --store.
"""


def robustness(
    root: Annotated[str | None, typer.Argument(metavar="ROOT", help="The folder of --data.")] = None,
    model: Model = "builtin",
    data: Annotated[str | None, typer.Option(metavar="NAME ROOT", help="Data set and its folder.")] = None,
    part: Annotated[str, typer.Option(help="all, fit, validation, train, val or test.")] = "validation",
    attack: Annotated[
        list[str] | None, typer.Option(metavar="A", help="NAME or NAME:KEY=VALUE,...; repeat. Default: fgsm and pgd.")
    ] = None,
    budget: Annotated[
        list[str] | None, typer.Option(metavar="B", help="linf:4/255, l2:0.5, ssim:0.98; repeat. Default: linf:4/255.")
    ] = None,
    objective: Objective = "move",
    purify: Purify = None,
    sigma: Sigma = None,
    denoiser: Denoiser = None,
    n: N = 200,
    samples: Samples = 16,
    limit: Annotated[int | None, typer.Option(metavar="N", help="Only N images, the same ones everywhere.")] = None,
    scale: Annotated[
        str | None, typer.Option(metavar="LOW,HIGH", help="Of the scores, for R. Default: the metric's range.")
    ] = None,
    levels: Annotated[int, typer.Option(help="Number of quality levels.")] = 5,
    binning: Annotated[str, typer.Option(help="count: levels of as many images; width: of as much MOS.")] = "count",
    option: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Option of the data set's reader.")
    ] = None,
    confidence: Annotated[float, typer.Option(help="Of the intervals.")] = 0.95,
    resamples: Annotated[int, typer.Option(help="Of the bootstrap.")] = 2000,
    seed: Annotated[int, typer.Option(help="Of the attacks, of all noise and of the bootstrap.")] = 0,
    device: Device = None,
    store: Annotated[
        str | None, typer.Option(metavar="FILE.jsonl", help="Keep every image's result here, and go on from it.")
    ] = None,
    json: Annotated[str | None, typer.Option(metavar="PATH", help="Write JSON: - (stdout), or a .json.")] = None,
) -> int:
    """Attack a metric over a data set with human scores, and sum up what it does."""
    from certiqa.cli._robustness_options import Settings

    settings = Settings.of(
        data=data,
        root=root,
        part=part,
        attacks=attack or ("fgsm", "pgd"),
        budgets=budget or ("linf:4/255",),
        objective=objective,
        limit=limit,
        scale=scale,
        levels=levels,
        binning=binning,
        options=option or (),
        confidence=confidence,
        resamples=resamples,
        purify=purify or (),
        sigma=sigma,
        denoiser=denoiser,
        n=n,
        samples=samples,
        seed=seed,
        device=device,
    )
    from certiqa.cli._robustness_run import run

    return run(settings, model, device=device, store=store, json=json)

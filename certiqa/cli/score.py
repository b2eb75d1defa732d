"""``certiqa score``."""

from __future__ import annotations

from typing import Annotated

import typer

from certiqa.cli.certify import Device, Images, Model

__all__ = ["EPILOG", "score"]

EPILOG = """\b
Examples:
  certiqa score photo.jpg
  certiqa score photos/*.jpg --json - | jq -r '[.image, .score] | @tsv'
  certiqa score sample:coffee --sigma 0.12 --n 500
"""


def score(
    images: Images,
    model: Model = "builtin",
    sigma: Annotated[
        float | None, typer.Option(metavar="S", help="Also print the smoothed score, under noise of this sigma.")
    ] = None,
    n: Annotated[int, typer.Option(help="Scores under noise for the smoothed score.")] = 2000,
    seed: Annotated[int | None, typer.Option(help="Repeat the noise of this seed. Default: fresh noise.")] = None,
    device: Device = None,
    json: Annotated[
        str | None,
        typer.Option(
            metavar="PATH", help="Write JSON: - (lines on stdout), a .jsonl, a .json (one image), or a folder."
        ),
    ] = None,
) -> int:
    """Score images with the bare metric.

    A bare score proves nothing: certiqa certify does. With --sigma the smoothed score is printed too.
    """
    from certiqa import _checks as check

    settings = (
        None if sigma is None else check.check_sigma(sigma),
        check.check_count(n, "n", 1, "Try --n 2000."),
        check.check_seed(seed),
    )
    from certiqa.cli._scoring import run

    return run(images, model, *settings, device=device, json=json)

"""``certiqa attack``."""

from __future__ import annotations

from typing import Annotated

import typer

from certiqa.cli.certify import Device, Model

__all__ = [
    "EPILOG",
    "Denoiser",
    "N",
    "Objective",
    "Purify",
    "Samples",
    "Sigma",
    "attack",
]

EPILOG = """\b
Examples:
  certiqa attack sample:coffee
  certiqa attack photo.jpg --attack fgsm --budget linf:2/255 --objective raise
  certiqa attack photos/*.jpg --attack pgd --steps 20 --option restarts=3 --save attacked/ --json attacks.jsonl
  certiqa attack photo.jpg --purify jpeg:quality=75 --picture figures/
  certiqa attack photo.jpg --sigma 0.12 --samples 16 --n 200
  certiqa attack --list

Budgets: linf:4/255 (no intensity moves by more than four grey levels), l2:0.5 (Euclidean length, images in [0, 1]),
ssim:0.98. Objectives: raise, lower, move (whichever way is farther), target:50.

The attacked images are 8-bit PNGs of the same size; each is read again and its distance checked. Scores are those of
the metric as it is deployed: with --sigma, medians of --n scores under noise that the attack never saw. The attack
itself knows the defence and follows its gradient through the noise (--samples copies a step) and past JPEG.

--certify certifies the clean image with --n scores and looks whether the attacked median is outside of the interval; if
more certificates fail than their failure probability explains, the run ends with an error.

Exit codes: 0 all is well; 2 bad input or a bad model: one line each on stderr, the other images are done; 130 Ctrl-C.
"""

Purify = Annotated[
    list[str] | None,
    typer.Option(metavar="P", help="Clean the image first, jpeg:quality=75 for example; repeat for several in a row."),
]
Sigma = Annotated[
    float | None, typer.Option(metavar="S", help="Attack the smoothed metric, under noise of this sigma.")
]
Denoiser = Annotated[str | None, typer.Option(metavar="D", help="With --sigma: put before the metric (DMS).")]
N = Annotated[int, typer.Option(help="With --sigma: scores of each median that is reported.")]
Samples = Annotated[int, typer.Option(help="Noisy copies per gradient step, or draws of a random purification.")]
Objective = Annotated[str, typer.Option(help="raise, lower, move or target:VALUE.")]


def attack(
    images: Annotated[list[str] | None, typer.Argument(metavar="IMAGE", help="Image files, or sample:NAME.")] = None,
    model: Model = "builtin",
    attack: Annotated[str, typer.Option(metavar="A", help="Name of an attack, also NAME:KEY=VALUE,...")] = "pgd",
    budget: Annotated[str, typer.Option(metavar="B", help="linf:EPS, l2:EPS or ssim:LEAST.")] = "linf:4/255",
    objective: Objective = "move",
    steps: Annotated[int | None, typer.Option(help="The attack's option steps.")] = None,
    option: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="An option of the attack.")] = None,
    purify: Purify = None,
    sigma: Sigma = None,
    denoiser: Denoiser = None,
    n: N = 200,
    samples: Samples = 16,
    certify: Annotated[
        bool, typer.Option("--certify", help="With --sigma: say whether the attack left the certified interval.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the attack's draws, and of all noise.")] = 0,
    device: Device = None,
    save: Annotated[str | None, typer.Option(metavar="DIR", help="Write the attacked images, as PNG.")] = None,
    json: Annotated[
        str | None,
        typer.Option(
            metavar="PATH", help="Write JSON: - (lines on stdout), a .jsonl, a .json (one image), or a folder."
        ),
    ] = None,
    picture: Annotated[
        str | None, typer.Option(metavar="PATH", help="Draw original, attacked and difference: a .png, or a folder.")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the attacks and stop.")] = False,
) -> int:
    """Attack the scores of images, inside a budget, and keep what comes out.

    What an attack does not reach proves nothing: certiqa certify does.
    """
    if list_:
        from certiqa.cli._attack_text import catalogue

        typer.echo("\n".join(catalogue()))
        return 0
    from certiqa.cli._attack_options import Settings

    settings = Settings.of(
        images=images or (),
        attack=attack,
        budget=budget,
        objective=objective,
        steps=steps,
        options=option or (),
        purify=purify or (),
        sigma=sigma,
        denoiser=denoiser,
        n=n,
        samples=samples,
        certify=certify,
        seed=seed,
        device=device,
    )
    from certiqa.cli._attack_run import run

    return run(list(images or ()), model, settings, device=device, save=save, json=json, picture=picture)

"""``certiqa certify``."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["EPILOG", "certify"]

EPILOG = """\b
Examples:
  certiqa certify sample:coffee
  certiqa certify photo.jpg --eps psnr:42 --tau 5
  certiqa certify photo.jpg --eps 0.1 --eps 0.2 --n 10000 --plot photo.png
  certiqa certify photo.jpg --model builtin-noise --resolution 64 --sigma 0.25 --eps linf:2/255
  certiqa certify photos/*.jpg --json certificates.jsonl --plot figures/
  certiqa certify photo.jpg --json - | jq .score
  certiqa certify photo.jpg --model python:my_metrics:sharpness --range 0,1

An IMAGE is a file (BMP, GIF, JPEG, PNG, PPM, TIFF, WebP) or sample:NAME (see: certiqa samples).

Sizes of attacks are l2 lengths, for images in [0, 1]; --eps also takes linf:2/255, psnr:60 and grey:0.05 (RMS grey
levels of 255). A single --eps is declared before sampling and gets exact ranks; several are answered together by the
simultaneous band.

Exit codes: 0 all is well; 2 an image, an option, the model or n was not good enough (n scores that prove nothing at
any size of attack asked for, too): one line each on stderr, the other images are done; 130 Ctrl-C, what was done is
kept.
"""

Images = Annotated[list[str], typer.Argument(metavar="IMAGE", help="Image files, or sample:NAME.")]
Model = Annotated[str, typer.Option(help="Name of a metric, or python:package.module:attribute.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1. Default: a GPU if there is one.")]
_SIGMA = "Standard deviation of the noise, for images in [0, 1]. Default: what the metric declares, else 0.12."
_N = "Number of scores of each image. Default: what the metric declares, else 2000."
_KIND = "median: of scores under noise; lipschitz: bounds without noise and without chance, of metrics made for them."
_SEED = "Repeat the noise of this seed, and put the seed into the JSON. Default: fresh noise."
_TAU = "Print the eps within which no attack moves the score by more than T; repeat for several."
_RESOLUTION = (
    "Resize before the noise: the shorter side, HEIGHTxWIDTH, or native. Sizes of attacks stay those of the original. "
    "Default: what the metric declares, else native."
)
_DENOISER = "Put before the metric: a name, a .safetensors file, or python:package.module:attribute."
_JSON = "Write JSON: - (lines on stdout), a .jsonl (lines are added to it), a .json (one image), or a folder."


def certify(
    images: Images,
    model: Model = "builtin-energy",
    denoiser: Annotated[str | None, typer.Option(metavar="D", help=_DENOISER)] = None,
    sigma: Annotated[float | None, typer.Option(help=_SIGMA)] = None,
    eps: Annotated[list[str] | None, typer.Option(metavar="E", help="Size of attack; repeat for several.")] = None,
    tau: Annotated[list[float] | None, typer.Option(metavar="T", help=_TAU)] = None,
    resolution: Annotated[str | None, typer.Option(metavar="R", help=_RESOLUTION)] = None,
    n: Annotated[int | None, typer.Option(help=_N)] = None,
    kind: Annotated[str, typer.Option(help=_KIND)] = "median",
    alpha: Annotated[float, typer.Option(help="Failure probability of each certificate.")] = 1e-3,
    side: Annotated[str, typer.Option(help="both; upper bounds rises only; lower bounds falls only.")] = "both",
    seed: Annotated[int | None, typer.Option(help=_SEED)] = None,
    device: Device = None,
    dtype: Annotated[str, typer.Option(help="auto, float32, float64, bfloat16, float16.")] = "auto",
    batch_size: Annotated[str, typer.Option(metavar="B", help="Noisy images per forward pass, or auto.")] = "auto",
    output_range: Annotated[
        str | None, typer.Option("--range", metavar="LOW,HIGH", help="Clamp scores to this range, so that it holds.")
    ] = None,
    json: Annotated[str | None, typer.Option(metavar="PATH", help=_JSON)] = None,
    plot: Annotated[
        str | None, typer.Option(metavar="PATH", help="Draw a .png, .pdf, .svg (one image), or into a folder.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors (and --json -).")] = False,
) -> int:
    """Certify the scores of images.

    Proves, for each image, how far any attack up to a size can move its smoothed score.
    """
    from certiqa.cli._options import Settings

    settings = Settings.of(
        sizes=eps or (),
        taus=tau or (),
        sigma=sigma,
        n=n,
        alpha=alpha,
        side=side,
        seed=seed,
        device=device,
        dtype=dtype,
        batch_size=batch_size,
        output_range=output_range,
        resolution=resolution,
        kind=kind,
    )
    from certiqa.cli._run import run

    return run(images, model, settings, denoiser=denoiser, json=json, plot=plot, quiet=quiet)

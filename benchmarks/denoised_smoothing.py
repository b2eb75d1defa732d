"""Undefended, MS, DMS, DMS-IQA and noise training: correlation with human scores against what is certified.

    python benchmarks/denoised_smoothing.py --data ../shared/data --preset cpu
    python benchmarks/denoised_smoothing.py --data ../shared/data --preset full --device cuda

For the validation parts of LIVE In the Wild and AGIQA-3K, every defence and every sigma: SROCC and PLCC of the medians
with bootstrap intervals over contents, paired tests against MS at the same sigma, and from certificates of some of the
images the certified change tau (drift, at the simultaneous band's level) at several eps, absolute and over the SD of
the smoothed scores, and the strongest attack under which the median image keeps tau <= SD / 2.

A defence is a metric, a denoiser or none, and a working resolution or none; plan() lists them. One JSON line per
row goes to --out as soon as it is there, and a row that stands there is not computed again: a run that was killed goes
on. The presets differ in how many images and draws a row gets, and each row
says so. Workers share the rows: --part 0/2 and --part 1/2, or --only, in processes that each have their own --out.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import certiqa
from certiqa._provenance import model_sha256, now, versions
from certiqa.data import open_dataset
from certiqa.data.images import Picture
from certiqa.data.sets.dataset import DataSet
from certiqa.data.splits import fold
from certiqa.evaluation import agreement, compare
from certiqa.smoothing.base import ScoreFn
from certiqa.statistics.percentile import eps_from_linf

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("agiqa3k", "livec")
RATIOS = (0.417, 1.0, 2.0)  # of sigma, in the working picture; 0.417 is the field's eps .05 at sigma .12
EPS = 0.05
STEPS = (0.5, 1.0, 2.0)  # l_inf attacks in grey levels, as l2 balls around them


@dataclass(frozen=True)
class Defence:
    """A row's name, its metric and denoiser by name, its working resolution."""

    name: str
    metric: str
    denoiser: str | None = None
    resolution: int | None = None


@dataclass(frozen=True)
class Preset:
    """How much a row gets."""

    images: int
    """Of each part, for correlations; 0: all."""
    draws: int
    """Of noise for each of these images."""
    certified: int
    """Of each part, certificates; 0: all."""
    n: int
    """Scores of each certificate."""


PRESETS = {"cpu": Preset(0, 4, 3, 520), "full": Preset(0, 2000, 0, 2000), "smoke": Preset(12, 4, 2, 60)}
SMALL = Preset(0, 32, 8, 4000)
"""What a row of the certified metric gets in the preset cpu, at its working resolution: its passes cost little."""
SIGMAS = (0.12, 0.25, 0.06, 0.5)
FACTORS = (0.6, 1.0)
"""Noise levels of the certified metric, over the one that it was made for."""
ALPHA = 1e-3


def plan() -> Iterator[tuple[Defence, float]]:
    """The rows, cheap ones first. What does not ship is left out."""
    yield Defence("undefended", "builtin"), 0.0
    metrics, denoisers = certiqa.metrics.names(), certiqa.denoisers.names()
    if "builtin-noise-192" in metrics:
        card = certiqa.metrics.card("builtin-noise-192")
        for factor in FACTORS:
            made_for = card.certified_sigma or 0.0
            yield Defence("certified", "builtin-noise-192", None, card.certified_resolution), factor * made_for
    for sigma in SIGMAS:
        yield Defence("MS", "builtin"), sigma
        if "builtin-noise" in metrics:
            yield Defence("noise-trained", "builtin-noise"), sigma
        for name in ("dms", "dms-iqa"):
            if name in denoisers:
                yield Defence(name.upper(), "builtin", name), sigma
    for side in (96, 192):
        for sigma in (0.12, 0.25):
            yield Defence(f"MS at {side}", "builtin", None, side), sigma
            if "builtin-noise" in metrics:
                yield Defence(f"noise-trained at {side}", "builtin-noise", None, side), sigma
            if "dms-iqa" in denoisers:
                yield Defence(f"DMS-IQA at {side}", "builtin", "dms-iqa", side), sigma


class Pictures:
    """A validation part, decoded once."""

    def __init__(self, data: Path, source: str, count: int) -> None:
        part = open_dataset(source, data / source).part("validation")
        self.part: DataSet = _thinned(part, count)
        self.pictures: list[Picture] = [picture for _, picture in self.part.images()]


def _thinned(part: DataSet, count: int) -> DataSet:
    """``count`` records, chosen by a hash of their names: the same ones everywhere."""
    if not 0 < count < len(part.records):
        return part
    order = sorted(part.records, key=lambda record: fold(record.name, 2**61, salt="benchmark:"))
    kept = {record.name for record in order[:count]}
    return replace(part, records=tuple(record for record in part.records if record.name in kept))


def levels() -> dict[str, Callable[[Any], float]]:
    """Sizes of attack at which tau is asked, as functions of a certificate."""
    asked: dict[str, Callable[[Any], float]] = {f"{r:g} sigma": lambda c, r=r: c.eps_for(r * c.sigma) for r in RATIOS}
    asked["eps .05"] = lambda c: EPS
    for step in STEPS:
        asked[f"l_inf {step:g}/255"] = lambda c, step=step: eps_from_linf(step / 255, c.dimension)
    return asked


def row(defence: Defence, sigma: float, pictures: Pictures, preset: Preset, args: argparse.Namespace) -> dict[str, Any]:
    """Everything about one defence, one sigma and one part."""
    metric = certiqa.metrics.load(defence.metric, args.device)
    denoiser = certiqa.denoisers.load(defence.denoiser, args.device) if defence.denoiser else None
    start = time.perf_counter()
    scores = medians(metric, denoiser, defence, sigma, pictures, preset, args)
    per_image = (time.perf_counter() - start) / len(scores)
    part = pictures.part
    found = agreement(scores, part.mos(), contents=part.contents(), lower_better=False, seed=args.seed)
    result: dict[str, Any] = {
        "data": part.name,
        "defence": asdict(defence),
        "sigma": sigma,
        "images": len(scores),
        "draws": preset.draws if sigma else 1,
        "seconds_per_image": round(per_image, 3),
        "sd_of_scores": float(np.std(scores, ddof=1)),
        "agreement": found.to_dict(),
        "scores": [round(float(score), 4) for score in scores],
        "metric_sha256": model_sha256(metric),
        "denoiser_sha256": model_sha256(denoiser) if denoiser is not None else None,
    }
    if sigma:
        result["certified"] = certified(
            metric, denoiser, defence, sigma, pictures, preset, result["sd_of_scores"], args
        )
    return result


@torch.inference_mode()
def medians(
    metric: nn.Module,
    denoiser: nn.Module | None,
    defence: Defence,
    sigma: float,
    pictures: Pictures,
    preset: Preset,
    args: argparse.Namespace,
) -> np.ndarray:
    """The smoothed score of every picture (at sigma 0, the bare score)."""
    smooth: Callable[[torch.Tensor], torch.Tensor]
    options: Any = {"n": preset.draws, "dtype": args.dtype, "seed": args.seed, "resolution": defence.resolution}
    if not sigma:
        smooth = metric
    elif denoiser is None:
        smooth = certiqa.MedianSmoothing(metric, sigma, **options).eval()
    else:
        smooth = certiqa.DenoisedMedianSmoothing(metric, denoiser, sigma, **options).eval()
    found = []
    for picture in pictures.pictures:
        image = torch.from_numpy(picture.pixels.copy())[None].to(args.device)
        found.append(float(smooth(image if sigma else image.float() / 255)))
    return np.array(found)


def certified(
    metric: ScoreFn,
    denoiser: nn.Module | None,
    defence: Defence,
    sigma: float,
    pictures: Pictures,
    preset: Preset,
    sd: float,
    args: argparse.Namespace,
) -> dict[str, Any]:
    """Median and 90th percentile over images of tau and of the eps that keeps tau <= SD / 2."""
    thin = _thinned(pictures.part, preset.certified)
    names = {record.name for record in thin.records}
    chosen = [p for record, p in zip(pictures.part.records, pictures.pictures, strict=True) if record.name in names]
    taus: dict[str, list[float]] = {}
    proved: dict[str, list[bool]] = {}
    radii, psnrs = [], []
    start = time.perf_counter()
    for picture in chosen:
        image = torch.from_numpy(picture.pixels.copy())
        certificate = certiqa.certify(
            metric, image, sigma, n=preset.n, alpha=ALPHA, denoiser=denoiser, dtype=args.dtype, device=args.device,
            seed=args.seed, resolution=defence.resolution,
        )  # fmt: skip
        for name, eps in levels().items():
            taus.setdefault(name, []).append(float(certificate.tau(eps(certificate))))
            proved.setdefault(name, []).append(certificate.bounds(eps(certificate)).certified)
        radius = float(certificate.radius(sd / 2))
        radii.append(radius)
        psnrs.append(certificate.psnr(radius) if radius > 0 else float("inf"))

    def spread(values: list[float]) -> dict[str, float]:
        return {"median": float(np.median(values)), "p90": float(np.quantile(values, 0.9, method="higher"))}

    return {
        "images": len(chosen),
        "n": preset.n,
        "alpha": ALPHA,
        "tau": {name: spread(values) for name, values in taus.items()},
        "tau_over_sd": {name: spread([value / sd for value in values]) for name, values in taus.items()},
        "proved_by_scores": {name: float(np.mean(values)) for name, values in proved.items()},
        "eps_at_half_sd": spread(radii)["median"],
        "psnr_at_half_sd": float(np.median(psnrs)),
        "seconds_per_certificate": round((time.perf_counter() - start) / len(chosen), 2),
    }


def identity(defence: Defence, sigma: float, source: str, args: argparse.Namespace) -> dict[str, Any]:
    return {"data": source, "defence": asdict(defence), "sigma": sigma, "preset": args.preset, "seed": args.seed}


def rows_there(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()] if out.exists() else []


def with_tests(rows: list[dict[str, Any]], data: Path, seed: int) -> list[dict[str, Any]]:
    """Paired tests of the defences of one sigma at the native resolution: all against MS, and the rest against DMS."""
    found: list[dict[str, Any]] = []
    for source in SOURCES:
        part = open_dataset(source, data / source).part("validation")
        for sigma in SIGMAS:
            here = [r for r in rows if (r["data"], r["sigma"], r["defence"]["resolution"]) == (source, sigma, None)]
            group = {r["defence"]["name"]: r for r in here}
            if len(group) < 2 or "MS" not in group or group["MS"]["images"] != len(part.records):
                continue
            for base, left_out in (("MS", set[str]()), ("DMS", {"MS"})):
                scores = {name: np.array(r["scores"]) for name, r in group.items() if name not in left_out}
                if base not in scores or len(scores) < 2:
                    continue
                against = compare(
                    scores,
                    part.mos(),
                    contents=part.contents(),
                    lower_better=dict.fromkeys(scores, False),
                    seed=seed,
                    against=base,
                )
                found += [{"data": source, "sigma": sigma, **one.to_dict()} for one in against]
    return found


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with livec/ and agiqa3k/")
    parser.add_argument("--preset", choices=PRESETS, default="cpu")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "denoised_smoothing.jsonl")
    parser.add_argument("--only", nargs="*", help="only the rows of these defences, by name")
    parser.add_argument("--draws", type=int, help="instead of the preset's")
    parser.add_argument("--certificates", type=int, help="of each row, instead of the preset's")
    parser.add_argument("--part", default="0/1", help="which share of the rows, as 0/2 and 1/2")
    parser.add_argument("--tests", action="store_true", help="only the paired tests, from the rows in --out")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="bfloat16", help="of the forward passes")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(argv)


def main(argv: list[str]) -> None:
    args = parse(argv)
    torch.set_num_threads(args.threads)
    if args.tests:
        tests = with_tests(rows_there(args.out), args.data, args.seed)
        target = args.out.with_name(args.out.stem + "_tests.json")
        target.write_text(json.dumps(tests, indent=1) + "\n", encoding="utf-8")
        return
    given = {"draws": args.draws, "certified": args.certificates}
    given = {name: value for name, value in given.items() if value is not None}
    preset, small_preset = replace(PRESETS[args.preset], **given), replace(SMALL, **given)
    share, shares = map(int, args.part.split("/"))
    parts = {source: Pictures(args.data, source, preset.images) for source in SOURCES}
    done = [r["identity"] for r in rows_there(args.out)]
    common = {"command": shlex.join(["python", "benchmarks/denoised_smoothing.py", *argv]), "versions": versions()}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    jobs = [(d, s, source) for d, s in plan() if not args.only or d.name in args.only for source in SOURCES]
    for number, (defence, sigma, source) in enumerate(jobs):
        mine = identity(defence, sigma, source, args)
        if (number + number // len(SOURCES)) % shares != share or mine in done:  # each part of the data to every share
            continue
        small = args.preset == "cpu" and defence.name == "certified"
        measured = row(defence, sigma, parts[source], small_preset if small else preset, args)
        found = {"identity": mine, **measured, **common}
        found |= {"date": now(), "device": args.device, "dtype": args.dtype, "threads": args.threads}
        with args.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(found) + "\n")
        certificate = found.get("certified", {})
        figures = f"SROCC {found['agreement']['srocc']['value']:.3f}", certificate.get("psnr_at_half_sd")
        print(source, defence.name, sigma, *figures, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

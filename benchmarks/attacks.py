"""Attacks on metrics, bare and smoothed; the first-order theorem; attacks inside certified radii.

    python benchmarks/attacks.py --data ../shared/data --preset cpu
    python benchmarks/attacks.py --data ../shared/data --preset full --device cuda --section bare smoothed
    python benchmarks/attacks.py --data ../shared/data --preset smoke

The objective is "far" unless another is given: scores at or above the median of the undefended scores of the part are
lowered, the others raised, so that an attack costs order as well as level.

Sections, on the validation part of LIVE In the Wild:

* bare: every attack on the built-in metric and on EONSS (which no one here trained) at l_inf 2, 4, 8 of 255 and at l2
  with the same length, eps_l2 = eps_linf sqrt(d): change of score, agreement with people after, PSNR, SSIM, cost.
* smoothed: MS and DMS-IQA at sigma .12, of the built-in metric. Attacks know the defence: they follow the gradient, or
  ask for scores, through the noise and the denoiser. Beside them stand two that do not: PGD and a universal pattern
  made on the bare metric. All are judged by medians under noise that they never saw.
* theorem: change of an FGSM step over eps ||grad f||_1, which tends to 1 as eps tends to 0, in float64 (Liu et al.
  2024, theorem 1).
* soundness: adaptive attacks inside certified radii of metrics at a working resolution; the attacked median is measured
  with fresh scores, and alarms are counted against what alpha explains. More than that: the run fails.

Every image's result goes to --store as soon as it is there, every row to --out; what stands there is not computed
again, so a run that was killed goes on. The presets differ in images, steps and draws, and each row says so. Workers
share the rows: --part 0/2 and --part 1/2 in two processes, each with its own --out and --store.
"""

from __future__ import annotations

import argparse
import copy
import json
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from attack_effects import comparisons, masking
from attack_plan import PRESETS, Job, Json, Preset, plan
from eonss import WEIGHTS as EONSS
from eonss import load as load_eonss
from torch import nn

import certiqa
from certiqa import attacks
from certiqa._provenance import model_sha256, now, versions
from certiqa.data import open_dataset
from certiqa.data.images import Picture
from certiqa.data.sets.dataset import DataSet
from certiqa.data.splits import fold
from certiqa.evaluation import (
    Verdict,
    attack_radius,
    constant_predictor,
    fresh_scores,
    gradient_l1,
    robustness_of,
    soundness_of,
    verdict,
)
from certiqa.evaluation.records import RecordStore
from certiqa.statistics.percentile import eps_from_linf

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
SECTIONS = ("bare", "smoothed", "theorem", "soundness")
SIGMA = 0.12
ALPHA = 1e-3
RADII = (0.25, 0.5, 1.0, 2.0)  # of sigma, in the working picture
THEOREM = (8.0, 1.0, 0.1, 0.01, 1e-3)  # eps in grey levels


class World:
    """What the rows share: metrics, denoisers, patterns, pictures, the store."""

    def __init__(self, args: argparse.Namespace, preset: Preset) -> None:
        self.args, self.preset = args, preset
        self.store = RecordStore(args.store)
        self.whole = open_dataset("livec", args.data / "livec")
        self.validation = self.whole.part("validation")
        self._metrics: dict[str, nn.Module] = {}
        self._patterns: dict[tuple[str, str], Any] = {}
        self._middles: dict[str, float] = {}
        self._before: dict[tuple[str, str, str], float] = {}

    def metric(self, name: str) -> nn.Module:
        if name not in self._metrics:
            loaded = load_eonss(EONSS) if name == "eonss" else certiqa.metrics.load(name, self.args.device)
            self._metrics[name] = loaded.to(self.args.device)
        return self._metrics[name]

    def middle(self, name: str) -> float:
        """The median of the bare scores of the part."""
        if name not in self._middles:
            metric = self.metric(name)
            scores = [float(_bare(metric, torch.from_numpy(p.pixels.copy()))) for _, p in self.validation.images()]
            self._middles[name] = round(float(np.median(scores)), 3)
        return self._middles[name]

    def pictures(self, count: int) -> DataSet:
        """``count`` images, chosen by a hash of their names; 0: all."""
        if not 0 < count < len(self.validation):
            return self.validation
        order = sorted(self.validation.records, key=lambda record: fold(record.name, 2**61, salt="attacks:"))
        names = {record.name for record in order[:count]}
        return replace(self.validation, records=tuple(r for r in self.validation.records if r.name in names))

    def before(self, job: Job, picture: Picture, judge: Callable[[torch.Tensor], float]) -> float:
        """The score of the clean picture: the same in all rows of one defence, whose noise hangs on the picture."""
        key = (job.metric, job.defence, picture.sha256())
        if key not in self._before:
            self._before[key] = judge(torch.from_numpy(picture.pixels.copy()))
        return self._before[key]

    def pattern(self, name: str, aim: str) -> Any:
        """A universal pattern for this aim, of a metric or of "METRIC DEFENCE", from images that are not attacked."""
        if (name, aim) not in self._patterns:
            records = sorted(self.whole.part("fit").records, key=lambda r: fold(r.name, 2**61, salt="uap:"))
            few = [str(record.path) for record in records[: max(2, self.preset.steps * 4)]]
            options = {"epochs": max(1, self.preset.steps // 4), "seed": self.args.seed}
            metric, _, defence = name.partition(" ")
            model = self.target(Job("smoothed", metric, defence))[0] if defence else self.metric(metric)
            self._patterns[name, aim] = attacks.train_uap(model, few, aim, **options)
        return self._patterns[name, aim]

    def attack(self, job: Job, aim: str) -> attacks.Attack:
        options = dict(job.options)
        if "source" in options:
            options["source"] = self.metric(options["source"])
        if "pattern" in options:
            options["pattern"] = self.pattern(options["pattern"], "lower" if aim == "lower" else "raise")
        return attacks.load(job.attack, **options)

    def target(self, job: Job) -> tuple[Any, Callable[[torch.Tensor], float]]:
        """What the attack is given, and what it is judged by."""
        metric = self.metric(job.metric)
        if job.defence == "none":
            return metric, lambda pixels: float(_bare(metric, pixels))
        denoiser = None if job.defence == "ms" else certiqa.denoisers.load(job.defence, self.args.device)

        def smooth(n: int, seed: int) -> nn.Module:
            options: Json = {"n": n, "seed": seed, "dtype": self.args.dtype}
            if denoiser is None:
                return certiqa.MedianSmoothing(metric, SIGMA, **options).eval()
            return certiqa.DenoisedMedianSmoothing(metric, denoiser, SIGMA, **options).eval()

        deployed = smooth(self.preset.n, 2 * self.args.seed + 1)
        attacked = attacks.eot(smooth(self.preset.draws, 2 * self.args.seed), samples=1)
        return attacked, lambda pixels: float(_smoothed(deployed, pixels.to(self.args.device)))

    def kept(self, what: Json, picture: Picture, work: Callable[[], Json]) -> Json:
        """From the store, or computed and added to it."""
        key = json.dumps([what, picture.sha256()], sort_keys=True)
        known = self.store.get(key)
        if known is None:
            known = work()
            self.store.add(key, known)
        return known


@torch.no_grad()
def _bare(metric: nn.Module, pixels: torch.Tensor) -> torch.Tensor:
    image = pixels.float() / 255 if pixels.dtype == torch.uint8 else pixels
    device = next((p.device for p in (*metric.parameters(), *metric.buffers())), torch.device("cpu"))
    return metric(image[None].to(device))[0]


@torch.no_grad()
def _smoothed(smooth: nn.Module, pixels: torch.Tensor) -> torch.Tensor:
    return smooth(pixels[None])[0]


def row_of_attacks(world: World, job: Job, identity: Json) -> Json:
    """Every image attacked; the figures, and the numbers they come from."""
    part = world.pictures(identity["images"])
    target, judge = world.target(job)
    what = {key: value for key, value in identity.items() if key not in ("images", "preset")}
    rows, norms = [], []
    for record, picture in part.images():
        pixels = torch.from_numpy(picture.pixels.copy())

        def work(picture: Picture = picture, pixels: torch.Tensor = pixels) -> Json:
            step = job.level / 255
            budget = attacks.LInf(step) if job.norm == "linf" else attacks.L2(eps_from_linf(step, picture.dimension))
            before = world.before(job, picture, judge)
            aim = world.args.objective
            if aim == "far":
                aim = "lower" if before >= identity["middle"] else "raise"
            (found,) = world.attack(job, aim)(target, pixels[None], aim, budget, seed=world.args.seed)
            stored = torch.from_numpy(found.quantised.copy()).permute(2, 0, 1)
            scores = {"before": before, "after": judge(found.image), "stored": judge(stored)}
            return {**found.to_dict(), **scores, "image": record.name}  # noqa: B023

        rows.append(world.kept(what, picture, work))
    mos, contents = part.mos(), part.contents()
    metric = world.metric(job.metric)
    scale = getattr(metric, "output_range", None)
    before, after = ([row[name] for row in rows] for name in ("before", "stored"))
    figures = robustness_of(
        before, after, mos, scale=scale, contents=contents, lower_better=False, seed=world.args.seed
    )
    psnr = sorted(float("inf") if row["psnr_quantised"] is None else row["psnr_quantised"] for row in rows)
    middle = psnr[(len(psnr) - 1) // 2]
    if job.attack == "fgsm":
        norms = [float(gradient_l1(target, torch.from_numpy(p.pixels.copy())[None])[0]) for _, p in part.images()]
    return {
        "robustness": figures.to_dict(),
        "constant_predictor": constant_predictor(mos, contents=contents, scale=(0.0, 100.0)).to_dict(),
        "access": attacks.card(job.attack).access,
        "options": world.attack(job, "raise").options(),
        "scores": [[round(row[name], 4) for name in ("before", "after", "stored")] for row in rows],
        "psnr": middle if np.isfinite(middle) else None,
        "ssim": float(np.mean([row["ssim_quantised"] for row in rows])),
        "seconds": float(np.mean([row["seconds"] for row in rows])),
        "queries": float(np.mean([row["queries"] for row in rows])),
        "gradients": float(np.mean([row["gradients"] for row in rows])),
        "all_within_budget": all(row["within_budget"] and row["within_budget_quantised"] for row in rows),
        "notes": sorted({note for row in rows for note in row["notes"]}),
        "gradient_l1": norms,
    }


def row_of_theorem(world: World, job: Job, identity: Json) -> Json:
    """|f(x + eps sign grad) - f(x)| over eps ||grad||_1, in float64 and without clipping to [0, 1]."""
    metric = copy.deepcopy(world.metric(job.metric)).double()
    ratios: dict[float, list[float]] = {level: [] for level in THEOREM}
    norms = []
    for _, picture in world.pictures(identity["images"]).images():
        image = torch.from_numpy(picture.as_float()).double()[None].to(world.args.device).requires_grad_()
        score = metric(image)
        (gradient,) = torch.autograd.grad(score.sum(), image)
        norm = float(gradient.abs().sum())
        norms.append(norm)
        with torch.no_grad():
            for level in THEOREM:
                step = level / 255
                change = float((metric(image + step * gradient.sign()) - score).abs())
                ratios[level].append(change / (step * norm))
    tidy = {
        f"{level:g}/255": [float(q) for q in np.quantile(r, (0, 0.25, 0.5, 0.75, 1))] for level, r in ratios.items()
    }
    return {"ratio_quartiles": tidy, "gradient_l1_median": float(np.median(norms)), "n": len(norms)}


@dataclass
class Inside:
    """One picture, its certificate (made when the first attack needs it), and attacks inside its radii."""

    world: World
    metric: nn.Module
    sigma: float
    side: int
    pixels: torch.Tensor

    @cached_property
    def certificate(self) -> certiqa.Certificate:
        n, seed = self.world.preset.certificate_n, self.world.args.seed
        options: Json = {"n": n, "alpha": ALPHA, "resolution": self.side, "seed": seed}
        return certiqa.certify(self.metric, self.pixels, self.sigma, **options)

    def attacked(self, index: int, ratio: float, aim: str) -> Json:
        """FGSM and PGD by turns; the float image and the 8-bit image by turns."""
        preset, seed, certificate = self.world.preset, self.world.args.seed, self.certificate
        eps = certificate.eps_for(ratio * self.sigma)
        options: Json = {"n": preset.draws, "seed": seed + 1, "resolution": self.side}
        smooth = certiqa.MedianSmoothing(self.metric, self.sigma, **options).eval()
        attack = attacks.load("fgsm") if index % 2 == 0 else attacks.load("pgd", steps=preset.steps)
        target = attacks.eot(smooth, samples=1)
        (found,) = attack(
            target, self.pixels[None], aim, attacks.L2(attack_radius(eps, certificate.dimension)), seed=seed
        )
        stored = torch.from_numpy(found.quantised.copy()).permute(2, 0, 1)
        image = found.image if (index // 2 + index) % 2 == 0 else stored
        fresh = fresh_scores(certificate, self.metric, image, preset.fresh)
        result = verdict(certificate, self.pixels, image, fresh, eps=eps)
        room = (result.upper if aim == "raise" else result.lower) - certificate.score
        share = (result.median - certificate.score) / room if room else 0.0
        return {**result.to_dict(), "ratio": ratio, "aim": aim, "attack": attack.name, "share_of_room": share}


def row_of_soundness(world: World, job: Job, identity: Json) -> Json:
    """Certify, attack inside the radii, measure with fresh scores, count alarms."""
    metric, begin = world.metric(job.metric), time.perf_counter()
    sigma = float(getattr(metric, "certified_sigma", None) or SIGMA)
    side = int(getattr(metric, "certified_resolution", None) or 96)
    what = {key: value for key, value in identity.items() if key not in ("images", "preset")}
    records = []
    for _, picture in world.pictures(identity["images"]).images():
        inside = Inside(world, metric, sigma, side, torch.from_numpy(picture.pixels.copy()))
        for index, (ratio, aim) in enumerate((r, aim) for r in RADII for aim in ("raise", "lower")):
            work = partial(inside.attacked, index, ratio, aim)
            records.append(world.kept({**what, "attack": index}, picture, work))
    verdicts = [Verdict.from_dict(one) for one in records]
    found, shares = soundness_of(verdicts), [one["share_of_room"] for one in records]
    print(found.words(), flush=True)
    return {
        "soundness": found.to_dict(),
        "sigma": sigma,
        "resolution": side,
        "alpha": ALPHA,
        "share_of_room": {"median": float(np.median(shares)), "largest": float(np.max(shares))},
        "length_over_eps_median": float(np.median([one.length / one.eps for one in verdicts])),
        "seconds": round(time.perf_counter() - begin, 1),
    }


ROWS = {"bare": row_of_attacks, "smoothed": row_of_attacks, "theorem": row_of_theorem, "soundness": row_of_soundness}


def identity_of(world: World, job: Job) -> Json:
    """What a row is found again by: everything that makes its numbers what they are."""
    preset, args = world.preset, world.args
    sizes = {"soundness": preset.certificates, "smoothed": preset.smoothed}
    own: Json = {"draws": preset.draws, "n": preset.n} if job.section == "smoothed" else {}
    if job.section == "soundness":
        own = {"draws": preset.draws, "n": preset.certificate_n, "fresh": preset.fresh, "steps": preset.steps}
    uap = {"uap": [max(2, preset.steps * 4), max(1, preset.steps // 4)]} if job.attack == "uap" else {}
    far = args.objective == "far" and job.section in ("bare", "smoothed")
    return {
        **json.loads(json.dumps(asdict(job))),
        **own,
        "middle": world.middle(job.metric) if far else None,
        **uap,
        "images": args.limit or sizes.get(job.section, preset.images),
        "metric_sha256": model_sha256(world.metric(job.metric)),
        "denoiser_sha256": None if job.defence in ("none", "ms") else model_sha256(certiqa.denoisers.load(job.defence)),
        "objective": args.objective,
        "seed": args.seed,
        "preset": args.preset,
    }


def rows_there(out: Path) -> list[Json]:
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()] if out.exists() else []


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with livec/")
    parser.add_argument("--preset", choices=PRESETS, default="cpu")
    parser.add_argument("--section", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--limit", type=int, default=0, help="so many images (certificates); default: the preset's")
    parser.add_argument("--objective", default="far", choices=("far", "raise", "lower", "move"))
    parser.add_argument("--out", type=Path, default=RESULTS / "attacks.jsonl")
    parser.add_argument("--store", type=Path, help="every image's result; default: beside --out, *_images.jsonl")
    parser.add_argument(
        "--masking", action="store_true", help="only what --out says of masking, and of attacks in pairs"
    )
    parser.add_argument("--part", default="0/1", help="which share of the rows, as 0/2 and 1/2")
    parser.add_argument("--only", default="", help="only rows whose words contain this, as 'eonss none pgd'")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="auto", help="of the forward passes under noise")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    args.store = args.store or args.out.with_name(args.out.stem + "_images.jsonl")
    return args


def main(argv: list[str]) -> None:
    args = parse(argv)
    torch.set_num_threads(args.threads)
    if args.masking:
        for name, found in (("masking", masking), ("effects", comparisons)):
            target = args.out.with_name(f"{args.out.stem}_{name}.json")
            target.write_text(json.dumps(found(rows_there(args.out)), indent=1) + "\n", encoding="utf-8")
        return
    args.out.parent.mkdir(parents=True, exist_ok=True)
    world = World(args, PRESETS[args.preset])
    share, shares = map(int, args.part.split("/"))
    done = [row["identity"] for row in rows_there(args.out)]
    common = {"command": shlex.join(["python", "benchmarks/attacks.py", *argv]), "versions": versions()}
    unsound = [r for r in rows_there(args.out) if "soundness" in r and not r["soundness"]["sound"]]
    for number, job in enumerate(plan(world.preset)):
        if job.section not in args.section or number % shares != share or args.only not in job.words():
            continue
        mine = identity_of(world, job)
        if mine in done:
            continue
        found = {"identity": mine, "job": asdict(job), **ROWS[job.section](world, job, mine), **common}
        found |= {"date": now(), "device": args.device, "dtype": args.dtype, "threads": args.threads}
        with args.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(found, allow_nan=False) + "\n")
        change = found.get("robustness", {}).get("changes", {}).get("mean_change", {}).get("value")
        print(job.words(), "" if change is None else f"mean |change| {change:.3f}", flush=True)
        if job.section == "soundness" and not found["soundness"]["sound"]:
            unsound.append(found)
    if unsound:
        rows = ", ".join(row["job"]["metric"] for row in unsound)
        raise SystemExit(f"SOUNDNESS ALARM: more certificates failed than alpha explains: {rows}")


if __name__ == "__main__":
    main(sys.argv[1:])

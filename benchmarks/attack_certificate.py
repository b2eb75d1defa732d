"""Attack certificates for real: push the smoothed score as far as gradients can, and measure where it ends up.

For each photograph (a crop), side and radius: certify the clean crop; maximise (minimise) the score inside the l2 ball
by gradient ascent through the noise, fresh noise at every step; then measure the smoothed median of the attacked image
with many fresh scores. Two attacks: a float image (projected gradient steps), and an 8-bit image (the largest gradient
entries moved by whole grey levels). The certificate holds if the median stays in the interval.

Usage: python benchmarks/attack_certificate.py [--fresh 100000] [--out benchmarks/results/attack_certificate.json]
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import certiqa
from certiqa._provenance import now, versions
from certiqa.data.images import Picture, read_image
from certiqa.frontends import Identity
from certiqa.smoothing.base import BaseScore
from certiqa.smoothing.noise import FloatNoise, fresh_seed, noise_key
from certiqa.smoothing.sampler import sample_scores
from certiqa.smoothing.view import view_of
from certiqa.statistics.statements import median_ranks

Json = dict[str, Any]


def crop(name: str, size: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The middle of a sample photograph, (size, size, 3)."""
    pixels = read_image(certiqa.samples.path(name)).pixels
    top, left = (pixels.shape[1] - size) // 2, (pixels.shape[2] - size) // 2
    return np.ascontiguousarray(pixels[:, top : top + size, left : left + size].transpose(1, 2, 0))


def gradient(model: nn.Module, image: Tensor, sigma: float, draws: int, seed: int, step: int) -> Tensor:
    """The gradient of the mean noisy score with respect to the image, (3,H,W), over ``draws`` fresh draws."""
    noise = FloatNoise(sigma, noise_key(seed, "00" * 32))
    total = torch.zeros_like(image)
    for start in range(0, draws, 32):
        count = min(32, draws - start)
        noisy = noise.noisy(image, step * draws + start, count, clip=False).requires_grad_()
        score = model(noisy.clamp(0, 1)).sum()
        total += torch.autograd.grad(score, noisy)[0].sum(0)
    return total / draws


def float_attack(model: nn.Module, clean: Tensor, sigma: float, eps: float, sign: int, **how: int) -> Tensor:
    """Projected gradient ascent in the l2 ball, inside [0, 1]: (3,H,W) float32 with ||delta|| <= eps."""
    delta = torch.zeros_like(clean)
    for step in range(how["steps"]):
        g = sign * gradient(model, clean + delta, sigma, how["draws"], how["seed"], step)
        delta = delta + g / g.norm() * (2.5 * eps / how["steps"] if step else eps)
        delta = delta * min(1.0, eps / float(delta.norm()))
        delta = (clean + delta).clamp(0, 1) - clean
    return clean + delta * min(1.0, (1 - 1e-4) * eps / float(delta.norm()))


def lattice_attack(model: nn.Module, clean: Tensor, sigma: float, eps: float, sign: int, **how: int) -> Tensor:
    """The best 8-bit image to first order: whole grey levels for the largest gradient entries, (3,H,W) uint8."""
    g = (sign * gradient(model, clean, sigma, how["draws"] * how["steps"], how["seed"], 0)).flatten()
    grey = (clean * 255).round().flatten()
    budget = (255 * eps) ** 2
    level = max(1.0, math.sqrt(budget / g.numel()))  # about this many grey levels for the entries that move
    scale = level / float(g.abs().mean())
    low, high = 0.0, 64 * scale
    best = torch.zeros_like(g)
    for _ in range(60):  # bisect the scale: round(scale * g) must use up the budget, not more
        middle = (low + high) / 2
        step = ((grey + (middle * g).round()).clamp(0, 255) - grey).to(torch.float64)
        if float(step.square().sum()) <= budget:
            low, best = middle, step.float()
        else:
            high = middle
    return (grey + best).to(torch.uint8).view_as(clean)


def measured_median(model: nn.Module, image: Tensor, sigma: float, fresh: int) -> tuple[float, float, float]:
    """(median, low, high) of ``fresh`` scores under fresh noise; [low, high] misses the true median with 1e-6."""
    picture: Picture = read_image(image)
    base = BaseScore(model, None, sigma, (0.0, 100.0), torch.float32)
    view = view_of(picture, Identity(), sigma, fresh_seed(), torch.device("cpu"))
    sample = sample_scores(base, view.noise, view.values, fresh, batch_size=128)
    ordered = np.sort(sample.scores)
    k_low, k_high = median_ranks(fresh, 5e-7)
    return float(np.median(ordered)), float(ordered[k_low - 1]), float(ordered[k_high - 1])


def attack_one(
    name: str, size: int, sigma: float, r: float, n: int, fresh: int, seed: int, excess: float = 1.0, **how: int
) -> list[Json]:
    """Certify one crop at eps = r * sigma and attack it upwards and downwards, as float and as 8-bit image.

    ``excess`` > 1 lets the attack go beyond the certified radius, where nothing is promised.
    """
    model = certiqa.metrics.load("builtin", "cpu")
    certificate = certiqa.certify(model, crop(name, size), sigma, n=n, seed=seed, at=r * sigma)
    lower, upper = certificate.bounds(at=r * sigma)
    eps = excess * r * sigma
    clean = torch.from_numpy(crop(name, size)).permute(2, 0, 1).float() / 255
    rows = []
    for sign, word in ((1, "raise"), (-1, "lower")):
        for kind, method in (("float", float_attack), ("8-bit", lattice_attack)):
            attacked = method(model, clean, sigma, eps, sign, seed=seed, **how)
            as_float = attacked.float() / 255 if attacked.dtype == torch.uint8 else attacked
            length = float((as_float.double() - clean.double()).norm())
            median, low, high = measured_median(model, attacked, sigma, fresh)
            room = upper - certificate.score if sign > 0 else certificate.score - lower
            rows.append(
                {
                    "image": name, "size": size, "sigma": sigma, "eps": eps, "n": n, "attack": f"{word}, {kind}",
                    "length": length, "bare": [float(model(clean[None])), float(model(as_float[None]))],
                    "score": certificate.score, "lower": lower, "upper": upper, "median_after": median,
                    "median_after_interval": [low, high], "share_of_room": sign * (median - certificate.score) / room,
                    "within_budget": length <= eps, "inside": lower <= high and low <= upper,
                }
            )  # fmt: skip
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", nargs="+", default=["chelsea", "coffee", "rocket"])
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--sigma", type=float, default=0.12)
    parser.add_argument("--radii", type=float, nargs="+", default=[0.5, 2.0], help="eps / sigma")
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--fresh", type=int, default=100_000)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--draws", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/attack_certificate.json"))
    o = parser.parse_args()
    begin, rows = time.perf_counter(), []
    for name in o.images:
        for r in o.radii:
            new = attack_one(name, o.size, o.sigma, r, o.n, o.fresh, o.seed, steps=o.steps, draws=o.draws)
            rows += new
            for row in new:
                what = f"{row['image']:10} eps {row['eps']:.3f} {row['attack']:13}"
                where = f"[{row['lower']:.2f}, {row['upper']:.2f}] {row['score']:.2f} -> {row['median_after']:.2f}"
                share = f"({100 * row['share_of_room']:.0f} % of the room)"
                print(what, where, share, "inside" if row["inside"] else "OUTSIDE", flush=True)
    command = "python benchmarks/attack_certificate.py " + " ".join(sys.argv[1:])
    record = {"command": command.strip(), "created": now(), "seconds": round(time.perf_counter() - begin, 1)}
    o.out.write_text(json.dumps({**record, "fresh": o.fresh, "versions": versions(), "rows": rows}, indent=1) + "\n")
    if not all(row["inside"] for row in rows):
        raise SystemExit("SOUNDNESS ALARM: an attacked median left its certified interval")


if __name__ == "__main__":
    main()

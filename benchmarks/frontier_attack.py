"""Adaptive attacks on certified metrics behind a front end of numbers: is a certificate ever left, and how near is it?

    python benchmarks/frontier_attack.py --data ../shared/data              # 208 attacks
    python benchmarks/frontier_attack.py --data ../shared/data --part 0/2   # half of the images, for a second process

The attacker knows everything but the noise that judges: the attack climbs the mean of the head's scores under its own
noise, through the head and the front end to the pixels of the original (APGD), and its result is rounded to 8 bits
inside the budget. For the first images of each validation part, up and down by turns, an l_inf and an l2 attack at 42
and 36 dB. Each certificate is judged at the attack's own length by fresh scores (certiqa.certifiers). One JSON line an
attack; "room" is how much of the certified room, from the score to the end of the interval that it moved towards, the
attacked median used.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from certiqa import attacks, metrics
from certiqa._provenance import model_sha256, now, versions
from certiqa.certifiers import MedianCertifier
from certiqa.data.images import Picture, read_image
from certiqa.data.sets.registry import open_dataset
from certiqa.data.splits import fold
from certiqa.statistics.percentile import eps_from_psnr

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "benchmarks/results/frontier_attack.jsonl"
SETS = ("livec", "agiqa3k")
SIGMAS = {42.0: None, 36.0: 0.008}
"""The noise under which an attack of that strength is certified: the metric's own, or twice that."""
STEPS, DRAWS = 25, 64


class Smoothed:
    """What the attack climbs: the mean score under noise of its own, differentiable in the pixels."""

    def __init__(self, metric: Any, sigma: float, seed: int) -> None:
        self._metric, self._sigma = metric, sigma
        self._noise = torch.Generator().manual_seed(seed)

    def __call__(self, images: Tensor) -> Tensor:
        numbers = self._metric.front_end.of_tensor(images)[:, None]
        drawn = torch.randn(len(images), DRAWS, numbers.shape[-1], generator=self._noise)
        noisy = numbers + self._sigma * drawn
        scores: Tensor = self._metric.head(noisy.flatten(0, 1)).view(len(images), DRAWS)
        return scores.mean(1)


def budgets(picture: Picture) -> list[tuple[float, str]]:
    """An l_inf and an l2 budget at each strength; l_inf in whole grey levels, as 8-bit images need it."""
    found = []
    for decibel in SIGMAS:
        eps = eps_from_psnr(decibel, picture.dimension)
        grey = int(255 * eps / picture.dimension**0.5 + 1e-9)
        found += [(decibel, f"linf:{grey}/255"), (decibel, f"l2:{eps:.6f}")]
    return found


def judged(
    certifier: MedianCertifier, picture: Picture, certificate: Any, budget: str, aim: str, seed: int
) -> dict[str, Any]:
    """One attack, and what became of the certificate."""
    target = Smoothed(certifier.metric, certifier.base.sigma, seed)
    attack = attacks.load("apgd", steps=STEPS)
    (result,) = attack(target, torch.from_numpy(picture.pixels.copy())[None], aim, budget, seed=seed)
    attacked = read_image(result.quantised)
    verdict = certifier.judge(certificate, picture, attacked, seed=seed + 1)
    end = verdict.upper if aim == "raise" else verdict.lower
    room = (verdict.median - certificate.score) / (end - certificate.score)
    return {"verdict": verdict.to_dict(), "psnr": result.psnr_quantised, "room": round(room, 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds livec/ and agiqa3k/")
    parser.add_argument("--model", default="builtin-energy")
    parser.add_argument("--images", type=int, default=26, help="of each set; four attacks an image")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--part", default="0/1", help="i/k: every k-th image, from the i-th")
    options = parser.parse_args()
    torch.set_num_threads(1)
    index, parts = map(int, options.part.split("/"))
    metric = metrics.load(options.model, "cpu")
    certifiers = {decibel: MedianCertifier.of(metric, sigma, seed=7) for decibel, sigma in SIGMAS.items()}
    identity = {
        "model": options.model,
        "model_sha256": model_sha256(metric),
        "front_end": metric.front_end.digest,
        "n": certifiers[42.0].n,
        "attack": f"apgd:steps={STEPS}",
        "draws": DRAWS,
    }
    for name in SETS:
        part = open_dataset(name, options.data / name, decode=False).part("validation")
        order = sorted(part.records, key=lambda record: (fold(record.name, 2**61, salt="benchmark:"), record.name))
        for number, record in list(enumerate(order[: options.images]))[index::parts]:
            picture = read_image(record.path)
            certificates = {decibel: one.certify(picture) for decibel, one in certifiers.items()}
            for count, (decibel, budget) in enumerate(budgets(picture)):
                aim = "raise" if (number + count) % 2 else "lower"
                certifier, certificate = certifiers[decibel], certificates[decibel]
                found = judged(certifier, picture, certificate, budget, aim, seed=1000 * number + 10 * count)
                line = {**identity, "data": name, "image": record.name, "strength": decibel, "budget": budget}
                line |= {
                    "sigma": certifier.base.sigma,
                    "aim": aim,
                    "score": certificate.score,
                    **found,
                    "versions": versions(),
                    "date": now(),
                }
                with options.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
                print(name, record.name, budget, aim, found["room"], found["verdict"]["alarm"], flush=True)


if __name__ == "__main__":
    main()

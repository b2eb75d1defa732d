"""What is left of quality in a picture under strong noise: the energies of bands of frequencies, from one draw.

    python benchmarks/band_energies.py --data ../shared/data

Under noise that covers an attack of two grey levels, single details are lost, but the energy of a band is a sum over
thousands of coefficients and survives. For every picture of the fit parts: the energy in 14 rings of frequencies of
luma and two opponent colours, less the noise's own, from one noisy copy; and the SROCC with human scores of a kernel
ridge regression on these 42 numbers, by five-fold cross-validation over contents. No image of the validation part is
read, and nothing here is a metric: it says how much information is there, at least. Writes results/band_energies.json.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
from builtin_training.pictures import SOURCES, Rated, read
from scipy import stats

from certiqa.data.splits import fold

ROOT = Path(__file__).resolve().parents[1]
SIGMAS = (0.0, 0.25, 0.5, 1.0, 2.0, 3.0)
SIDE, BANDS, FOLDS, RIDGE, WIDTH = 500, 14, 5, 0.5, 60.0
COLOURS = np.array([[1.0, 1.0, 1.0], [1.0, -1.0, 0.0], [1.0, 1.0, -2.0]])


def energies(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(sigmas, 42) log energies of one picture, the same noise at every level."""
    side = min(*image.shape[:2], SIDE)
    top, left = ((length - side) // 2 for length in image.shape[:2])
    clean = image[top : top + side, left : left + side].astype(np.float64) / 255
    noise = rng.standard_normal(clean.shape)
    colours = COLOURS / np.linalg.norm(COLOURS, axis=1, keepdims=True)
    x, z = (np.fft.rfft2(np.einsum("ck,hwk->chw", colours, one), norm="ortho") for one in (clean, noise))
    down, across = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    edges = np.concatenate([[0.0, 1.5 / 512], np.geomspace(4 / 512, 0.5, BANDS - 1)])
    ring = (np.digitize(np.hypot(down, across), edges) - 1).ravel()
    twice = np.broadcast_to(np.where((across == 0) | (across == 0.5), 1.0, 2.0), x.shape[1:]).ravel()
    count = np.bincount(ring, twice, BANDS + 1)[:BANDS]
    found = []
    for sigma in SIGMAS:
        row = []
        for c in range(3):
            energy = np.bincount(ring, twice * np.abs((x + sigma * z)[c]).ravel() ** 2, BANDS + 1)[:BANDS]
            floor = 2 * sigma**2 * np.sqrt(2 * count) + 1e-2  # twice the SD of the noise's own energy
            row.append(np.log(np.maximum(energy - count * sigma**2, 0) + floor))
        found.append(np.concatenate(row))
    return np.array(found)


def predicted(features: np.ndarray, scores: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Out-of-fold predictions of a Gaussian kernel ridge regression."""
    out = np.zeros(len(scores))
    for number in range(FOLDS):
        known = groups != number
        mean, spread = features[known].mean(0), features[known].std(0) + 1e-9
        z = (features - mean) / spread
        kernel = np.exp(-np.square(z[:, None] - z[known][None]).sum(-1) / WIDTH)
        target = scores[known]
        weights = np.linalg.solve(kernel[known] + RIDGE * np.eye(len(target)), target - target.mean())
        out[~known] = kernel[~known] @ weights + target.mean()
    return out


def measured(part: Rated, seed: int) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    features = np.array([energies(np.asarray(image), rng) for image in part.images])
    groups = np.array([fold(content, FOLDS, salt="bands:") for content in part.contents])
    found = {}
    for index, sigma in enumerate(SIGMAS):
        guess = predicted(features[:, index], part.scores, groups)
        found[f"{sigma:g}"] = round(float(stats.spearmanr(guess, part.scores).statistic), 4)
    return found


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "band_energies.json")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    found: dict[str, Any] = {"srocc": {source: measured(read(args.data, source), args.seed) for source in SOURCES}}
    found |= {"side": SIDE, "folds": FOLDS, "seed": args.seed, "numpy": np.__version__}
    found["command"] = shlex.join(["python", "benchmarks/band_energies.py", *argv])
    args.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found["srocc"]))


if __name__ == "__main__":
    main(sys.argv[1:])

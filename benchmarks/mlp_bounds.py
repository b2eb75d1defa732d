"""How loose deterministic bounds of the median head are: an ordinary MLP on band energies, on the ball of 42 dB.

    python benchmarks/mlp_bounds.py --data ../shared/data --numbers work/energies

The head of builtin-energy (asinh, two hidden layers of SiLU) on pictures of the development part. Each line of
results/mlp_bounds.jsonl is one radius: the median over pictures of four upper bounds of how far the value before the
sigmoid can move, over what gradient ascent finds, which is at most the truth.

* constant: the product of the norms, SiLU's slope at most 1.0999, asinh(z/c)'s at most 1/c;
* slopes: the same with the slopes of asinh and of the first SiLU on the ball;
* intervals: l2 rows in the first layer, then interval arithmetic;
* gradient: the norm of an interval that holds every gradient on the ball.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path

import numpy as np
import torch
from scipy.special import expit
from train_energy import FRONT_END, examples

from certiqa.data.splits import is_validation
from certiqa.heads import Head
from certiqa.heads.examples import is_development
from certiqa.heads.norms import spectral_norm
from certiqa.metrics import load

ROOT = Path(__file__).resolve().parents[1]
STEEPEST = 1.09984
TURN = 2.3994  # where SiLU is steepest; it is flattest at -TURN, and lowest at LOWEST
LOWEST = -1.27847


def silu(x: np.ndarray) -> np.ndarray:
    return x * expit(x)


def silu_range(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b = silu(low), silu(high)
    inside = (low < LOWEST) & (high > LOWEST)
    return np.where(inside, silu(np.array(LOWEST)), np.minimum(a, b)), np.maximum(a, b)


def slope_range(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    def slope(x: np.ndarray) -> np.ndarray:
        return expit(x) * (1 + x * (1 - expit(x)))

    a, b = slope(low), slope(high)
    least, most = np.minimum(a, b), np.maximum(a, b)
    least = np.where((low < -TURN) & (high > -TURN), 1 - STEEPEST, least)
    return least, np.where((low < TURN) & (high > TURN), STEEPEST, most)


class Bounds:
    """The first member of a head in float64."""

    def __init__(self, head: Head) -> None:
        self.scale = head.shape.scale
        self.centre, self.spread = (t.double().numpy() for t in (head.centre, head.spread))
        self.w = [weight[0].double().numpy().T for weight in head.weights]
        self.b = [bias[0, 0].double().numpy() for bias in head.biases]

    def of(self, z: np.ndarray, r: float) -> dict[str, float]:
        w, b = self.w, self.b
        first = w[0] / self.spread
        norms = [spectral_norm(one) for one in w[1:]]
        most = 1 / np.hypot(self.scale, np.maximum(np.abs(z) - r, 0))
        constant = r * spectral_norm(first) / self.scale * norms[0] * norms[1] * STEEPEST**2
        p = first @ (np.arcsinh(z / self.scale) - self.centre) + b[0]
        move = r * np.sqrt(np.square(first) @ np.square(most))
        s_low, s_high = slope_range(p - move, p + move)
        steep = np.maximum(np.abs(s_low), np.abs(s_high))
        slopes = r * spectral_norm(steep[:, None] * first * most) * norms[0] * norms[1] * STEEPEST
        low, high = silu_range(p - move, p + move)
        middle, half = (low + high) / 2, (high - low) / 2
        q, spread = w[1] @ middle + b[1], np.abs(w[1]) @ half
        last = silu_range(q - spread, q + spread)
        out = np.abs(w[2][0]) @ (last[1] - last[0])
        # a gradient interval, from the end to the beginning
        spread = np.minimum(spread, slope_reach(w[1], s_low, s_high, first, most) * r)
        centre = w[1] @ silu(p) + b[1]
        t_low, t_high = slope_range(centre - spread, centre + spread)
        g = w[2][0] * (t_low + t_high) / 2, np.abs(w[2][0]) * (t_high - t_low) / 2
        h = w[1].T @ g[0], np.abs(w[1].T) @ g[1]
        corners = np.array([(h[0] + i * h[1]) * s for i in (1, -1) for s in (s_low, s_high)])
        low, high = corners.min(0), corners.max(0)
        e = first.T @ ((low + high) / 2), np.abs(first.T) @ ((high - low) / 2)
        gradient = r * float(np.linalg.norm((np.abs(e[0]) + e[1]) * most))
        return {"constant": constant, "slopes": slopes, "intervals": float(out), "gradient": gradient}


def slope_reach(w: np.ndarray, low: np.ndarray, high: np.ndarray, first: np.ndarray, most: np.ndarray) -> np.ndarray:
    """For each unit of the second layer, an upper bound of its gradient's norm."""
    middle = (w * ((low + high) / 2)) @ first
    around = (np.abs(w) * ((high - low) / 2)) @ np.abs(first)
    found: np.ndarray = np.linalg.norm((np.abs(middle) + around) * most, axis=1)
    return found


def ascended(head: Head, z: np.ndarray, r: float, steps: int = 60) -> float:
    start, best = torch.from_numpy(z)[None], 0.0
    with torch.no_grad():
        value = float(head.logits(start)[0, 0])
    for sign in (1, -1):
        moved = torch.zeros_like(start)
        for step in range(steps):
            moved.requires_grad_()
            at = head.logits(start + moved)[0, 0]
            best = max(best, abs(at.item() - value))
            (gradient,) = torch.autograd.grad(sign * at, moved)
            moved = moved.detach() + gradient * r * (1 - step / steps) / gradient.norm()
            moved = moved * min(1.0, r / float(moved.norm()))
    return best


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--numbers", type=Path, required=True)
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "mlp_bounds.jsonl")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    metric = load("builtin-energy", "cpu")
    head = metric.head.double()
    bounds = Bounds(metric.head)
    apart = examples(args.data, args.numbers).where(lambda c: not is_validation(c) and is_development(c))
    rows = np.linspace(0, len(apart) - 1, args.images).astype(int)
    z = apart.numbers[0, rows].astype(np.float64)
    lines = []
    for decibel in (60, 48, 42, 36):
        r = 10 ** (-decibel / 20)
        found = [bounds.of(one, r) for one in z]
        truth = np.array([ascended(head, one, r) for one in z])
        ratio = {name: round(float(np.median([f[name] for f in found] / truth)), 3) for name in found[0]}
        lines.append({"psnr": decibel, "images": len(z), "ascent": round(float(np.median(truth)), 4), "over": ratio})
        lines[-1] |= {"weights_sha256": metric.card.weights_sha256, "front_end": FRONT_END.to_dict()}
        lines[-1]["command"] = shlex.join(["python", "benchmarks/mlp_bounds.py", *argv])
        print(json.dumps(lines[-1]))
    args.out.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

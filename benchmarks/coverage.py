"""Do certificates fail as often as they say? Miss probabilities of every statement, exact where they can be.

The scores are T(Z + s), Z ~ N(0, 1), with T increasing: the worst case of the theorem, where an attack of r = eps/sigma
moves the median by exactly T(r) - T(0). Ranks see only the order of the scores, so every T without atoms (Gaussian,
Cauchy, bounded, ...) gives the same probabilities; "atoms" rounds scores up to steps of sigma/3.

Usage: python benchmarks/coverage.py [--out benchmarks/results/coverage.json] [--seed 0]    (half a minute on one core)
       python benchmarks/coverage.py --markdown > docs/coverage.md                         (from the JSON, at once)
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy
from scipy import special, stats

import certiqa
from certiqa.statistics.bands import boundaries, crossing_probability
from certiqa.statistics.ranks import lower_rank, miss_probability
from certiqa.statistics.statements import (
    Confidence,
    Deployed,
    Side,
    band_confidence,
    fixed_interval_radius,
    interval_ranks,
    median_rank,
    median_ranks,
    single_confidence,
)

N = (100, 500, 1000, 2000)
RADII = (0.25, 0.5, 1.0, 2.0)
ALPHAS = (0.05, 1e-3)
REPEATS = 1_000_000
STATEMENTS = {
    "A, two-sided": "containment for one eps declared before sampling",
    "A, one-sided": "the same, side='upper'",
    "A, two-sided, atoms": "the same, of scores rounded to steps of sigma/3",
    "A, band, one eps": "the band's answer at this eps alone",
    "A, band, four eps": "the band's answers at all four eps together",
    "A, band, every eps": "the band's answers at every eps >= 0 together",
    "B, Gaussian": "drift for one eps declared before sampling, of Gaussian scores: both ends would have to be short",
    "B, worst law": "the same, of scores that jump just above the median and just below the attacked quantile",
    "B, worst law, one-sided": "the same, side='upper'",
    "B and D, band, worst law": "drift at this eps, and so the radius for this drift, by the band",
    "C, both noises": "deployed for one eps: a score printed from n fresh draws under attack leaves the interval, over "
    "both noises; nominal alpha + beta, with beta = alpha",
    "C, certificate": "the same, side='upper': certificates whose printed scores leave with more than beta",
    "D, fixed interval": "radius of an interval fixed before sampling, whose other end is far away",
    "D, fixed interval, one-sided": "the same, side='upper'",
}
PUBLIC_CODES = [
    ("reference median-smoothing code, its defaults", "1-based rank used as a 0-based index", 2000, 0.36 / 0.25, 1e-5),
    ("public IQA fork, its defaults", "the same error on the upper side", 1000, 0.05 / 0.12, 1e-3),
    ("both, at a large radius", "1-based rank used as a 0-based index", 500, 2.2, 1e-3),
    ("both, where no rank exists", "the sample's extreme for an infinite bound", 2000, 3.0, 1e-3),
]
Floats = npt.NDArray[np.float64]


def binomial_or(n: int, p: float, k: int) -> float:
    """P[C_1 <= k-1 or C_2 <= k-1] of two counts of a multinomial with probabilities p, p, 1-2p."""
    if k < 1:
        return 0.0
    first = np.arange(k)
    both = stats.binom.pmf(first, n, p) * stats.binom.cdf(k - 1, n - first, min(p / (1 - p), 1.0))
    return 2 * miss_probability(k, n, p) - float(both.sum())


def order_statistics(rng: np.random.Generator, n: int, ranks: list[int]) -> dict[int, Floats]:
    """Standard normal scores of the given ranks, exactly in law, from gamma spacings of the uniforms; ends infinite."""
    wanted = sorted({k for k in ranks if 1 <= k <= n})
    total, sums, before = np.zeros(REPEATS), {}, 0
    for k in wanted:
        total = total + rng.standard_gamma(k - before, REPEATS)
        sums[k], before = total, k
    total = total + rng.standard_gamma(n + 1 - before, REPEATS)
    scores: dict[int, Floats] = {k: special.ndtri(s / total) for k, s in sums.items()}
    return scores | {0: np.full(REPEATS, -np.inf), n + 1: np.full(REPEATS, np.inf)}


def simulated(missed: npt.NDArray[np.bool_]) -> dict[str, Any]:
    misses = int(missed.sum())
    low, high = stats.binomtest(misses, len(missed)).proportion_ci(0.99, method="exact")
    return {"method": "simulated", "achieved": misses / len(missed), "low99": float(low), "high99": float(high)}


def exact(probability: float) -> dict[str, Any]:
    return {"method": "exact", "achieved": probability}


# -- one function for each statement: None where n scores prove nothing ------------------------------------------------


def containment(n: int, r: float, a: float) -> dict[str, Any] | None:
    k, _ = interval_ranks(n, r, a)
    return exact(binomial_or(n, float(special.ndtr(-r)), k)) if k else None


def containment_with_atoms(n: int, r: float, a: float) -> dict[str, Any] | None:
    """T(z) = ceil(3z - 0.1)/3: the atom at T(-r) holds all z to its upper edge, that at T(r) all from its lower."""
    k, _ = interval_ranks(n, r, a)
    if not k:
        return None
    below = float(special.ndtr((np.ceil(-3 * r - 0.1) + 0.1) / 3))  # P[f <= Q_Phi(-r)]
    above = float(special.ndtr(-(np.ceil(3 * r - 0.1) - 1 + 0.1) / 3))  # P[f >= Q_Phi(r)]
    if below + above > 1:  # the two events overlap: bounded by the sum, which is reported
        return exact(miss_probability(k, n, below) + miss_probability(k, n, above))
    first = np.arange(k)
    both = stats.binom.pmf(first, n, below) * stats.binom.cdf(k - 1, n - first, min(above / (1 - below), 1.0))
    return exact(miss_probability(k, n, below) + miss_probability(k, n, above) - float(both.sum()))


def band_at_four(n: int, a: float) -> dict[str, Any]:
    lower, above = np.zeros(n), np.zeros(n)
    for r in RADII:
        k, _ = interval_ranks(n, r, a)
        p = float(special.ndtr(-r))
        above[:k] = 1 - p  # U_(k) <= p, and so all before it; ascending r lowers the limit of the first ones
        lower[n - k :] = 1 - p
    return exact(crossing_probability(lower, above))


def band_everywhere(n: int, a: float) -> dict[str, Any]:
    """All r >= 0 ask for U_(k) <= b_k where b_k <= 1/2, and U_(k) >= a_k where a_k >= 1/2."""
    lower, above = boundaries(n, a)
    return exact(crossing_probability(np.where(lower >= 0.5, lower, 0.0), np.where(above >= 0.5, above, 0.0)))


def drift(
    rng: np.random.Generator, n: int, r: float, confidence: Confidence, *, jumps: bool, side: Side = "both"
) -> dict[str, Any] | None:
    low, high = interval_ranks(n, r, confidence.attacked)
    middle_low, middle_high = median_ranks(n, confidence.median)
    if low == 0 or middle_low == 0:
        return None
    x = order_statistics(rng, n, [low, high, middle_low, middle_high])
    if jumps:  # 0 up to the median, 1 up to the attacked quantile, 2 from there on: the drift is 2
        x = {k: 1.0 * (z > 0) + (z >= r) for k, z in x.items()}
    rise, fall = x[high] - x[middle_low], x[middle_high] - x[low]
    return simulated((rise if side == "upper" else np.maximum(rise, fall)) < (2 if jumps else r))


def deployed(rng: np.random.Generator, n: int, r: float, a: float, beta: float) -> dict[str, Any] | None:
    """Both attacks at once, each printed from its own fresh draws."""
    low, high = interval_ranks(n, r, a, deployed=Deployed.of(n, beta))
    if low == 0:
        return None
    x, k = order_statistics(rng, n, [low, high]), median_rank(n)
    up, down = special.ndtri(rng.beta(k, n + 1 - k, (2, REPEATS)))
    return simulated((up + r > x[high]) | (down - r < x[low]))


def printing_certificate(n: int, r: float, alpha: float) -> dict[str, Any] | None:
    """X_(k) lies below the level that a printed score passes with probability beta: exactly a binomial event."""
    printed = Deployed.of(n, alpha, "upper")
    _, high = interval_ranks(n, r, alpha, "upper", deployed=printed)
    if high > n:
        return None
    return exact(miss_probability(n + 1 - high, n, float(special.ndtr(special.ndtri(printed.high_complement) - r))))


def fixed_interval(n: int, r: float, alpha: float, side: Side) -> dict[str, Any] | None:
    """[-infinity, r] or [-far, r] for Gaussian scores: the radius is r, missed if few enough scores lie above."""
    too_large = [c for c in range(n + 1) if fixed_interval_radius(0, c, n, alpha, side) > r]
    if not too_large:
        return None
    return exact(float(stats.binom.cdf(max(too_large), n, special.ndtr(-r))))


def rows(seed: int) -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    for alpha in ALPHAS:
        for n in N:
            two, one = single_confidence(alpha, "both", "containment"), single_confidence(alpha, "upper", "containment")
            four, half = single_confidence(alpha, "both", "drift"), single_confidence(alpha, "upper", "drift")
            band = band_confidence(n, alpha, "both")
            whole = {"A, band, four eps": band_at_four(n, band.attacked)}
            whole["A, band, every eps"] = band_everywhere(n, band.attacked)
            for statement, found in whole.items():
                yield {"statement": statement, "n": n, "r": None, "alpha": alpha, "nominal": alpha, **found}
            for r in RADII:
                p = float(special.ndtr(-r))
                k = lower_rank(n, p, one.attacked)
                answers = {
                    "A, two-sided": containment(n, r, two.attacked),
                    "A, one-sided": exact(miss_probability(k, n, p)) if k else None,
                    "A, two-sided, atoms": containment_with_atoms(n, r, two.attacked),
                    "A, band, one eps": containment(n, r, band.attacked),
                    "B, Gaussian": drift(rng, n, r, four, jumps=False),
                    "B, worst law": drift(rng, n, r, four, jumps=True),
                    "B, worst law, one-sided": drift(rng, n, r, half, jumps=True, side="upper"),
                    "B and D, band, worst law": drift(rng, n, r, band, jumps=True),
                    "C, both noises": deployed(rng, n, r, two.attacked, alpha),
                    "C, certificate": printing_certificate(n, r, alpha),
                    "D, fixed interval": fixed_interval(n, r, alpha, "both"),
                    "D, fixed interval, one-sided": fixed_interval(n, r, alpha, "upper"),
                }
                for statement, answer in answers.items():
                    nominal = 2 * alpha if statement == "C, both noises" else alpha
                    found = answer or {"method": "no rank exists", "achieved": None}
                    yield {"statement": statement, "n": n, "r": r, "alpha": alpha, "nominal": nominal, **found}


def public_codes() -> Iterator[dict[str, Any]]:
    """Exact: the wrong rank is k+1, k the largest rank that holds (0 if there is none), and misses with BinCDF(k)."""
    for code, error, n, r, a in PUBLIC_CODES:
        p = float(special.ndtr(-r))
        k = lower_rank(n, p, a)
        wrong, right = miss_probability(k + 1, n, p), miss_probability(k, n, p)
        yield {
            "code": code,
            "error": error,
            "n": n,
            "r": r,
            "nominal": a,
            "rank": k,
            "achieved": right,
            "wrong_rank": k + 1,
            "wrong_achieved": wrong,
            "wrong_over_nominal": wrong / a,
        }


# -- words -------------------------------------------------------------------------------------------------------------


def markdown(data: dict[str, Any]) -> Iterator[str]:
    yield "<!-- Generated by: python benchmarks/coverage.py --markdown > docs/coverage.md (do not edit) -->"
    yield "# Do certificates fail as often as they say?"
    yield ""
    yield (
        "The probability that a statement is false, divided by the level it states, in the worst case of the theorem "
        "(a score that depends on one direction only, attacked along it). At most 1 is sound; close to 1 wastes "
        "nothing. Below 1 it stays because ranks are whole numbers, because a level is split over events that are not "
        "all needed (the other end, the median), or because one question is asked of a band that answers all. `~` "
        "marks a simulation with its 99 % half-width; the rest is exact. A dash: n scores prove nothing at this eps, "
        "and the certificate says so. The figures of a band as a whole stand in the first column."
    )
    find = cache(
        lambda statement, alpha: [x for x in data["rows"] if (x["statement"], x["alpha"]) == (statement, alpha)]
    )
    for alpha in ALPHAS:
        yield ""
        yield f"## alpha = {alpha:g}"
        yield ""
        radii = [f"eps/sigma = {r:g}" for r in RADII]
        yield f"| statement | n | {' | '.join(radii)} |"
        yield f"|:--|--:|{'--:|' * len(radii)}"
        for statement in STATEMENTS:
            for n in N:
                cells = [_cell(x) for x in find(statement, alpha) if x["n"] == n]
                yield f"| {statement} | {n} | {' | '.join(cells if len(cells) > 1 else [*cells, *[''] * 3])} |"
    yield ""
    yield "## What they are"
    yield ""
    yield from (f"* **{name}**: {words}." for name, words in STATEMENTS.items())
    yield ""
    yield "## The wrong ranks of public codes, for contrast"
    yield ""
    yield "Exact: the rank used is one too far inside, so that the bound fails with BinCDF(k; n, Phi(-r))."
    yield ""
    yield "| code | error | n | eps/sigma | states | misses | ratio | with the right rank |"
    yield "|:--|:--|--:|--:|--:|--:|--:|--:|"
    for x in data["public_codes"]:
        right = f"{x['achieved'] / x['nominal']:.2f}" if x["rank"] else "no bound"
        yield (
            f"| {x['code']} | {x['error']} | {x['n']} | {x['r']:.4g} | {x['nominal']:g} | {x['wrong_achieved']:.3g} "
            f"| {x['wrong_over_nominal']:.3g} | {right} |"
        )
    yield ""
    versions = ", ".join(f"{name} {version}" for name, version in data["versions"].items())
    yield f"Made by `{data['command']}` with {data['repeats']:,} repeats; {versions}."


def _cell(row: dict[str, Any]) -> str:
    if row["achieved"] is None:
        return "-"
    ratio = row["achieved"] / row["nominal"]
    if row["method"] == "exact":
        return f"{ratio:.3f}"
    return f"~{ratio:.3f} ± {(row['high99'] - row['low99']) / 2 / row['nominal']:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/coverage.json"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--markdown", action="store_true", help="print the table of an existing JSON file, and stop")
    options = parser.parse_args()
    if options.markdown:
        say: Callable[[str], int] = sys.stdout.write
        say("\n".join(markdown(json.loads(options.out.read_text(encoding="utf-8")))) + "\n")
        return
    begin = time.perf_counter()
    data = {
        "command": f"python benchmarks/coverage.py --seed {options.seed}",
        "seed": options.seed,
        "repeats": REPEATS,
        "versions": {
            "certiqa": certiqa.__version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scipy": scipy.__version__,
        },
        "statements": STATEMENTS,
        "rows": list(rows(options.seed)),
        "public_codes": list(public_codes()),
    }
    data["seconds"] = round(time.perf_counter() - begin, 1)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(data, indent=1, allow_nan=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

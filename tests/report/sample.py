"""Comparisons for the tests: a realistic one with parts missing, a large one, an empty one, and one full of traps.

The figures are made by formulas that give plausible sizes; none of them is a measurement.
"""

import base64
import io
import math
import random
from dataclasses import replace

from PIL import Image

from certiqa.benchmark.result import (
    AtEps,
    Attacked,
    Banded,
    Certified,
    Comparison,
    Cost,
    Example,
    QualityLevel,
    Row,
)
from certiqa.evaluation.correlation import Estimate

NASTY = "<script>alert('x')</script> \"quoted\" | pipe & `tick` *star* наука 画質"
SIGMAS = (0.06, 0.12, 0.25)
DEFENCES = (  # name, kind, sigmas, SROCC kept at each, movement kept, certificate in dB at each
    ("undefended", "none", (None,), (1.0,), 1.0, ()),
    ("NT", "empirical", (None,), (0.96,), 0.55, ()),
    ("AT", "empirical", (None,), (0.93,), 0.4, ()),
    ("jpeg:quality=75", "empirical", (None,), (0.97,), 0.8, ()),
    ("blur:sigma=1", "empirical", (None,), (0.9,), 0.75, ()),
    ("MS", "certified", SIGMAS, (0.3, 0.05, -0.1), 0.3, (77.3, 71.3, 66.0)),
    ("DMS", "certified", SIGMAS, (0.57, 0.6, 0.35), 0.28, (77.3, 71.2, 64.9)),
    ("DMS-IQA", "certified", SIGMAS, (0.88, 0.83, 0.69), 0.22, (77.3, 71.1, 64.8)),
    ("noise-trained", "certified", SIGMAS, (0.94, 0.92, 0.83), 0.2, (77.2, 71.1, 65.5)),
    ("certified metric", "certified", (0.78, 1.3), (0.66, 0.63), 0.08, (44.0, 39.6)),
    ("constant predictor", "constant", (None,), (None,), 0.0, ()),
)
ATTACKS = (("fgsm", 0.5), ("apgd:steps=10", 1.0))
BUDGETS = (("linf:2/255", 0.6), ("linf:4/255", 1.0), ("linf:8/255", 1.5))


def around(value, spread):
    return Estimate(value, (value - spread, value + spread))


def attacked(random_, row, attack, budget, size, points, certified):
    sd, keep = row["sd"], row["kept_movement"]
    rmse = 1.8 * sd * size * keep
    levels = tuple(
        QualityLevel(
            1.0 + 0.8 * i, 1.75 + 0.8 * i, max(points // 5, 1), around(rmse * (1.35 - 0.17 * i), 0.12 * rmse),
            around(0.6 * rmse * (1.2 - 0.2 * i), 0.15 * rmse),
        )
        for i in range(5)
    )  # fmt: skip
    found = []
    for i in range(points):
        before = random_.uniform(15, 75)
        after = before + random_.gauss(0.8, 0.35) * rmse
        if certified:
            width = 1.2 * rmse + 0.15 * sd
            lower, upper = before - width * 1.05, before + width
            found.append(Banded(f"{i:04d}.bmp", 1 + before / 20, before, after, lower, upper, lower <= after <= upper))
        else:
            found.append(Banded(f"{i:04d}.bmp", 1 + before / 20, before, after, None, None, None))
    constant = row["kind"] == "constant"
    return Attacked(
        attack, budget, "raise", row["kind"] != "empirical" or row["defence"] == "NT", points,
        Estimate(rmse, None) if constant else around(rmse, 0.08 * rmse), None if constant else rmse / sd,
        around(0.8 * rmse, 0.1 * rmse), None if constant else around(0.9 * (row["srocc"] or 0) - 0.1 * size, 0.1),
        None if constant else around(1 - 0.3 * size * keep, 0.04),
        None if constant else around(0.5 + 0.4 * (1 - keep), 0.05), 0 if certified else None, levels, tuple(found),
    )  # fmt: skip


def certified_at(psnr, sigma, sd, images):
    at = tuple(
        AtEps(
            f"{share:g} sigma", share * sigma, 20 * math.log10(math.sqrt(3 * 384 * 512) / (share * sigma)),
            255 * share * sigma / math.sqrt(3 * 384 * 512), around(share * sd * 0.55, 0.05 * sd),
            around(share * sd * 0.8, 0.07 * sd),
            share * 0.55, around(share * sd * 0.6, 0.05 * sd) if share < 2 else None,
            Estimate(1.0, (0.91, 1.0)) if share < 2 else Estimate(0.9, (0.76, 0.97)),
        )
        for share in (0.25, 0.5, 1, 2)
    )  # fmt: skip
    return Certified(images, 2000, 0.001, at, around(sigma * 0.9, sigma * 0.06), around(psnr, 0.5))


def one_row(random_, data, metric, base, sd, entry, i, points=40, certificate=True):
    name, kind, sigmas, kept, movement, psnrs = entry
    srocc = None if kept[i] is None else base * kept[i]
    sigma = sigmas[i]
    has = kind == "certified" and certificate
    draws = 4 if sigma else 1
    told = {"sd": sd, "kept_movement": movement, "kind": kind, "defence": name, "srocc": srocc}
    return Row(
        metric, data, name, kind, sigma, 192 if name == "certified metric" else None, 447, 4 if sigma else 1,
        None if srocc is None else around(srocc, 0.035), None if srocc is None else around(srocc + 0.04, 0.03),
        None if srocc is None else around(srocc * 0.75, 0.03),
        Estimate(0.0, None) if kind == "constant" else around(sd * (1 - 0.1 * i), 0.06 * sd),
        certified_at(psnrs[i], sigma, sd, 40) if has else None,
        None if has else {
            "none": "the metric as it is", "constant": "a constant cannot move", "empirical": f"{name} is trained or "
            "purified, and nothing about it is proved", "certified": "not computed yet",
        }[kind],
        tuple(
            attacked(random_, told, attack, budget, strength * size, points, has)
            for attack, strength in ATTACKS for budget, size in BUDGETS
        ),
        None if name == "AT" else Cost(draws, around(0.022 * draws * (1 + movement), 0.001), None if i else 812.5),
        None if kind == "constant" else f"{metric}{name}".encode().hex().ljust(64, "0")[:64],
        "d" * 64 if name.startswith("DMS") else None,
    )  # fmt: skip


def thumbnail(colour):
    file = io.BytesIO()
    picture = Image.linear_gradient("L").resize((120, 90))
    Image.merge("RGB", [picture.point(lambda v, c=c: (v + c) // 2) for c in colour]).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def example(i, defence="DMS-IQA", sigma=0.12, picture=True):
    eps = tuple(0.02 * k for k in range(16))
    width = [3 + 40 * e + 60 * e * e for e in eps]
    lower = tuple(None if k > 13 else 48 - w for k, w in enumerate(width))
    upper = tuple(None if k > 12 else 48 + 0.9 * w for k, w in enumerate(width))
    return Example(
        "livec", f"{i:04d}.bmp", 3.2, defence, sigma, thumbnail((40, 80 * (i % 3), 200)) if picture else None, 48.0,
        eps, lower, upper, "With probability at least 99.9 %, no change of the image of l2 length at most 0.1 takes "
        "the smoothed median out of [40.39, 55.0].",
    )  # fmt: skip


def sample():
    """Three metrics, two data sets, eleven defences; one row not certified, one not attacked, an incomplete run."""
    random_ = random.Random(5)
    rows = []
    for data, metric, base, sd in (
        ("livec", "builtin", 0.67, 14.0),
        ("livec", "pyiqa:dbcnn", 0.84, 0.16),
        ("agiqa3k", "builtin", 0.79, 18.7),
        ("agiqa3k", "pyiqa:niqe", -0.52, 1.9),
    ):
        for entry in DEFENCES:
            for i in range(len(entry[2])):
                missing = (data, entry[0], i) == ("agiqa3k", "DMS", 2)
                rows.append(one_row(random_, data, metric, base, sd, entry, i, certificate=not missing))
    rows[3] = replace(rows[3], attacked=())
    return comparison(
        tuple(rows),
        complete=False,
        missing=("certificates of DMS, sigma 0.25, on agiqa3k: 40 of 40 images", "attacks on jpeg:quality=75 on livec"),
        examples=(example(1), example(2, "noise-trained", 0.25), example(3, "MS", 0.12, picture=False)),
    )


def comparison(rows=(), **more):
    told = {
        "name": "defences of the built-in metric",
        "config": {
            "name": "defences", "seed": 0, "sigmas": list(SIGMAS), "limit": None,
            "certificates": {"n": 2000, "alpha": 0.001, "sizes": ["0.25 sigma", "1 sigma"]},
            "defence": [{"name": "NT", "weights": "nt.safetensors"}, {"name": "MS", "denoiser": None}],
        },
        "config_sha256": "ab" * 32, "command": "certiqa benchmark run defences.toml --out results/defences",
        "date": "2026-11-20T12:00:00+00:00",
        "versions": {"python": "3.11.7", "torch": "2.13.0", "certiqa": "0.9.0"},
        "machine": {"processor": "x86_64", "cores": 2, "threads": 1, "device": "cpu"},
        "seconds": 86400.0, "complete": True, "missing": (),
        "datasets": (
            {"name": "livec", "part": "test", "images": 232, "mos_range": [3.4, 92.4], "licence": "research"},
            {"name": "agiqa3k", "part": "test", "images": 447, "contents": 45, "mos_range": [0, 5], "licence": None},
        ),
        "examples": (),
    }  # fmt: skip
    return Comparison(**(told | {"rows": tuple(rows)} | more))


def hostile():
    """Names that are markup, and every figure that can be missing or odd."""
    random_ = random.Random(1)
    nan, inf = math.nan, math.inf
    base = one_row(random_, NASTY, NASTY, 0.7, 10.0, DEFENCES[7], 0, points=6)
    first = base.attacked[0]
    odd = replace(
        first,
        attack=NASTY,
        rmse=Estimate(nan, None),
        r=Estimate(inf, None),
        srocc=None,
        kept=None,
        rmse_over_sd=None,
        points=(Banded(NASTY, nan, 1.0, 2.0, -inf, None, True), Banded("b", 2.0, nan, inf, None, None, None)),
        levels=(QualityLevel(nan, nan, 0, Estimate(nan, None), Estimate(inf, (-inf, inf))),),
    )
    at = replace(base.certified.at[0], name=NASTY, tau=Estimate(inf, None), tau_p90=None, tau_over_sd=None, psnr=inf)
    bare = replace(
        base,
        defence=NASTY,
        attacked=(odd, first),
        certified=replace(base.certified, at=(at,), psnr_at_half_sd=None, eps_at_half_sd=Estimate(0.0, None)),
        srocc=Estimate(nan, None),
        plcc=Estimate(0.5, None),
        krocc=None,
        cost=None,
        metric_sha256=None,
    )
    worst = replace(example(1), image=NASTY, defence=NASTY, statement=NASTY, thumbnail='"><script>alert(1)</script>')
    blank = replace(example(2), eps=(), lower=(), upper=(), thumbnail=None)
    return comparison(
        (base, bare, replace(bare, sigma=None, defence="none", kind="empirical", certified=None, no_certificate=None)),
        name=NASTY, config={NASTY: NASTY, "n": nan}, command=f"certiqa {NASTY}\n```\n</pre><script>alert(2)</script>",
        versions={NASTY: NASTY}, machine={"device": NASTY, "gpu": None}, datasets=({"name": NASTY, "licence": NASTY},),
        missing=(NASTY,), complete=False, examples=(worst, blank),
    )  # fmt: skip


def large():
    """Hundreds of rows with 50 points an attack."""
    random_ = random.Random(2)
    rows = []
    for data in ("livec", "agiqa3k", "koniq10k"):
        for number in range(4):
            for entry in DEFENCES:
                rows += [
                    one_row(random_, data, f"metric-{number}", 0.7, 12.0, entry, i, points=50)
                    for i in range(len(entry[2]))
                ]
    return comparison(tuple(rows))

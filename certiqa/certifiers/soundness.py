"""A certificate against one attack: is the attacked median inside the interval that was certified?

The test can be wrong in two ways, and neither is free. Scores under noise show the attacked median only within an
interval of their own; here it is the exact order-statistic interval, which misses on each side with probability at most
``level / 2`` (Clopper-Pearson's, read in scores). So an alarm by chance of the fresh sample has probability at most
``level``, whatever the metric; the price is that a median outside by less than that interval is wide goes unseen: the
width stands in the verdict.

Source: David and Nagaraja, Order Statistics, section 7.1; the interval that is tested: docs/theory.md.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from certiqa._checks import check_alpha, check_eps
from certiqa.certificate import Certificate, LipschitzCertificate, MedianCertificate
from certiqa.certificate.evidence import Evidence
from certiqa.certifiers.verdicts import Verdict
from certiqa.data.images import Picture, read_image
from certiqa.errors import InputError
from certiqa.smoothing.audit import NUMERICS
from certiqa.smoothing.base import DTYPES
from certiqa.statistics.ranks import smallest_n
from certiqa.statistics.statements import median_ranks

__all__ = ["attack_length", "attack_radius", "checked_images", "judged_without_chance", "verdict"]

_LENGTH_ROUNDING = 1e-12  # of the l2 length's own float64 arithmetic, on the side that makes an attack longer


def verdict(
    certificate: MedianCertificate,
    original: object,
    attacked: object,
    fresh: object,
    *,
    eps: float | None = None,
    at: float | None = None,
    level: float = 1e-6,
    tolerance: float | None = None,
) -> Verdict:
    """Decide about one attack.

    Args:
        certificate: of the original image, behind any front end.
        original: the image that was certified, in anything that :func:`certiqa.certify` reads.
        attacked: the attacked image, of the same size: 8-bit, or float.
        fresh: scores of the metric under noise at the attacked image, (n,), drawn AFTER the attack and independent of
            it, at the certificate's sigma and behind its front end (:func:`certiqa.evaluation.fresh_scores`); NaN: a
            failed forward, the worst score on either side.
        eps: the radius whose interval is tested, in the original's pixels; answered by the band. Default with ``at``
            None as well: the attack's own length, the tightest interval that the band promises it.
        at: instead, the one eps that was declared before the certificate was sampled.
        level: probability that the fresh scores alone raise an alarm.
        tolerance: default: what the certificate's arithmetic may get wrong, relative to the interval's ends.

    Raises:
        InputError: another image than the certified one, another size, too few fresh scores for this level, a value
            out of its range.

    >>> import certiqa, torch
    >>> metric, image = lambda x: x.mean((1, 2, 3)), torch.full((3, 8, 8), 0.5)
    >>> certificate = certiqa.certify(metric, image, 0.1, n=500, seed=1)
    >>> found = verdict(certificate, image, image + 0.002, 0.502 + certificate.scores - 0.5, eps=0.05)
    >>> found.within, found.outside, found.alarm
    (True, None, False)
    """
    before, after = (one if isinstance(one, Picture) else read_image(one) for one in (original, attacked))
    checked_images(certificate, before, after)
    check_alpha(level, "level")
    scores = _fresh(fresh, level, certificate.tv_slack)
    length = attack_length(before, after)
    if eps is None and at is None:
        eps = length
    interval = certificate.bounds(None if eps is None else check_eps(eps), at=at)
    if tolerance is None:
        ends = [abs(end) for end in interval if np.isfinite(end)]
        tolerance = NUMERICS[DTYPES[certificate.provenance.dtype]] * max(ends, default=0.0)
    evidence = Evidence(scores, certificate.sigma, "both", certificate.tv_slack, certificate.output_range)
    low, high = median_ranks(len(scores), level / 2, certificate.tv_slack)
    return Verdict(
        certificate=f"{certificate.provenance.image_sha256[:16]}:{certificate.provenance.seed_commitment[:16]}",
        length=length,
        eps=interval.eps,
        lower=interval.lower,
        upper=interval.upper,
        alpha=interval.alpha,
        simultaneous=interval.simultaneous,
        median=evidence.printed,
        median_low=evidence.low(low)[0],
        median_high=evidence.high(high)[0],
        n_fresh=len(scores),
        level=level,
        tolerance=check_eps(tolerance, "tolerance"),
    )


def judged_without_chance(
    certificate: LipschitzCertificate, original: Picture, attacked: Picture, score: float
) -> Verdict:
    """Decide about one attack on a certificate that no noise took part in.

    Args:
        certificate: of the original.
        original: the picture that was certified.
        attacked: the attacked picture, of the same size.
        score: that of the attacked picture.
    """
    length = attack_length(original, attacked)
    interval = certificate.bounds(length)
    return Verdict(
        certificate=certificate.provenance.image_sha256[:16],
        length=length,
        eps=interval.eps,
        lower=interval.lower,
        upper=interval.upper,
        alpha=0.0,
        simultaneous=True,
        median=score,
        median_low=score,
        median_high=score,
        n_fresh=0,
        level=0.0,
        tolerance=0.0,
    )


def attack_radius(eps: float, dimension: int) -> float:
    """The l2 budget to give an attack on float32 images, so that what it returns is at most ``eps`` long.

    Such an attack measures from the clean image rounded to float32, off by up to 2^-25 in each intensity; and a float
    image that all but spells an 8-bit one is read as that one, another 3e-5/255 away. sqrt(d) 2^-22 is more than both.

    Args:
        eps: a certified radius, in the original's pixels.
        dimension: d = 3HW of the original.

    Raises:
        InputError: eps is no number, or nothing of it is left.

    >>> 0.0499 < attack_radius(0.05, 3 * 64 * 64) < 0.05
    True
    """
    room = check_eps(eps) - math.sqrt(dimension) * 2.0**-22
    if room <= 0:
        rule = f"must be more than {math.sqrt(dimension) * 2.0**-22:.3g} for an image of {dimension} values"
        raise InputError.of("eps", rule, eps, "Smaller attacks drown in float32.")
    return room * (1 - 2e-9)  # attacks take their budgets to be kept within 1e-9 of it


def attack_length(original: Picture, attacked: Picture) -> float:
    """The l2 length of attacked - original, in float64 and rounded up; exact whole numbers for two 8-bit pictures.

    >>> import torch
    >>> clean = read_image(torch.zeros(3, 2, 2))
    >>> round(attack_length(clean, read_image(torch.full((3, 2, 2), 1 / 255))) * 255, 9) == round(12**0.5, 9)
    True
    """
    units = 255.0 if original.on_grid and attacked.on_grid else 1.0
    first, second = (
        picture.pixels.astype(np.float64) / (255.0 if picture.on_grid and units == 1.0 else 1.0)
        for picture in (original, attacked)
    )
    return float(np.sqrt(np.square(second - first).sum())) / units * (1 + _LENGTH_ROUNDING)


def checked_images(certificate: Certificate, original: Picture, attacked: Picture) -> None:
    """Raise InputError if the original is not the certified picture, or the attacked one has another size."""
    if original.sha256() != certificate.provenance.image_sha256:
        rule = f"must be the image that was certified, {certificate.provenance.image}"
        raise InputError.of("original", rule, original.name)
    if attacked.shape != original.shape:
        rule = f"must have the size of the original, {original.width}x{original.height}"
        raise InputError.of("attacked", rule, f"{attacked.width}x{attacked.height}", "Measure both in one size.")


def _fresh(fresh: object, level: float, slack: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    scores = np.asarray(fresh, dtype=np.float64)
    if scores.ndim != 1:
        raise InputError.of("fresh", "must be one-dimensional, one score per draw", f"shape {scores.shape}")
    least = smallest_n(0.5 - slack, level / 2)
    if least is None or len(scores) < least:
        rule = f"must hold {least} scores at least to speak at level {level:g}"
        raise InputError.of("fresh", rule, f"{len(scores)} scores", "Draw some thousands.")
    return scores

"""The theorem: how far a percentile can move, and what an l2 radius means in grey levels and dB.

For any measurable f and G ~ N(0, sigma^2 I), with Q_p(x) the p-quantile of f(x+G) and ||delta||_2 <= eps = r*sigma::

    Q_{Phi(Phi^-1(p) - r)}(x) <= Q_p(x + delta) <= Q_{Phi(Phi^-1(p) + r)}(x)

Source: Chiang et al. 2020, "Detection as regression: certified object detection by median smoothing"
(arXiv 2007.03730), Lemma 1; used for image quality by Shumitskaya et al. (arXiv 2411.12575, Theorem 1).
"""

from __future__ import annotations

import math

from scipy import special

__all__ = [
    "eps_from_linf",
    "eps_from_psnr",
    "eps_from_rms",
    "linf_step",
    "psnr_db",
    "rms_grey_levels",
    "shifted_level",
    "shifted_radius",
]

# Levels are pushed outwards by this relative amount, which covers the rounding of ndtr and ndtri (a few ulp).
_ROUNDING = 1e-13


def shifted_level(r: float, p: float = 0.5, slack: float = 0.0) -> float:
    """The level Phi(Phi^-1(p) - r) - slack of the lower percentile bound, 0 where nothing is left.

    The upper bound at p is the mirror image: its complement is ``shifted_level(r, 1 - p, slack)``.

    Args:
        r: radius over sigma, any real number (negative: the ball has not yet used up the head start of p).
        p: the percentile that is bounded, in (0, 1); 0.5 is the median.
        slack: total-variation distance between the noise drawn and an exact Gaussian, >= 0.

    >>> round(shifted_level(1.0), 6)
    0.158655
    """
    level = float(special.ndtr(float(special.ndtri(p)) - r))
    return max(level * (1 - _ROUNDING) - slack, 0.0)


def shifted_radius(level: float, p: float = 0.5, slack: float = 0.0) -> float:
    """The largest r with ``shifted_level(r, p, slack) >= level``; -inf where there is none, inf at level 0.

    >>> round(shifted_radius(0.15865525393), 6)
    1.0
    """
    needed = (level + slack) / (1 - _ROUNDING)
    if needed >= 1:
        return -math.inf
    if needed <= 0:
        return math.inf
    r = float(special.ndtri(p)) - float(special.ndtri(needed))
    return r - 1e-12 * max(1.0, abs(r))


def rms_grey_levels(eps: float, dimension: int) -> float:
    """Root-mean-square change of a sample value, in grey levels of 255, of an l2 change of length ``eps``.

    >>> round(rms_grey_levels(0.05, 3 * 384 * 512), 3)
    0.017
    """
    return 255.0 * eps / math.sqrt(dimension)


def psnr_db(eps: float, dimension: int) -> float:
    """PSNR in dB between an image in [0,1] and one at l2 distance ``eps``; inf at 0.

    >>> round(psnr_db(0.05, 3 * 384 * 512), 1)
    83.7
    """
    return math.inf if eps == 0 else 20.0 * math.log10(math.sqrt(dimension) / eps)


def linf_step(eps: float, dimension: int) -> float:
    """The largest l_inf radius (in [0,1] units) whose whole ball lies in the l2 ball of radius ``eps``.

    >>> round(255 * linf_step(3.01, 3 * 384 * 512), 3)
    0.999
    """
    return eps / math.sqrt(dimension)


def eps_from_linf(step: float, dimension: int) -> float:
    """The l2 radius that contains the l_inf ball of radius ``step`` (in [0,1] units).

    >>> round(eps_from_linf(1 / 255, 3 * 384 * 512), 2)
    3.01
    """
    return step * math.sqrt(dimension)


def eps_from_rms(grey_levels: float, dimension: int) -> float:
    """The l2 radius of a root-mean-square change of ``grey_levels`` of 255."""
    return grey_levels / 255.0 * math.sqrt(dimension)


def eps_from_psnr(decibel: float, dimension: int) -> float:
    """The l2 radius at which the PSNR is ``decibel``.

    >>> round(eps_from_psnr(83.7, 3 * 384 * 512), 3)
    0.05
    """
    return math.sqrt(dimension) * math.exp(-decibel * math.log(10) / 20.0)

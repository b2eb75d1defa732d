"""MedianCertificate: the scores of one image under noise, and every answer that they prove."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar, final

import numpy as np
import numpy.typing as npt

from certiqa import _checks as check
from certiqa.certificate.base import Certificate
from certiqa.certificate.evidence import Evidence
from certiqa.certificate.interval import Curve, Floats, Interval
from certiqa.certificate.provenance import Provenance
from certiqa.errors import InputError
from certiqa.frontends import SizedFrontEnd
from certiqa.statistics.statements import (
    Confidence,
    Deployed,
    Side,
    Statement,
    band_confidence,
    single_confidence,
    smallest_n_for,
)

__all__ = ["MedianCertificate"]


@final
@dataclass(frozen=True, eq=False, repr=False)
class MedianCertificate(Certificate):
    """What was proved by median smoothing, for every eps, tau and alpha, without another forward pass.

    The guarantee. h(x) is the median of f(g(x)+G), G ~ N(0, sigma^2 I), g the front end (none: g(x) = x), f the metric
    with all that happens before and after it. With probability at least 1 - alpha over the noise that was drawn, for
    every change delta of the image with ||delta||_2 <= eps, h(x+delta) lies in ``bounds(eps)`` and differs from h(x) by
    at most ``tau(eps)``. Answers for an eps given positionally come from a simultaneous band: all of them, for all eps,
    hold together. ``at=`` asks the tighter exact ranks for ONE eps that was declared before sampling; each such
    statement fails with at most alpha. delta and eps are those of the image as it was given, whatever the front end.

    Certificates are made by :func:`certiqa.certify`.

    Attributes:
        scores: (n,) float64, in the order of sampling, read-only; NaN marks a failed forward, which counts as the
            worst possible score on either side.
        sigma: standard deviation of the noise, for intensities in [0, 1], or in the units of the front end's numbers.
        alpha: failure probability that was asked for; every answer takes another one on request.
        side: "both"; "upper" (only rises are bounded) or "lower".
        at: the eps declared before sampling, or None.
        shape: (3, H, W) of the image as it was given: every eps is an l2 length in these pixels.
        output_range: (lowest, highest) score, enforced; None if unknown.
        range_enforced_by: "model", "certiqa" (scores are clamped) or None.
        clamped: how many scores were clamped.
        lower_better: direction of the metric; None if unknown.
        noise: name of the noise law.
        tv_slack: total-variation distance of the noise drawn from an exact Gaussian, per image; added to the levels.
        assumptions: what the proof takes for granted, in words.
        method: "median smoothing" or "denoised median smoothing".
        provenance: where it all comes from.
        front_end: what stands between the image and the noise.
        seed: the seed of the noise; kept out of JSON unless it is revealed.

    Source: arXiv 2007.03730 (bounds), 2411.12575 (tau-closeness in IQA); exact ranks, band, drift and deployed
    statements: docs/theory.md.

    >>> import certiqa, torch
    >>> certificate = certiqa.certify(lambda x: 100 * x.mean((1, 2, 3)), torch.full((3, 8, 8), 0.5), 0.1, n=500, seed=1)
    >>> lower, upper = certificate.bounds(0.05)
    >>> lower < certificate.score < upper
    True
    """

    scores: Floats
    sigma: float
    alpha: float
    side: Side
    at: float | None
    shape: tuple[int, int, int]
    output_range: tuple[float, float] | None
    range_enforced_by: str | None
    clamped: int
    lower_better: bool | None
    noise: str
    tv_slack: float
    assumptions: tuple[str, ...]
    method: str
    provenance: Provenance
    front_end: SizedFrontEnd
    seed: int | None = field(default=None)

    kind: ClassVar[str] = "median"
    scored: ClassVar[str] = "median"

    @property
    def n(self) -> int:
        """Number of scores."""
        return len(self.scores)

    @property
    def failures(self) -> int:
        """Number of NaN scores."""
        return int(np.isnan(self.scores).sum())

    @cached_property
    def _evidence(self) -> Evidence:
        return Evidence(self.scores, self.sigma, self.side, self.tv_slack, self.output_range)

    @property
    def score(self) -> float:
        """The smoothed median as printed: the ceil(n/2)-th smallest score (failed forwards counted as the lowest)."""
        return self._evidence.printed

    def bounds(
        self,
        eps: float | None = None,
        *,
        at: float | None = None,
        statement: Statement = "containment",
        alpha: float | None = None,
        n_deployed: int | None = None,
        beta: float | None = None,
    ) -> Interval:
        """The interval that no attack of l2 length <= eps can make the score leave.

        Args:
            eps: any l2 radius >= 0, chosen whenever: answered by the simultaneous band.
            at: instead of eps, the ONE radius declared before sampling: answered by exact ranks for it. If certify()
                was told ``at=``, it must be that one; if not, this is taken on the caller's word.
            statement: "containment": of the true median h(x+delta). "deployed": of the score that is printed there, the
                median of ``n_deployed`` scores under fresh noise, which leaves the interval with probability <= beta.
            alpha: failure probability; default: the certificate's.
            n_deployed: default: n.
            beta: default: alpha.

        Returns:
            An :class:`~certiqa.certificate.interval.Interval`, which unpacks as (lower, upper). An end that n scores
            cannot prove is the enforced range's, or infinite, and is flagged (``lower_from``, ``upper_from``).

        Raises:
            InputError: both or neither of eps and at, a value out of its range, an ``at`` other than the declared one.
        """
        if check.check_statement(statement) == "drift":
            rule = "must be 'containment' or 'deployed'"
            raise InputError.of("statement", rule, statement, "drift is what tau() answers.")
        radius, simultaneous = self._radius_asked(eps, at)
        level = self._alpha(alpha)
        deployed = self._deployed(statement, level, n_deployed, beta)
        confidence = self._confidence(level, statement, simultaneous)
        return self._interval(radius, confidence, deployed, level, simultaneous)

    def tau(
        self,
        eps: float | None = None,
        *,
        at: float | None = None,
        statement: Statement = "drift",
        alpha: float | None = None,
        n_deployed: int | None = None,
        beta: float | None = None,
    ) -> float:
        """The largest change of the score that an attack of l2 length <= eps can cause (tau-closeness).

        Args:
            eps: any l2 radius >= 0: answered by the simultaneous band.
            at: instead of eps, the ONE radius declared before sampling.
            statement: "drift": |h(x+delta) - h(x)| of the true medians (one-sided certificates: the rise, or the fall).
                "deployed": the difference between the score printed at x+delta from ``n_deployed`` fresh scores, and
                :attr:`score`, except with probability beta. "containment": the width of the interval.
            alpha: failure probability; default: the certificate's.
            n_deployed: default: n.
            beta: default: alpha.

        Returns:
            The bound; inf if neither the scores nor an enforced range prove one.

        Raises:
            InputError: as :meth:`bounds`.
        """
        check.check_statement(statement)
        radius, simultaneous = self._radius_asked(eps, at)
        level = self._alpha(alpha)
        deployed = self._deployed(statement, level, n_deployed, beta)
        confidence = self._confidence(level, statement, simultaneous)
        interval = self._interval(radius, confidence, deployed, level, simultaneous)
        if statement == "containment":
            return interval.upper - interval.lower
        return self._evidence.tau(interval, confidence, deployed)

    def radius(
        self,
        tau: float,
        *,
        statement: Statement = "drift",
        center: float | None = None,
        alpha: float | None = None,
        n_deployed: int | None = None,
        beta: float | None = None,
    ) -> float:
        """The largest eps whose certified change is at most tau.

        Args:
            tau: the change that is tolerated, in units of the score.
            statement: "drift" or "deployed", as for :meth:`tau`; answered by the simultaneous band.
            center: instead, a value fixed BEFORE sampling (a pilot's median, say), as tau then is: the largest eps at
                which h(x+delta) stays in [center - tau, center + tau], by Clopper-Pearson. Tighter; neither of the two
                may be chosen from these scores, and one certificate answers one such question.
            alpha: failure probability; default: the certificate's.
            n_deployed: for "deployed"; default: n.
            beta: for "deployed"; default: alpha.

        Returns:
            0.0 if these scores prove nothing for so small a tau; inf if the range itself is within tau.
        """
        check.check_tau(tau)
        if check.check_statement(statement) == "containment":
            raise InputError.of("statement", "must be 'drift' or 'deployed'", statement)
        level = self._alpha(alpha)
        if center is not None:
            if statement == "deployed":
                raise InputError.of("statement", "must be 'drift' where center is given", statement)
            return self.front_end.before(self._evidence.radius_around(check.check_center(center), tau, level))
        deployed = self._deployed(statement, level, n_deployed, beta)
        return self.front_end.before(self._evidence.radius(tau, band_confidence(self.n, level, self.side), deployed))

    def curve(self, eps: npt.ArrayLike | None = None, *, alpha: float | None = None, points: int = 129) -> Curve:
        """Bounds and tau for many eps; all of it holds simultaneously with probability at least 1 - alpha.

        Args:
            eps: (m,) l2 radii; default: ``points`` values from 0 to where n scores prove no more.
            alpha: failure probability; default: the certificate's.
            points: how many, if eps is not given.
        """
        level = self._alpha(alpha)
        grid = self._grid(eps, self.largest_eps(alpha=level), points)
        intervals = [self.bounds(e, alpha=level) for e in grid.tolist()]
        return Curve(
            eps=grid,
            lower=np.array([i.lower for i in intervals]),
            upper=np.array([i.upper for i in intervals]),
            tau=np.array([self.tau(e, alpha=level) for e in grid.tolist()]),
            certified=np.array([i.certified for i in intervals]),
            alpha=level,
        )

    def largest_eps(self, *, alpha: float | None = None) -> float:
        """The eps up to which n scores prove anything (by the band): beyond it only the enforced range remains."""
        confidence = band_confidence(self.n, self._alpha(alpha), self.side)
        return self.front_end.before(max(0.0, self._evidence.rank_radius(1, confidence)))

    def smallest_n(
        self, eps: float | None = None, *, at: float | None = None, alpha: float | None = None
    ) -> int | None:
        """How many scores it takes to prove any bound at eps (``at``: with the ranks for one declared eps).

        None if ten million would not do.
        """
        radius, simultaneous = self._radius_asked(eps, at)
        level = self._alpha(alpha)
        r = self.front_end.behind(radius) / self.sigma
        return smallest_n_for(r, level, self.side, simultaneous=simultaneous, slack=self.tv_slack)

    # -- behind the gate ----------------------------------------------------------------------------------------------

    def _interval(
        self, eps: float, confidence: Confidence, deployed: Deployed | None, alpha: float, simultaneous: bool
    ) -> Interval:
        interval = self._evidence.interval(self.front_end.behind(eps), confidence, deployed, alpha, simultaneous)
        return replace(interval, eps=eps)

    def _alpha(self, alpha: float | None) -> float:
        return self.alpha if alpha is None else check.check_alpha(alpha)

    def _radius_asked(self, eps: float | None, at: float | None) -> tuple[float, bool]:
        if (eps is None) == (at is None):
            rule = "must be given, or at= for an eps declared before sampling, and not both"
            raise InputError.of("eps", rule, (eps, at))
        if at is None:
            return check.check_eps(eps), True
        declared = check.check_eps(at, "at")
        if self.at is not None and declared != self.at:
            rule = f"must be the eps that was declared to certify(at=...), {self.at:g}"
            raise InputError.of("at", rule, at, "For an eps chosen afterwards pass it as eps: the band answers.")
        return declared, False

    def _deployed(self, statement: Statement, alpha: float, n: int | None, beta: float | None) -> Deployed | None:
        count = self.n if n is None else check.check_count(n, "n_deployed")
        failure = alpha if beta is None else check.check_alpha(beta, "beta")
        return Deployed.of(count, failure, self.side) if statement == "deployed" else None

    def _confidence(self, alpha: float, statement: Statement, simultaneous: bool) -> Confidence:
        if simultaneous:
            return band_confidence(self.n, alpha, self.side)
        return single_confidence(alpha, self.side, statement)

    # -- words, files, figures ----------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return (
            f"<MedianCertificate {self.provenance.image}: score {self.score:.4g}, sigma {self.sigma:g}, n {self.n}, "
            f"alpha {self.alpha:g}, side {self.side!r}>"
        )

    def __hash__(self) -> int:
        return hash((self.provenance.image_sha256, self.provenance.seed_commitment, self.scores.tobytes()))

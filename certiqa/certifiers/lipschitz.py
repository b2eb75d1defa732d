"""LipschitzCertifier: certificates without noise, for heads that bound themselves over balls."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, final, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch

from certiqa import _checks as check
from certiqa._facts import facts_of
from certiqa.certificate import Certificate, LipschitzCertificate
from certiqa.certifiers.making import chosen_metric, identity_of, provenance_of
from certiqa.certifiers.soundness import checked_images, judged_without_chance
from certiqa.certifiers.verdicts import Verdict
from certiqa.data.images import Picture
from certiqa.errors import InputError, ModelOutputError
from certiqa.frontends import FrontEnd, SizedFrontEnd
from certiqa.smoothing.audit import Finding, check_modes
from certiqa.smoothing.base import ScoreFn
from certiqa.smoothing.declared import front_end_for, scorer_behind
from certiqa.smoothing.front_end_audit import audit_front_end
from certiqa.smoothing.sampler import Progress
from certiqa.smoothing.view import check_size
from certiqa.statistics.percentile import eps_from_psnr
from certiqa.statistics.statements import Side

__all__ = ["BoundedHead", "LipschitzCertifier"]

Floats = npt.NDArray[np.float64]

_PSNR = np.arange(70.0, 13.99, -0.5)
"""Of the balls, in dB: between two of them a certificate answers with the larger one."""

_ROUNDING = 2.0**-50
"""In each value, more than float64 may get wrong in k/255 or k times the step, at the image and at the attacked one."""


@runtime_checkable
class BoundedHead(Protocol):
    """A head g that bounds itself.

    ``ball_bounds`` must be sound for the function that the head computes: for every z' with ||z' - z||_2 <= r, in
    whatever arithmetic the head scores z', its score lies in [lower, upper].
    """

    def ball_bounds(self, z: Floats, radii: Floats) -> tuple[float, Floats, Floats]:
        """The score at z (m,), and (lower, upper) over the balls of ascending ``radii`` (k,) around it."""


@final
@dataclass(frozen=True)
class LipschitzCertifier:
    """Bounds of one metric's head over balls around the front end's numbers.

    Attributes:
        metric: as it was given, with all that it declares.
        head: what bounds itself.
        front_end: phi.
        side: which moves are bounded.
        identity: names and digests of the models.
    """

    kind: ClassVar[str] = "lipschitz"
    metric: ScoreFn
    head: BoundedHead
    front_end: FrontEnd
    side: Side
    identity: dict[str, str | None]

    @classmethod
    def of(cls, model: Any, *, side: Side = "both", front_end: FrontEnd | None = None) -> LipschitzCertifier:
        """Check the arguments.

        Raises:
            InputError: the metric has no head that bounds itself, or an argument breaks its rule.
        """
        checked = check.check_side(side)
        metric, _ = chosen_metric(model, "cpu")
        before = front_end_for(metric, front_end, None)
        head: Any = scorer_behind(metric, before, None)
        if not isinstance(head, BoundedHead):
            rule = "must be a metric whose head bounds itself over balls (ball_bounds) for kind='lipschitz'"
            raise InputError.of("model", rule, identity_of(metric, None)["model"], "Try 'builtin-lipschitz'.")
        return cls(metric, head, before, checked, identity_of(metric, None))

    def check(self, picture: Picture) -> None:
        """Raise ImageError or InputError if the picture does not fit the front end."""
        check_size(picture, self.metric, self.front_end)

    def audit(self, picture: Picture) -> tuple[Finding, ...]:
        """The head must be in eval mode, and the front end what it says."""
        check_modes(self.metric)
        audit_front_end(self._sized(picture), picture)
        return ()

    def certify(self, picture: Picture, report: Progress | None = None) -> LipschitzCertificate:
        """Audit, apply the front end, bound the head."""
        begin = time.perf_counter()
        self.audit(picture)
        sized = self._sized(picture)
        z = _read_by_the_head(sized, picture)
        seen = time.perf_counter() - begin
        radii, facts = self._radii(sized, picture), facts_of(self.metric)
        asked = radii + _ROUNDING * math.sqrt(z.size)
        value, lower, upper = _checked(self.head.ball_bounds(z, asked), len(radii), facts.enforced_range)
        seconds = {"total": time.perf_counter() - begin, "front_end": seen}
        return LipschitzCertificate(
            value=value,
            radii=_frozen(radii),
            lower=_frozen(np.minimum.accumulate(lower)),
            upper=_frozen(np.maximum.accumulate(upper)),
            shape=picture.shape,
            output_range=facts.enforced_range,
            range_enforced_by="model" if facts.enforced_range else None,
            lower_better=facts.lower_better,
            assumptions=(
                "The bounds are those of the head in float64 arithmetic, its rounding included; a score computed in "
                "float32 or on another device may differ from it by that arithmetic's rounding.",
            ),
            method="bounds over balls",
            provenance=provenance_of(
                picture, sized, self.identity, seconds, dtype="float64", device=torch.device("cpu")
            ),
            front_end=sized,
            side=self.side,
        )

    def judge(
        self, certificate: Certificate, original: Picture, attacked: Picture, *, seed: int | None = None
    ) -> Verdict:
        """Score the attacked picture and compare with the certified interval; there is no noise to seed."""
        if not isinstance(certificate, LipschitzCertificate):
            raise InputError.of("certificate", "must be of kind 'lipschitz'", certificate.kind)
        checked_images(certificate, original, attacked)
        sized = self._sized(attacked)
        value, _, _ = self.head.ball_bounds(_read_by_the_head(sized, attacked), np.zeros(1))
        return judged_without_chance(certificate, original, attacked, value)

    def _sized(self, picture: Picture) -> SizedFrontEnd:
        return SizedFrontEnd.of(self.front_end, picture.height, picture.width, None)

    def _radii(self, sized: SizedFrontEnd, picture: Picture) -> Floats:
        eps = [eps_from_psnr(decibel, picture.dimension) for decibel in _PSNR]
        return np.unique([0.0, sized.behind(0.0), *(sized.behind(one) for one in eps)])


def _read_by_the_head(sized: SizedFrontEnd, picture: Picture) -> Floats:
    """g(x) in float64; without a front end the intensities themselves."""
    if sized.is_identity:
        return picture.pixels.astype(np.float64) / (255.0 if picture.on_grid else 1.0)
    found: Floats = sized.apply(picture) * sized.step
    return found


def _checked(found: tuple[float, Floats, Floats], balls: int, enforced: tuple[float, float] | None) -> Any:
    """What a head answered, if it can be true: NaN compares with nothing, and would pass for a change of 0."""
    value, lower, upper = float(found[0]), *(np.asarray(ends, dtype=np.float64) for ends in found[1:])
    if not lower.shape == upper.shape == (balls,) or not bool(((lower <= value) & (value <= upper)).all()):
        rule = f"must return the score, and {balls} lower and upper bounds around it"
        raise ModelOutputError(f"The head's ball_bounds {rule}. Got {value:g}, {lower} and {upper} instead.")
    if not math.isfinite(value) or (enforced and not enforced[0] <= value <= enforced[1]):
        rule = "must be finite, and within the range that the metric claims to enforce"
        raise ModelOutputError(f"The score {rule}, {enforced}. Got {value:g} instead.")
    return value, lower, upper


def _frozen(values: Floats) -> Floats:
    values.setflags(write=False)
    return values

"""The options of ``certiqa certify``, checked before anything is loaded or sampled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from certiqa.errors import InputError
from certiqa.trial.size import Eps

if TYPE_CHECKING:
    from certiqa.statistics.statements import Side

__all__ = ["Settings"]

USUAL_SIGMA = 0.12
NATIVE = "native"


@dataclass(frozen=True)
class Settings:
    """What every image of a run has in common; the names are those of :func:`certiqa.certify`.

    Attributes:
        sizes: of the attacks that were asked about, in their units.
        taus: the changes of the score that were asked about.
    """

    sigma: float | None
    n: int | None
    alpha: float
    side: Side
    seed: int | None
    batch_size: int | str
    output_range: tuple[float, float] | None
    device: str | None
    dtype: str
    resolution: int | tuple[int, int] | str | None
    kind: str
    sizes: tuple[Eps, ...]
    taus: tuple[float, ...]

    def completed(self, metric: Any) -> Settings:
        """With the noise level that the metric declares, where none was given and one is needed."""
        from certiqa._facts import facts_of
        from certiqa.smoothing.declared import sigma_for

        if self.kind == "lipschitz":
            return self
        declared = facts_of(metric).certified_sigma is not None
        sigma = sigma_for(metric, self.sigma) if declared else self.level
        return replace(self, sigma=sigma)

    @property
    def level(self) -> float:
        """The noise level, as given or usual."""
        return USUAL_SIGMA if self.sigma is None else self.sigma

    @classmethod
    def of(cls, *, sizes: Sequence[str], taus: Sequence[float], **given: Any) -> Settings:
        """Check all of them.

        Raises:
            InputError: one breaks its rule.
        """
        from certiqa import _checks as check

        return cls(
            sigma=None if given["sigma"] is None else check.check_sigma(given["sigma"]),
            n=None if given["n"] is None else check.check_count(given["n"], "n", 1, "Try --n 2000."),
            alpha=check.check_alpha(given["alpha"]),
            side=check.check_side(given["side"]),
            seed=check.check_seed(given["seed"]),
            batch_size=check.check_batch_size(_batch_size(given["batch_size"])),
            output_range=check.check_output_range(_range(given["output_range"])),
            device=given["device"],
            dtype=given["dtype"],
            resolution=_checked_resolution(given["resolution"]),
            kind=check.check_choice(given["kind"], "kind", ("median", "lipschitz")),
            sizes=tuple(Eps.parse(text) for text in sizes),
            taus=tuple(check.check_tau(tau) for tau in taus),
        )


def _batch_size(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:
        if text == "auto":
            return text
        raise InputError.of("--batch-size", "must be 'auto' or a whole number >= 1", text) from None


def _checked_resolution(text: str | None) -> int | tuple[int, int] | str | None:
    from certiqa import _checks as check

    value = _resolution(text)
    return value if value == NATIVE else check.check_resolution(value)


def _resolution(text: str | None) -> int | tuple[int, ...] | str | None:
    if text is None or text == NATIVE:
        return text
    try:
        sides = tuple(int(side) for side in text.lower().split("x"))
    except ValueError:
        sides = ()
    if len(sides) not in (1, 2):
        rule = "must be the shorter side, or HEIGHTxWIDTH, in whole pixels, or native"
        raise InputError.of("--resolution", rule, text, "Try --resolution 128, or --resolution 96x128.")
    return sides[0] if len(sides) == 1 else sides


def _range(text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        return tuple(float(end) for end in text.split(","))
    except ValueError:
        raise InputError.of("--range", "must be two numbers, LOW,HIGH", text, "Try --range 0,100.") from None

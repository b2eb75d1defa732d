"""A defence as it was asked for: purifications, smoothing, a denoiser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from certiqa.errors import InputError

__all__ = ["Defence"]


@dataclass(frozen=True)
class Defence:
    """What was asked for.

    Attributes:
        purify: purifications, the first one nearest to the image.
        sigma: of the smoothing; None: none.
        denoiser: its name; None: none.
        n: scores of the smoothed median that is deployed.
        samples: noisy copies (or draws of a random purification) per step of an attack.
        seed: of all noise, which is keyed by the image; the attack's and the deployed metric's are independent.
        resolution: at which the noise is added, the shorter side; None: what the metric declares, else the image's
            own; "native": the image's own.
        dtype: of the forward passes under noise.
    """

    purify: tuple[tuple[str, dict[str, Any]], ...]
    sigma: float | None
    denoiser: str | None
    n: int
    samples: int
    seed: int
    resolution: int | str | None = None
    dtype: str = "auto"

    @classmethod
    def of(
        cls, purify: Sequence[str], sigma: float | None, denoiser: str | None, n: int, samples: int, seed: int
    ) -> Defence:
        """Check everything that can be checked without the metric.

        Raises:
            InputError: an option breaks its rule, or a denoiser without --sigma.
            UnknownNameError: no such purification.
        """
        from certiqa import _checks as check
        from certiqa.purifications import parse

        if denoiser is not None and sigma is None:
            raise InputError.of("--denoiser", "must come with --sigma: it is for noise", denoiser, "Try --sigma 0.12.")
        if seed < 0:
            raise InputError.of("--seed", "must be a whole number >= 0", seed)
        return cls(
            tuple(parse(text) for text in purify),
            None if sigma is None else check.check_sigma(sigma),
            denoiser,
            check.check_count(n, "n", 1, "Try --n 200."),
            check.check_count(samples, "samples", 1, "Try --samples 16."),
            seed,
        )

    def words(self) -> str:
        """In words, for tables."""
        parts = [name + (f"({_pairs(options)})" if options else "") for name, options in self.purify]
        if self.sigma is not None:
            parts.append(f"{'DMS' if self.denoiser else 'MS'} sigma {self.sigma:g}")
            parts += [f"denoiser {self.denoiser}"] if self.denoiser else []
            parts += [f"at {self.resolution} pixels"] if self.resolution else []
        return ", ".join(parts) or "undefended"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        data = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return data | {"purify": [[name, options] for name, options in self.purify], "words": self.words()}


def _pairs(options: dict[str, Any]) -> str:
    return ",".join(f"{key}={value}" for key, value in options.items())

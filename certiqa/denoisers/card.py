"""The facts of a denoiser's weights, as they stand in the header of its file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from certiqa.errors import WeightsError

__all__ = ["DenoiserCard"]

_ROUNDING = 1e-6


@dataclass(frozen=True)
class DenoiserCard:
    """Where a denoiser's weights come from.

    Attributes:
        name: of the weights, or the file's.
        architecture: kind and sizes of the network (:mod:`certiqa.denoisers.architecture`).
        sigma_range: (lowest, highest) noise level of the training; equal for one fixed level.
        losses: the weights of the losses, by name.
        metric: name of the metric that the losses looked through; None for losses that need no metric.
        metric_sha256: the digest of that metric, as certificates state it.
        licence: of the weights.
        training: the whole training config, for the record.
        sha256: of the file; None before it is written.
    """

    name: str
    architecture: Mapping[str, Any]
    sigma_range: tuple[float, float]
    losses: Mapping[str, float]
    metric: str | None
    metric_sha256: str | None
    licence: str
    training: Mapping[str, Any]
    sha256: str | None = None

    def covers(self, sigma: float) -> bool:
        """Whether the weights were trained for this noise level.

        >>> card = DenoiserCard("mine", {}, (0.1, 0.2), {"mse": 1.0}, None, None, "Apache-2.0", {})
        >>> card.covers(0.2), card.covers(0.25)
        (True, False)
        """
        low, high = self.sigma_range
        return low * (1 - _ROUNDING) <= sigma <= high * (1 + _ROUNDING)

    def to_json(self) -> str:
        """One line, keys sorted: equal cards are equal texts. The name and the hash of the file are not in it."""
        facts = {key: value for key, value in asdict(self).items() if key not in {"name", "sha256"}}
        return json.dumps(facts, sort_keys=True)

    @classmethod
    def from_json(cls, text: str, name: str, sha256: str) -> DenoiserCard:
        """Read what :meth:`to_json` wrote.

        Raises:
            WeightsError: it is not such a text.
        """
        try:
            facts = json.loads(text)
            low, high = (float(level) for level in facts["sigma_range"])
            if not 0 < low <= high < math.inf:
                raise ValueError(f"sigma_range {low}, {high}")
            return cls(
                name=name,
                architecture=dict(facts["architecture"]),
                sigma_range=(low, high),
                losses={str(key): float(value) for key, value in facts["losses"].items()},
                metric=None if facts["metric"] is None else str(facts["metric"]),
                metric_sha256=None if facts["metric_sha256"] is None else str(facts["metric_sha256"]),
                licence=str(facts["licence"]),
                training=dict(facts["training"]),
                sha256=sha256,
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            detail = f"{type(error).__name__}: {error}"
            raise WeightsError(f"The header of the weights {name!r} is not a denoiser's card ({detail}).") from error

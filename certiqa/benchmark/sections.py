"""The sections of a comparison's config, as frozen data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = [
    "BASE",
    "NT_TEST",
    "OBJECTIVES",
    "Agreement",
    "Attacks",
    "Certificates",
    "Data",
    "DefenceEntry",
    "Examples",
    "Metric",
]

OBJECTIVES = ("far", "raise", "lower", "move")
"""far: scores above the middle of the scale are lowered, the others raised."""
NT_TEST = "nt-test"
"""As the part of livec: the test part of the NT paper, out of the whole data set."""
BASE = "base"
"""As the metric of a defence: the metric that is defended, with its own weights."""


@dataclass(frozen=True)
class Data:
    """A data set.

    Attributes:
        name: of its reader, or "distorted-samples", which is made from the sample photographs.
        root: its folder; None: must be given when it is run. It is no part of the config's identity.
        part: "all", "fit", "validation", "train", "val", "test", or (livec) "nt-test".
        options: of the reader.
    """

    name: str
    root: str | None
    part: str
    options: dict[str, Any]


@dataclass(frozen=True)
class Metric:
    """A metric that is to be defended.

    Attributes:
        name: as ``--model`` takes it.
        middle: of its scale, for the objective "far"; None: the middle of the range that it declares.
    """

    name: str
    middle: float | None


@dataclass(frozen=True)
class DefenceEntry:
    """A defence, of every metric that it names weights for.

    Attributes:
        name: as the report calls it.
        metric: what stands in the place of the metric, by the metric's name: other weights, trained against attacks or
            under noise; "base" is the metric itself. The key "*" is every metric.
        smooth: whether it is a smoothed median.
        denoiser: before the metric.
        sigmas: of the noise; None: what a metric with a front end of its own declares, else those of the whole config.
        resolution: at which the noise is added; None: what the metric declares, else the image's own; "native".
        purify: purifications, the first one nearest to the image.
    """

    name: str
    metric: dict[str, str]
    smooth: bool
    denoiser: str | None
    sigmas: tuple[float, ...] | None
    resolution: int | str | None
    purify: tuple[str, ...]

    def kind_for(self, metric: str) -> str:
        """ "none", "empirical" or "certified": a defence may have other weights for some metrics only."""
        if self.smooth:
            return "certified"
        return "empirical" if self.purify or self.weights_for(metric) != metric else "none"

    def weights_for(self, metric: str) -> str | None:
        """The name of what stands in the metric's place; None: this metric has no such defence."""
        found = self.metric.get(metric, self.metric.get("*"))
        return metric if found == BASE else found


@dataclass(frozen=True)
class Agreement:
    """Correlations with human scores.

    Attributes:
        images: of each data set; None: all.
        draws: scores under noise that a smoothed median is of.
    """

    images: int | None
    draws: int


@dataclass(frozen=True)
class Certificates:
    """Certificates of smoothed metrics.

    Attributes:
        images: of each data set; None: all.
        n: scores of each.
        alpha: failure probability of each.
        at: sizes of attack, as "1 sigma", "0.05" (l2), "linf:2/255", "psnr:60", "grey:1".
    """

    images: int | None
    n: int
    alpha: float
    at: tuple[str, ...]


@dataclass(frozen=True)
class Attacks:
    """What is tried.

    Attributes:
        images: of each data set; None: all; 0: nothing is attacked.
        names: attacks, as "pgd:steps=10"; "{metric}" in a file name stands for the metric's name.
        budgets: as "linf:2/255".
        objective: "far", "raise", "lower" or "move".
        adaptive: attacks that know the defence: gradients through noise, denoiser, purification.
        transferred: attacks on the undefended metric, judged on the defence.
        samples: noisy copies per step of an adaptive attack.
        fresh: scores under fresh noise by which an attacked image is judged.
        levels: of quality.
    """

    images: int | None
    names: tuple[str, ...]
    budgets: tuple[str, ...]
    objective: str
    adaptive: bool
    transferred: bool
    samples: int
    fresh: int
    levels: int


@dataclass(frozen=True)
class Examples:
    """Images that the report shows with their certificates.

    Attributes:
        images: of each data set.
        thumbnails: whether small pictures of them are put into the report: only where the licence allows it.
    """

    images: int
    thumbnails: bool

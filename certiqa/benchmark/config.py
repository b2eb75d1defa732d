"""A comparison as it was asked for: one typed config, read from TOML, checked before anything is loaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from certiqa._checks import check_sigma
from certiqa.benchmark._gate import Table
from certiqa.errors import InputError

__all__ = [
    "BASE",
    "NT_TEST",
    "OBJECTIVES",
    "Agreement",
    "Attacks",
    "Certificates",
    "Config",
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
_DTYPES = ("auto", "float32", "float64", "bfloat16", "float16")


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


@dataclass(frozen=True)
class Config:
    """The whole of it.

    Attributes:
        name: for headings.
        seed: of all noise, attacks and bootstraps.
        dtype: of the forward passes under noise.
        confidence: of bootstrap intervals.
        resamples: of the bootstrap.
        sigmas: of smoothed defences that name none of their own.
        data: data sets.
        metrics: that are defended.
        defences: in the order of the report.
        agreement: with people.
        certificates: of smoothed defences.
        attacks: on all of them.
        examples: in the report.

    >>> config = Config.of({"name": "one", "data": [{"name": "livec"}], "metric": [{"name": "builtin"}],
    ...     "defence": [{"name": "undefended"}, {"name": "MS", "smooth": True}], "sigmas": [0.12]})
    >>> config.defences[1].kind_for("builtin"), config.certificates.n
    ('certified', 1000)
    """

    name: str
    seed: int
    dtype: str
    confidence: float
    resamples: int
    sigmas: tuple[float, ...]
    data: tuple[Data, ...]
    metrics: tuple[Metric, ...]
    defences: tuple[DefenceEntry, ...]
    agreement: Agreement
    certificates: Certificates
    attacks: Attacks
    examples: Examples

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Check plain values, as TOML gives them.

        Raises:
            InputError: a key or value breaks its rule: its place, the rule, the value, and the nearest that would do.
        """
        from certiqa.benchmark import _parts

        names = {"metrics": "metric", "defences": "defence"}
        table = Table(given, "", tuple(names.get(one.name, one.name) for one in fields(cls)))
        found = cls(
            name=table.text("name"),
            seed=table.count("seed", 0, least=0),
            dtype=table.text("dtype", "auto", among=_DTYPES),
            confidence=table.number("confidence", 0.95),
            resamples=table.count("resamples", 2000, least=100),
            sigmas=table.values("sigmas", check_sigma, ()),
            data=table.tables("data", _parts.data_of),
            metrics=table.tables("metric", _parts.metric_of),
            defences=table.tables("defence", _parts.defence_of),
            agreement=_parts.agreement_of(table.get("agreement", {})),
            certificates=_parts.certificates_of(table.get("certificates", {})),
            attacks=_parts.attacks_of(table.get("attacks", {})),
            examples=_parts.examples_of(table.get("examples", {})),
        )
        found._check()
        return found

    def _check(self) -> None:
        """What hangs together."""
        from certiqa.evaluation.bootstrap import check_confidence

        check_confidence(self.confidence)
        for key, names in (
            ("data", [one.name for one in self.data]),
            ("metric", [one.name for one in self.metrics]),
            ("defence", [one.name for one in self.defences]),
        ):
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise InputError.of(key, "must not have the same name twice", twice[0])
        known = {one.name for one in self.metrics} | {"*"}
        for number, one in enumerate(self.defences, 1):
            if one.smooth and not (one.sigmas or self.sigmas):
                rule = "must be given, here or for the whole config: this defence smooths"
                raise InputError.of(f"defence[{number}].sigmas", rule, one.sigmas, "Try sigmas = [0.12].")
            if stray := sorted(set(one.metric) - known):
                raise InputError.of(f"defence[{number}].metric", "must be for metrics of this config", stray[0])
        for small, large in (("certificates", "agreement"), ("attacks", "certificates"), ("examples", "certificates")):
            few, many = getattr(self, small).images, getattr(self, large).images
            if many is not None and (few is None or few > many):
                rule = f"must not be more than {large}.images, {many}: these images are a part of those"
                raise InputError.of(f"{small}.images", rule, few, f"Set {small}.images = {many}, or less.")

    def with_roots(self, roots: Mapping[str, str]) -> Self:
        """The same, with the folders of its data sets.

        Raises:
            InputError: a data set that the config has not, or that has no folder now.
        """
        from certiqa.benchmark.distorted_samples import NAME

        names = [one.name for one in self.data]
        for name in roots:
            if name not in names:
                raise InputError.of("--data", f"must be of a data set of this config: {', '.join(names)}", name)
        data = tuple(replace(one, root=roots.get(one.name, one.root)) for one in self.data)
        for one in data:
            if one.root is None and one.name != NAME:
                remedy = f"Pass --data {one.name} FOLDER, or give root in the config."
                raise InputError.of("--data", f"must name the folder of {one.name!r}", None, remedy)
        return replace(self, data=data)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, without the folders of the data: where they lie changes no figure."""
        found = json.loads(json.dumps(self, default=_plain))
        found["metric"], found["defence"] = found.pop("metrics"), found.pop("defences")
        for one in found["data"]:
            del one["root"]
        return dict(found)

    @property
    def sha256(self) -> str:
        """Digest of :meth:`to_dict` as canonical JSON."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    return {one.name: getattr(value, one.name) for one in fields(value)}

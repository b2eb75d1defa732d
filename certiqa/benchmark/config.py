"""A comparison as it was asked for: one typed config, read from TOML, checked before anything is loaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from certiqa._checks import check_sigma
from certiqa.benchmark import _sections
from certiqa.benchmark._gate import Table
from certiqa.benchmark.sections import (
    BASE,
    NT_TEST,
    OBJECTIVES,
    Agreement,
    Attacks,
    Certificates,
    Data,
    DefenceEntry,
    Examples,
    Metric,
)
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

_DTYPES = ("auto", "float32", "float64", "bfloat16", "float16")


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
        names = {"metrics": "metric", "defences": "defence"}
        table = Table(given, "", tuple(names.get(one.name, one.name) for one in fields(cls)))
        found = cls(
            name=table.text("name"),
            seed=table.count("seed", 0, least=0),
            dtype=table.text("dtype", "auto", among=_DTYPES),
            confidence=table.number("confidence", 0.95),
            resamples=table.count("resamples", 2000, least=100),
            sigmas=table.values("sigmas", check_sigma, ()),
            data=table.tables("data", _sections.data_of),
            metrics=table.tables("metric", _sections.metric_of),
            defences=table.tables("defence", _sections.defence_of),
            agreement=_sections.agreement_of(table.get("agreement", {})),
            certificates=_sections.certificates_of(table.get("certificates", {})),
            attacks=_sections.attacks_of(table.get("attacks", {})),
            examples=_sections.examples_of(table.get("examples", {})),
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

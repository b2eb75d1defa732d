"""The sections of a config, one reader each: Config.of() is the gate that calls them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from certiqa._checks import check_alpha, check_resolution, check_sigma
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
from certiqa.benchmark.sizes import Size
from certiqa.errors import InputError

__all__ = ["agreement_of", "attacks_of", "certificates_of", "data_of", "defence_of", "examples_of", "metric_of"]


def data_of(data: Any, where: str) -> Data:
    """One data set."""
    from certiqa.benchmark.distorted_samples import NAME
    from certiqa.data.sets.dataset import PARTS
    from certiqa.data.sets.registry import names
    from certiqa.data.sets.registry import options as options_of

    table = Table(data, where, ("name", "root", "part", "options"))
    name = table.text("name", among=(*names(), NAME))
    among = (*PARTS, NT_TEST) if name == "livec" else PARTS
    part = table.text("part", "all" if name == NAME else "validation", among=among)
    options = table.get("options", {})
    Table(options, table.path("options"), () if name == NAME else (*options_of(name), "skip_bad"))
    return Data(name, table.text("root", None), part, dict(options))


def metric_of(data: Any, where: str) -> Metric:
    """One metric."""
    table = Table(data, where, ("name", "middle"))
    return Metric(table.text("name"), table.number("middle", None))


def defence_of(data: Any, where: str) -> DefenceEntry:
    """One defence."""
    from certiqa.purifications import parse

    table = Table(data, where, tuple(one.name for one in fields(DefenceEntry)))
    metric = table.get("metric", BASE)
    weights = {"*": metric} if isinstance(metric, str) else metric
    if not isinstance(weights, Mapping) or not weights or not all(isinstance(v, str) and v for v in weights.values()):
        rule = (
            "must be the name of a metric, or a table: name of the defended metric = name of what stands in its place"
        )
        raise InputError.of(table.path("metric"), rule, metric)
    denoiser = table.text("denoiser", None)
    smooth = table.switch("smooth", denoiser is not None)
    if not smooth:
        for key in ("denoiser", "sigmas", "resolution"):
            if key in table:
                remedy = "Set smooth = true, or leave it out."
                raise InputError.of(table.path(key), "must come with smooth = true", table.get(key), remedy)

    def purification(text: Any) -> str:
        if not isinstance(text, str):
            raise InputError.of("purify", "must be a text, as 'jpeg:quality=75'", text)
        parse(text)
        return text

    resolution = table.get("resolution", None)
    if resolution != "native" and (resolution is not None and not isinstance(resolution, int)):
        raise InputError.of(table.path("resolution"), "must be the shorter side in pixels, or 'native'", resolution)
    if resolution != "native":
        table.checked("resolution", check_resolution, resolution)
    return DefenceEntry(
        name=table.text("name"),
        metric=dict(weights),
        smooth=smooth,
        denoiser=denoiser,
        sigmas=table.values("sigmas", check_sigma, None, least=1),
        resolution=resolution,
        purify=table.values("purify", purification, ()),
    )


def _images(table: Table, default: int | None, least: int = 1) -> int | None:
    if table.get("images", default) == "all":
        return None
    found: int | None = table.count("images", default, least)
    return found


def agreement_of(data: Any) -> Agreement:
    """How agreement with people is measured."""
    table = Table(data, "agreement", ("images", "draws"))
    return Agreement(_images(table, None), table.count("draws", 16))


def certificates_of(data: Any) -> Certificates:
    """What is certified."""
    table = Table(data, "certificates", ("images", "n", "alpha", "at"))

    def size(text: Any) -> str:
        return Size.parse(text).text

    return Certificates(
        _images(table, 20),
        table.count("n", 1000, least=100),
        table.checked("alpha", check_alpha, table.get("alpha", 1e-3)),
        table.values("at", size, ("0.5 sigma", "1 sigma", "linf:1/255")),
    )


def attacks_of(data: Any) -> Attacks:
    """What is tried."""
    from certiqa.attacks import Budget
    from certiqa.trial.chosen import check_budget, chosen

    table = Table(data, "attacks", tuple(one.name for one in fields(Attacks)))

    def attack(text: Any) -> str:
        if not isinstance(text, str):
            raise InputError.of("names", "must be texts, as 'pgd:steps=10'", text)
        name, _, rest = text.partition(":")
        if "source=" not in rest and "substitute=" not in rest and "pattern=" not in rest:  # those are files and models
            chosen(text)
        else:
            from certiqa import attacks

            attacks.card(name)
        return text

    def budget(text: Any) -> str:
        if not isinstance(text, str):
            raise InputError.of("budgets", "must be texts, as 'linf:2/255'", text)
        check_budget(Budget.parse(text), [])
        return text

    names = table.values("names", attack, ("pgd:steps=10",))
    budgets = table.values("budgets", budget, ("linf:2/255",))
    _check_pairs(table, names, budgets)
    return Attacks(
        images=_images(table, 8, least=0),
        names=names,
        budgets=budgets,
        objective=table.text("objective", "far", among=OBJECTIVES),
        adaptive=table.switch("adaptive", True),
        transferred=table.switch("transferred", True),
        samples=table.count("samples", 8),
        fresh=table.count("fresh", 200, least=50),
        levels=table.count("levels", 5),
    )


def _check_pairs(table: Table, names: tuple[str, ...], budgets: tuple[str, ...]) -> None:
    """Each attack has a budget, and each budget an attack: else a line of the config would ask for nothing."""
    from certiqa import attacks

    kinds = {text.partition(":")[0].strip() for text in budgets}
    taken = {text: attacks.card(text.partition(":")[0].strip()).norms for text in names}
    for text, norms in taken.items():
        if budgets and not kinds & set(norms):
            rule = f"must have a budget that it takes, of the kind {' or '.join(norms)}, in {table.path('budgets')}"
            raise InputError.of(table.path("names"), rule, text)
    for text in budgets:
        kind = text.partition(":")[0].strip()
        if names and not any(kind in norms for norms in taken.values()):
            rule = f"must be of a kind that an attack in {table.path('names')} takes"
            raise InputError.of(
                table.path("budgets"), rule, text, f"Attacks for it: {', '.join(attacks.by_norm(kind))}."
            )


def examples_of(data: Any) -> Examples:
    """What is shown."""
    table = Table(data, "examples", ("images", "thumbnails"))
    return Examples(table.count("images", 2, least=0), table.switch("thumbnails", False))

"""Architectures as data: configs, and presets by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Final

from certiqa.errors import InputError, UnknownNameError

__all__ = ["PRESETS", "Architecture", "DnCNNConfig", "UNetConfig", "architecture", "as_mapping"]

_LARGEST_MULTIPLE = 16
_WIDEST = 1024
_DEEPEST = 64


def _whole_number(name: str, value: object, least: int, most: int = _WIDEST) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InputError.of(name, f"must be a whole number from {least} to {most}", value)
    return value


def _whole_numbers(name: str, values: object, least: int) -> tuple[int, ...]:
    if not isinstance(values, tuple | list):
        raise InputError.of(name, "must be a tuple of whole numbers", values)
    return tuple(_whole_number(name, value, least) for value in values)


def _truth(value: object) -> None:
    if not isinstance(value, bool):
        raise InputError.of("conditioned", "must be True or False", value)


@dataclass(frozen=True)
class UNetConfig:
    """The arguments of :class:`certiqa.denoisers.UNet`.

    Raises:
        InputError: they do not fit together.
    """

    unshuffle: int = 2
    widths: tuple[int, ...] = (32, 48, 64, 128)
    down: tuple[int, ...] = (0, 1, 1)
    middle: int = 2
    up: tuple[int, ...] = (0, 1, 1)
    conditioned: bool = True
    kind: ClassVar[str] = "unet"

    def __post_init__(self) -> None:
        if self.unshuffle not in (1, 2, 4) or isinstance(self.unshuffle, bool):
            raise InputError.of("unshuffle", "must be 1, 2 or 4", self.unshuffle)
        for name in ("widths", "down", "up"):
            object.__setattr__(self, name, _whole_numbers(name, getattr(self, name), 1 if name == "widths" else 0))
        _whole_number("middle", self.middle, 0)
        _truth(self.conditioned)
        levels = len(self.widths) - 1
        if levels < 1 or self.unshuffle * 2**levels > _LARGEST_MULTIPLE:
            rule = f"must name 2 or more levels, and unshuffle * 2**(levels - 1) must be at most {_LARGEST_MULTIPLE}"
            raise InputError.of("widths", rule, self.widths)
        for name in ("down", "up"):
            if len(getattr(self, name)) != levels:
                rule = f"must have one number for each level but the lowest ({levels})"
                raise InputError.of(name, rule, getattr(self, name))


@dataclass(frozen=True)
class DnCNNConfig:
    """The arguments of :class:`certiqa.denoisers.DnCNN`.

    Raises:
        InputError: one of them breaks its rule.
    """

    depth: int = 17
    width: int = 64
    conditioned: bool = True
    kind: ClassVar[str] = "dncnn"

    def __post_init__(self) -> None:
        _whole_number("depth", self.depth, 2, _DEEPEST)
        _whole_number("width", self.width, 1)
        _truth(self.conditioned)


Architecture = UNetConfig | DnCNNConfig

PRESETS: Final[Mapping[str, Architecture]] = {
    "unet-small": UNetConfig(),
    "unet-medium": UNetConfig(widths=(32, 64, 128, 192), down=(1, 2, 2), middle=4, up=(1, 2, 2)),
    "dncnn-small": DnCNNConfig(depth=6, width=32),
    "dncnn-17": DnCNNConfig(depth=17, width=64, conditioned=False),
}


def architecture(given: str | Mapping[str, Any] | Architecture) -> Architecture:
    """The gate: a preset's name, a config, or what :func:`as_mapping` made of one.

    Raises:
        UnknownNameError: no such preset, kind or field.
        InputError: a field breaks its rule.

    >>> architecture({"kind": "dncnn", "depth": 5, "width": 8})
    DnCNNConfig(depth=5, width=8, conditioned=True)
    """
    if isinstance(given, UNetConfig | DnCNNConfig):
        return given
    if isinstance(given, str):
        if given not in PRESETS:
            raise UnknownNameError.among("architecture", given, PRESETS)
        return PRESETS[given]
    if not isinstance(given, Mapping):
        raise InputError.of("architecture", "must be the name of a preset, or a config", given)
    kinds: dict[str, type[Architecture]] = {"unet": UNetConfig, "dncnn": DnCNNConfig}
    kind = given.get("kind")
    if kind not in kinds:
        raise UnknownNameError.among("kind of architecture", str(kind), kinds)
    known = [field.name for field in fields(kinds[kind])]
    for name in given:
        if name not in known and name != "kind":
            raise UnknownNameError.among(f"field of the architecture {kind!r}", str(name), known)
    return kinds[kind](**{name: value for name, value in given.items() if name != "kind"})


def as_mapping(config: Architecture) -> dict[str, Any]:
    """A config as plain data for JSON.

    >>> as_mapping(DnCNNConfig(5, 8))
    {'kind': 'dncnn', 'depth': 5, 'width': 8, 'conditioned': True}
    """
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(config).items()}
    return {"kind": config.kind, **plain}

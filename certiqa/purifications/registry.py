"""Purifications by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from certiqa.errors import UnknownNameError
from certiqa.purifications.base import Purification
from certiqa.purifications.bits import BitDepth
from certiqa.purifications.blur import GaussianBlur, MedianBlur
from certiqa.purifications.card import PurificationCard
from certiqa.purifications.crop import RandomCrop
from certiqa.purifications.flip import Flip
from certiqa.purifications.jpeg import Jpeg
from certiqa.purifications.resize import Resize

__all__ = ["card", "load", "names"]

_KINDS: dict[str, type[Purification]] = {
    kind.purification.name: kind for kind in (BitDepth, GaussianBlur, RandomCrop, Flip, Jpeg, MedianBlur, Resize)
}


def names() -> tuple[str, ...]:
    """The names that :func:`load` knows, sorted.

    >>> names()
    ('bits', 'blur', 'crop', 'flip', 'jpeg', 'median', 'resize')
    """
    return tuple(sorted(_KINDS))


def card(name: str) -> PurificationCard:
    """The facts of one, with its options; nothing is built.

    Raises:
        UnknownNameError: no such purification; near names are suggested.

    >>> card("crop").random, sorted(card("jpeg").options)
    (True, ['gradient', 'quality', 'subsampling'])
    """
    return _kind(name).purification


def load(name: str, metric: Callable[[Tensor], Any], **options: Any) -> Purification:
    """The metric behind a purification, as a module in the metric's own mode.

    Args:
        name: one of :func:`names`.
        metric: (B,3,H,W) RGB in [0,1] -> (B,); another purification, too.
        options: those of the :func:`card`.

    Raises:
        UnknownNameError: no such purification, or it has no such option; near names are suggested.
        InputError: an option breaks its rule, or the metric is not callable.

    >>> load("bits", lambda images: images.mean((1, 2, 3)), bits=3)
    purifications.load('bits', metric, bits=3)
    """
    return _kind(name)(metric, **options)


def _kind(name: str) -> type[Purification]:
    if name not in _KINDS:
        raise UnknownNameError.among("purification", name, _KINDS)
    return _KINDS[name]

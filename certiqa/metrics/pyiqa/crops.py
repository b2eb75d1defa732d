"""Where HyperIQA, MANIQA and TReS look: the fixed crop grid of pyiqa's uniform_crop, and what it misses."""

from __future__ import annotations

import math
from types import FunctionType, MethodType
from typing import Any

import numpy as np
from torch import Tensor, nn

__all__ = ["crop_corners", "cuts_uniform_crops", "scored_as_crops", "unseen_fraction"]


def crop_corners(height: int, width: int, crop: int, count: int) -> tuple[tuple[int, int], ...]:
    """(top, left) of each crop: the same for all images of a size, so the metric is one fixed function.

    The steps are rounded down, and the grid starts in the upper left corner: the lower and right margins are missed.

    Args:
        height: of the image, more than ``crop`` (pyiqa enlarges smaller images until the shorter side is crop + 1).
        width: likewise.
        crop: side of a crop.
        count: how many.

    >>> crop_corners(384, 512, 224, 20)[:6]
    ((0, 0), (0, 72), (0, 144), (0, 216), (0, 288), (40, 0))
    """
    steps = math.isqrt(count)
    a_side = steps if steps * steps == count else steps + 1
    down, right = (height - crop) // steps, (width - crop) // steps
    return tuple((row * down, column * right) for row in range(a_side) for column in range(a_side))[:count]


def unseen_fraction(height: int, width: int, crop: int, count: int) -> float:
    """The share of an image's pixels that lie in no crop: they cannot change the score, and get no gradient.

    For an image of exactly crop x crop, which certiqa scores as it is, nothing is missed. Where the shorter side is at
    most ``crop``, pyiqa enlarges the image first; the share is then that of the enlarged image.

    >>> f"{unseen_fraction(384, 512, 224, 25):.3f} {unseen_fraction(384, 512, 224, 20):.3f}"
    '0.191 0.104'
    """
    if height == width == crop:
        return 0.0
    if min(height, width) <= crop:
        scale = (crop + 1) / min(height, width)
        height, width = math.floor(height * scale), math.floor(width * scale)
    seen = np.zeros((height, width), dtype=bool)
    for top, left in crop_corners(height, width, crop, count):
        seen[top : top + crop, left : left + crop] = True
    return float(1 - seen.mean())


def cuts_uniform_crops(net: nn.Module) -> bool:
    """Whether the network's forward calls pyiqa's uniform_crop, which :func:`scored_as_crops` goes round."""
    return "uniform_crop" in type(net).forward.__code__.co_names


def scored_as_crops(net: Any, images: Tensor) -> Any:
    """The network's output for images that are crops already: each is scored once, as it is.

    pyiqa's own forward would enlarge them by one pixel and score many equal crops. The class is not changed: a copy of
    its forward is run, in which cutting does nothing.
    """
    if hasattr(net, "forward_patch"):
        return net.forward_patch(images)
    forward = type(net).forward
    names = {**forward.__globals__, "uniform_crop": _as_they_are}
    function = FunctionType(forward.__code__, names, forward.__name__, forward.__defaults__, forward.__closure__)
    count, net.test_sample = net.test_sample, 1
    try:
        return MethodType(function, net)(images)
    finally:
        net.test_sample = count


def _as_they_are(images: Tensor, crop_size: int, crop_num: int) -> Tensor:
    return images

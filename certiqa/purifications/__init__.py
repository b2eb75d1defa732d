"""Purifications: simple defences that clean the image before a metric looks at it, as wrappers of any metric.

They certify nothing. They are baselines, and an attack must be told about them: gradients flow through all of them.

>>> import torch
>>> from certiqa import purifications
>>> metric = purifications.load("jpeg", lambda images: images.mean((1, 2, 3)), quality=50)
>>> metric(torch.full((2, 3, 16, 16), 0.5)).shape
torch.Size([2])
"""

from __future__ import annotations

from certiqa.purifications.base import Purification
from certiqa.purifications.card import PurificationCard
from certiqa.purifications.parse import parse
from certiqa.purifications.registry import card, load, names

__all__ = ["Purification", "PurificationCard", "card", "load", "names", "parse"]

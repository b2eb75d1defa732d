"""A random crop."""

from __future__ import annotations

import hashlib
import math
import secrets
from typing import final

import numpy as np
import torch
from torch import Tensor

from certiqa.purifications.base import Purification
from certiqa.purifications.card import PurificationCard, number, seed

__all__ = ["RandomCrop"]


@final
class RandomCrop(Purification):
    """A window of a share of both sides, at a random place: one for each image, never one for a whole batch.

    Args:
        metric: (B,3,H,W) RGB in [0,1] -> (B,).
        share: of both sides, in (0, 1].
        seed: None: a fresh place at every call. A whole number: the place follows from the seed and the image's
            values, so that the score is a fixed function of the image (which can be attacked as such).

    Source: Guo et al. 2018, input transformations (arXiv 1711.00117).

    >>> import torch
    >>> RandomCrop(lambda x: x.mean((1, 2, 3)), share=0.5, seed=0)(torch.full((2, 3, 8, 8), 0.25))
    tensor([0.2500, 0.2500])
    """

    purification = PurificationCard(
        "crop",
        "a random crop",
        "exactly",
        True,
        {"share": number(0.9, 0.0, 1.0, high_included=True), "seed": seed()},
        "Guo et al. 2018, input transformations (arXiv 1711.00117)",
    )

    def purify(self, images: Tensor) -> Tensor:
        """(B,3,H,W) -> (B,3,h,w)."""
        height, width = images.shape[-2:]
        rows, columns = (max(1, math.floor(side * self.options["share"] + 1e-9)) for side in (height, width))
        crops = []
        for image in images:
            random = np.random.Generator(np.random.Philox(key=self._key(image)))
            top, left = int(random.integers(height - rows + 1)), int(random.integers(width - columns + 1))
            crops.append(image[:, top : top + rows, left : left + columns])
        return torch.stack(crops)

    def _key(self, image: Tensor) -> int:
        if self.options["seed"] is None:
            return secrets.randbits(128)
        values = image.detach().cpu().float().contiguous().numpy().tobytes()
        text = f"certiqa crop v1|{self.options['seed']}|".encode()
        return int.from_bytes(hashlib.sha256(text + values).digest()[:16], "little")

    def _least(self, metric_least: int) -> int:
        return math.ceil(metric_least / float(self.options["share"]) - 1e-9)

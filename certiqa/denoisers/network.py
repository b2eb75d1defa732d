"""What the denoisers share: the protocol forward(x, sigma) -> x around a network that predicts the noise."""

from __future__ import annotations

import abc
import math
import warnings
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from certiqa.denoisers.architecture import Architecture
from certiqa.denoisers.card import DenoiserCard
from certiqa.errors import InputError

__all__ = ["MIN_SIZE", "DenoiserNetwork", "SigmaWarning"]

MIN_SIZE = 16
"""Smallest height and width: padding by reflection up to the next multiple of 16 always finds enough to reflect."""


class SigmaWarning(UserWarning):
    """A denoiser is asked to work at a noise level that it was not trained for: sound, but it may denoise badly."""


class DenoiserNetwork(nn.Module, abc.ABC):
    """An image minus the noise that a network sees in it.

    ``forward(images, sigma)`` takes (B, 3, H, W) floating-point images, not clipped, H and W at least 16 and otherwise
    free, and the standard deviation of the noise; it returns images of the same shape and precision, not clipped.

    Guarantees, for any weights: an output depends on its own image and on sigma only; ``train()`` and ``eval()`` agree,
    there being no BatchNorm and no dropout; no random number is drawn and nothing is remembered between calls.

    Attributes:
        name: of the weights, or of the architecture as long as there are none.
        card: where the weights come from; None for weights that come from no file.
        architecture: the config that it was built from; None for a network that was built by hand.
        multiple: images are padded by reflection to a multiple of this, and cropped again.
        conditioned: whether the network is told sigma (as a constant fourth channel); a blind one ignores it.
    """

    min_size: ClassVar[int] = MIN_SIZE

    def __init__(self, multiple: int, *, conditioned: bool) -> None:
        super().__init__()
        self.name = type(self).__name__
        self.card: DenoiserCard | None = None
        self.architecture: Architecture | None = None
        self.multiple = multiple
        self.conditioned = conditioned

    @abc.abstractmethod
    def noise(self, images: Tensor) -> Tensor:
        """(B, 3 or 4, H, W), sides of a suitable multiple, the fourth channel sigma -> (B, 3, H, W), the noise."""

    @property
    def sigma_range(self) -> tuple[float, float] | None:
        """The noise levels that the weights were trained for, as far as that is known."""
        return self.card.sigma_range if self.card else None

    def forward(self, images: Tensor, sigma: float | Tensor) -> Tensor:
        """(B, 3, H, W), with noise -> (B, 3, H, W), with less of it.

        Args:
            images: floating-point RGB; noise may lead out of [0, 1].
            sigma: the standard deviation of the noise, for intensities in [0, 1]: a number, or a tensor (B,).

        Raises:
            InputError: not such images, or not such a sigma.

        Warns:
            SigmaWarning: a number outside of the range that the weights were trained for.
        """
        self._check(images, sigma)
        height, width = images.shape[-2:]
        more = (0, -width % self.multiple, 0, -height % self.multiple)
        seen = functional.pad(images, more, mode="reflect") if any(more) else images
        if self.conditioned:
            level = sigma.to(seen).view(-1, 1, 1, 1) if isinstance(sigma, Tensor) else seen.new_tensor(sigma)
            seen = torch.cat((seen, level.expand(len(seen), 1, *seen.shape[-2:])), dim=1)
        return images - self.noise(seen)[..., :height, :width].to(images.dtype)

    def _check(self, images: Tensor, sigma: float | Tensor) -> None:
        if images.ndim != 4 or images.shape[1] != 3 or min(images.shape[2:]) < MIN_SIZE:
            rule = f"must have shape (B, 3, H, W) with H and W at least {MIN_SIZE}"
            raise InputError.of("images", rule, tuple(images.shape))
        if not images.is_floating_point():
            raise InputError.of("images", "must be floating-point", str(images.dtype), "Divide 8-bit images by 255.")
        if isinstance(sigma, Tensor):
            if sigma.shape != (len(images),):
                raise InputError.of("sigma", "must be a number, or a tensor (B,)", tuple(sigma.shape))
            return
        if isinstance(sigma, bool) or not isinstance(sigma, int | float) or not 0 <= sigma < math.inf:
            raise InputError.of("sigma", "must be a finite number >= 0, or a tensor (B,)", sigma)
        if self.card is not None and not self.card.covers(sigma):
            low, high = self.card.sigma_range
            trained = f"sigma = {low:g}" if low == high else f"sigma from {low:g} to {high:g}"
            message = (
                f"The denoiser {self.name!r} was trained for {trained}; at sigma = {sigma:g} it may denoise badly."
            )
            warnings.warn(message, SigmaWarning, stacklevel=2)

"""Attacks that know the defence: through randomness (EOT), past what has no gradient (BPDA, differentiable JPEG)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, final

import torch
from torch import Tensor, nn

from certiqa import _checks as check
from certiqa.attacks._calls import as_scores, call
from certiqa.attacks._number import check_positive
from certiqa.errors import InputError

__all__ = ["BPDA", "EOT", "bpda", "differentiable_jpeg", "eot"]

SURROGATES = ("mean", "median")


@final
class EOT(nn.Module):
    """A randomised model as an attack should see it; made by :func:`eot`."""

    def __init__(self, model: Callable[[Tensor], Any], samples: int, surrogate: str, window: float) -> None:
        super().__init__()
        if not callable(model):
            raise InputError.of("model", "must be callable: (B,3,H,W) images in [0, 1] -> (B,) scores", model)
        self.model = model
        self.samples = check.check_count(samples, "samples", 1, "Try samples=20.")
        self.surrogate = check.check_choice(surrogate, "surrogate", SURROGATES)
        self.window = check_positive(window, "window", 1.0, "It is a share of the sample: try 0.2.")

    def draws(self, images: Tensor) -> Iterator[Tensor]:
        """``samples`` calls with fresh noise, each as (B, m): m scores if the model has a method scores(), else 1."""
        many = getattr(self.model, "scores", None)
        for _ in range(self.samples):
            if callable(many):
                yield call(many, images)
            else:
                yield as_scores(call(self.model, images), len(images), images.device)[:, None]

    def combine(self, scores: Tensor) -> Tensor:
        """The surrogate of a sample of scores: (B, n) -> (B,)."""
        if self.surrogate == "mean":
            return scores.mean(1)
        n = scores.shape[1]
        half = int(self.window * n / 2)
        first, last = (n - 1) // 2, n // 2
        return scores.sort(dim=1).values[:, max(0, first - half) : last + half + 1].mean(1)

    def forward(self, images: Tensor) -> Tensor:
        """The surrogate score of each image, (B,); the graph of all draws is kept."""
        return self.combine(torch.cat(list(self.draws(images)), dim=1))


def eot(model: Callable[[Tensor], Any], samples: int = 20, surrogate: str = "mean", window: float = 0.2) -> EOT:
    """Expectation over transformation: attack what a randomised model does on average, not one draw of it.

    At every step the model is called ``samples`` times with fresh noise and the gradients are averaged. A model with
    a method ``scores(images) -> (B, n)`` (:class:`certiqa.MedianSmoothing` has one) gives n scores a call, all of which
    are used. Every score counts as one forward pass, so ``queries`` grows by samples * n a step. The scores before and
    after are those of the model itself, as it is deployed: the mean of ``samples`` fresh calls.

    Args:
        model: (B,3,H,W) in [0, 1] -> (B,); it draws its own noise, so results are not determined by the attack's seed.
        samples: calls per step, at least 1.
        surrogate: "mean" of all scores; its gradient needs the memory of one call only. Or "median": the mean of the
            scores in a window around the median, because the gradient of one order statistic is that of one draw; it
            keeps the graph of all draws.
        window: the share of the sample in that window, in (0, 1]; two scores at least where n is even.

    Raises:
        InputError: an argument breaks its rule.

    Source: Athalye, Engstrom, Ilyas and Kwok 2018, "Synthesizing robust adversarial examples" (EOT); Salman et al. 2019
    (arXiv 1906.04584) for the attack of a smoothed model through the mean of its noisy copies.

    >>> model = eot(lambda x: x.mean((1, 2, 3)), samples=3)
    >>> model(torch.full((2, 3, 8, 8), 0.5))
    tensor([0.5000, 0.5000])
    """
    return EOT(model, samples, surrogate, window)


@final
class BPDA(nn.Module):
    """The values of one function with the gradient of another; made by :func:`bpda`."""

    def __init__(self, model: Callable[[Tensor], Any], surrogate: Callable[[Tensor], Any]) -> None:
        super().__init__()
        for name, value in (("model", model), ("surrogate", surrogate)):
            if not callable(value):
                raise InputError.of(name, "must be callable", value)
        self.model, self.surrogate = model, surrogate

    def forward(self, images: Tensor) -> Tensor:
        """The model's output; behind it, the surrogate's graph."""
        with torch.no_grad():
            value = call(self.model, images.detach())
        if not torch.is_grad_enabled() or not images.requires_grad:
            return torch.as_tensor(value)
        smooth = call(self.surrogate, images)
        value = torch.as_tensor(value, device=smooth.device, dtype=smooth.dtype)
        if value.numel() != smooth.numel():
            rule = f"must return what the model returns, of shape {tuple(value.shape)}"
            raise InputError.of("surrogate", rule, tuple(smooth.shape))
        smooth = smooth.reshape(value.shape)
        output: Tensor = value + (smooth - smooth.detach())
        return output


def bpda(model: Callable[[Tensor], Any], surrogate: Callable[[Tensor], Any]) -> BPDA:
    """Backward pass differentiable approximation: forward as ``model``, backward as ``surrogate``.

    For what rounds, encodes or leaves torch. It fits whole metrics (images -> scores) and single transforms (images ->
    images): ``bpda(jpeg, lambda x: x)`` is the straight-through estimator, ``bpda(jpeg, differentiable_jpeg(75))`` the
    better one. One call counts as one forward pass of the model; those of the surrogate are not counted.

    Source: Athalye, Carlini and Wagner 2018, "Obfuscated gradients give a false sense of security", section 4.1.

    >>> x = torch.full((1, 3, 4, 4), 0.3, requires_grad=True)
    >>> rounded = bpda(lambda x: (4 * x).round() / 4, lambda x: x)
    >>> rounded(x).max().item(), torch.autograd.grad(rounded(x).sum(), x)[0].max().item()
    (0.25, 1.0)
    """
    return BPDA(model, surrogate)


def differentiable_jpeg(quality: float) -> Callable[[Tensor], Tensor]:
    """JPEG with a soft rounding, images (B,3,H,W) in [0, 1] -> the same shape: a surrogate for :func:`bpda`.

    Args:
        quality: in [1, 100].

    Any size: the sides are padded to multiples of 16 by repeating the border. It is kornia's codec (4:2:0), whose
    values differ from those of libjpeg; so pair it with the real one.

    Source: Reich, Debnath, Patel and Chakradhar 2024, "Differentiable JPEG: the devil is in the details".

    >>> differentiable_jpeg(90)(torch.full((1, 3, 10, 20), 0.5)).shape
    torch.Size([1, 3, 10, 20])
    """
    level = check_positive(quality, "quality", 100.0, "Try 75.")
    if level < 1:
        raise InputError.of("quality", "must be in [1, 100]", quality, "Try 75.")
    from kornia.enhance import JPEGCodecDifferentiable

    codec = JPEGCodecDifferentiable()

    def compress(images: Tensor) -> Tensor:
        height, width = images.shape[2:]
        padding = (0, -width % 16, 0, -height % 16)
        padded = nn.functional.pad(images, padding, mode="replicate")
        coded: Tensor = codec.to(images.device)(padded, images.new_tensor([level]))
        return coded[:, :, :height, :width]

    return compress

"""The norm of a score's gradient with respect to the image, estimated by one more forward pass, and as a loss.

To first order a change of the image of l_inf norm eps moves the score by at most eps ||grad f||_1, and FGSM's step
moves it by that (Theorem 1 of the paper); a change of l2 norm eps, by at most eps ||grad f||_2. Training with the norm
as a penalty makes the score flat around the images it was trained on. That is no proof about any image.

Source: Liu, Yang, Li, Ding, Jiang, "Defense against adversarial attacks on no-reference image quality models with
gradient norm regularization", CVPR 2024, arXiv:2403.11397.

>>> import torch
>>> weight = torch.linspace(-1, 1, 48, dtype=torch.float64).view(3, 4, 4)
>>> linear = lambda images: (images * weight).sum((1, 2, 3))
>>> found = gradient_norm(linear, torch.full((1, 3, 4, 4), 0.5, dtype=torch.float64), h=0.01)
>>> bool(torch.isclose(found[0], weight.abs().sum()))
True
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from certiqa.defenses.modes import evaluating, is_training
from certiqa.errors import GradientError, InputError, ModelOutputError

__all__ = ["IMAGENET_STD", "GradientNorm", "Norm", "exact_gradient_norm", "gradient_norm"]

Norm = Literal["l1", "l2"]
ScoreFn = Callable[[Tensor], Any]

IMAGENET_STD = (0.229, 0.224, 0.225)
"""What networks with ImageNet backbones divide the three channels by; for ``std``."""


def gradient_norm(
    model: ScoreFn,
    images: Tensor,
    *,
    h: float = 0.01,
    norm: Norm = "l1",
    std: Sequence[float] | None = None,
    scores: Tensor | None = None,
) -> Tensor:
    """||grad f(x)|| of each image as |f(x + h d) - f(x)| / h, where d is the steepest direction at x, held constant.

    d is sign(grad f) for the l1 norm and grad f / ||grad f||_2 for the l2 norm. The estimate is exact where f is linear
    between x and x + h d, and otherwise off by O(h). It has a graph to the parameters through both scores, so it can be
    a loss without double backward; d has none. Two forward passes and one backward pass to the images; with ``scores``
    one forward pass less.

    The model is in eval mode meanwhile (BatchNorm's running statistics, no dropout), so that each image's gradient is
    its own; x + h d is not clipped to [0, 1].

    Args:
        model: (B, 3, H, W) -> (B,), (B, 1) or (B, 1, 1).
        images: (B, 3, H, W), RGB, nominally in [0, 1].
        h: length of the step (l_inf for the l1 norm, l2 for the l2 norm), in units of pixels in [0, 1]; with ``std``
            in normalised units. The released code of the paper: 0.01 with std=IMAGENET_STD, about .0023 in [0, 1].
        norm: "l1" or "l2".
        std: (3,), if the norm is to be taken where the network sees it, after (x - mean) / std: a step of h there is
            one of h * std in x, and the gradient there is std times that in x. None: with respect to x.
        scores: f(images), with its graph to ``images`` and to the parameters, made in eval mode; None: they are made
            here.

    Returns:
        (B,), in units of the score per unit of the (normalised) image.

    Raises:
        InputError: h, norm or std break their rule; ``scores`` were given for a model in train mode.
        GradientError: no gradient of the scores with respect to the images.
        ModelOutputError: not one score per image.
    """
    step = _check(images, h, norm, std)
    if scores is not None and is_training(model):
        rule = "must not be given for a model in train mode: BatchNorm and dropout would make it another function"
        raise InputError.of("scores", rule, "a tensor", "Call model.eval(), or leave scores out.")
    with evaluating(model), torch.enable_grad():
        if scores is None:
            images = images.detach().requires_grad_(True)
            scores = _one_each(model(images), len(images))
        gradient = _gradient(scores, images, graph=False) * step
        if norm == "l1":
            direction = gradient.sign()
        else:
            length = gradient.flatten(1).norm(dim=1).clamp_min(torch.finfo(gradient.dtype).tiny)
            direction = gradient / length.view(-1, 1, 1, 1)
        moved = _one_each(model(images.detach() + h * step * direction), len(images))
        return (moved - scores).abs() / h


def exact_gradient_norm(
    model: ScoreFn, images: Tensor, *, norm: Norm = "l1", std: Sequence[float] | None = None
) -> Tensor:
    """||grad f(x)|| of each image by double backward: the reference of :func:`gradient_norm`, at more cost.

    Its gradient with respect to the parameters needs second derivatives; those of a piecewise linear network's kinks
    are missing, and attention is run in its plain form, whose second derivative torch knows on every device.

    Args:
        model: as in :func:`gradient_norm`; in eval mode meanwhile.
        images: likewise.
        norm: likewise.
        std: likewise.

    Raises:
        InputError, GradientError, ModelOutputError: likewise.
    """
    step = _check(images, 1.0, norm, std)
    from torch.nn.attention import SDPBackend, sdpa_kernel

    with evaluating(model), torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
        images = images.detach().requires_grad_(True)
        scores = _one_each(model(images), len(images))
        gradient = (_gradient(scores, images, graph=True) * step).flatten(1)
        return gradient.abs().sum(1) if norm == "l1" else gradient.norm(dim=1)


class GradientNorm(nn.Module):
    """The penalty of a batch: the mean over the images of the estimated norm, or of its square.

    The paper's loss is L_IQA + lambda * GradientNorm(power=2), lambda times the mean of ((f(x + h s) - f(x)) / h)^2.
    The released code takes HALF of that mean; its lambda of 1e-3 is 5e-4 here.

    Args:
        h: see :func:`gradient_norm`.
        norm: likewise.
        power: 2, as published, or 1.
        std: likewise.

    Raises:
        InputError: an argument breaks its rule.

    >>> GradientNorm(h=0.01, std=IMAGENET_STD)
    GradientNorm(h=0.01, norm='l1', power=2, std=(0.229, 0.224, 0.225))
    """

    def __init__(
        self, h: float = 0.01, *, norm: Norm = "l1", power: int = 2, std: Sequence[float] | None = None
    ) -> None:
        super().__init__()
        _check(torch.zeros(1, 3, 1, 1), h, norm, std)
        if power not in (1, 2) or isinstance(power, bool):
            raise InputError.of("power", "must be 1 or 2", power, "The published one is 2.")
        self.h, self.norm, self.power = float(h), norm, int(power)
        self.std = None if std is None else tuple(map(float, std))

    def norms(self, model: ScoreFn, images: Tensor, scores: Tensor | None = None) -> Tensor:
        """(B,) of :func:`gradient_norm`, which says what can go wrong."""
        return gradient_norm(model, images, h=self.h, norm=self.norm, std=self.std, scores=scores)

    def forward(self, model: ScoreFn, images: Tensor, scores: Tensor | None = None) -> Tensor:
        """() from a model and (B, 3, H, W) images, with ``scores`` as in :func:`gradient_norm`."""
        found: Tensor = self.norms(model, images, scores).pow(self.power).mean()
        return found

    def extra_repr(self) -> str:
        """The arguments."""
        return f"h={self.h!r}, norm={self.norm!r}, power={self.power!r}, std={self.std!r}"


def _check(images: Tensor, h: float, norm: str, std: Sequence[float] | None) -> Tensor:
    """The gate; the length of a unit step in every channel, to be broadcast over images."""
    if isinstance(h, bool) or not isinstance(h, int | float) or not math.isfinite(h) or h <= 0:
        rule = "must be a finite number > 0, the length of the finite difference"
        raise InputError.of("h", rule, h, "The published one is 0.01 with std=IMAGENET_STD.")
    if norm not in ("l1", "l2"):
        raise InputError.of("norm", "must be 'l1' or 'l2'", norm)
    if std is None:
        return images.new_ones(())
    good = isinstance(std, Sequence) and len(std) == 3 and all(isinstance(s, int | float) and s > 0 for s in std)
    if not good:
        raise InputError.of("std", "must be None or three numbers > 0, one a channel", std, "Try IMAGENET_STD.")
    return images.new_tensor(tuple(std)).view(3, 1, 1)


def _one_each(output: object, batch: int) -> Tensor:
    if isinstance(output, Tensor) and tuple(output.shape) in {(batch,), (batch, 1), (batch, 1, 1)}:
        return output.reshape(batch)
    found = f"shape {tuple(output.shape)}" if isinstance(output, Tensor) else type(output).__name__
    raise ModelOutputError(f"The metric must return one score per image, {batch} of them. Got {found} instead.")


def _gradient(scores: Tensor, images: Tensor, *, graph: bool) -> Tensor:
    try:
        (found,) = torch.autograd.grad(scores.sum(), images, retain_graph=True, create_graph=graph)
    except RuntimeError as error:
        text = " ".join(str(error).split())[:160]
        raise GradientError(
            f"The scores have no gradient with respect to the images ({text}). "
            "certiqa.defenses.graph.where_it_breaks(model, images) says where the graph breaks."
        ) from error
    return found

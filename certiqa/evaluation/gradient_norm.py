"""The l1 norm of a metric's gradient: how fast an l_inf attack moves the score, at first order.

For small eps, the largest |f(x+d) - f(x)| over ||d||_inf <= eps is eps ||grad f(x)||_1, the l1 norm being dual to
l_inf.

Source: Liu et al., "Defense against adversarial attacks on no-reference image quality models with gradient norm
regularization", CVPR 2024 (arXiv 2403.11397), theorem 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from certiqa.data.images import read_images
from certiqa.errors import ModelError, ModelOutputError
from certiqa.frontends import Identity
from certiqa.smoothing.base import as_scores, resolve_device
from certiqa.smoothing.view import check_size

__all__ = ["gradient_l1"]


def gradient_l1(metric: Any, images: object, *, device: torch.device | str | None = None) -> npt.NDArray[np.float64]:
    """||grad f(x)||_1 of every image, by automatic differentiation: the derivative itself, not a finite difference.

    Each image is differentiated alone, so that no batch mate has a part in it; the sum is taken in float64.

    Args:
        metric: (B,3,H,W) RGB in [0,1] -> (B,), in eval mode.
        images: what :func:`certiqa.certify` reads; a tensor (B,3,H,W) for several.
        device: default: where the metric's parameters are.

    Returns:
        (B,) float64, in units of the score per unit of intensity ([0, 1]); times 1/255: per grey level.

    Raises:
        ImageError: no such image.
        ModelError: the metric failed, or has no gradient (ModelOutputError: it is not finite).

    >>> gradient_l1(lambda x: 100 * x.mean((1, 2, 3)), torch.full((2, 3, 8, 8), 0.5)).round(4)
    array([100., 100.])
    """
    pictures = read_images(images)
    where = resolve_device(metric, device)
    norms = []
    for picture in pictures:
        check_size(picture, metric, Identity())
        gradient = _gradient(metric, torch.from_numpy(picture.as_float())[None].to(where))
        norm = float(gradient.double().abs().sum())
        if not np.isfinite(norm):
            raise ModelOutputError(f"The gradient of the metric at {picture.name} must be finite. Got NaN or infinity.")
        norms.append(norm)
    return np.array(norms, np.float64)


def _gradient(metric: Any, image: Tensor) -> Tensor:
    image = image.detach().requires_grad_()
    try:
        with torch.enable_grad():
            score = as_scores(metric(image), 1, image.device)
            if not score.requires_grad:
                remedy = "Attacks by scores (black box) need none."
                raise ModelError(f"The metric's score has no gradient with respect to the image. {remedy}")
            (gradient,) = torch.autograd.grad(score.sum(), image, allow_unused=True)
    except ModelError:
        raise
    except Exception as error:
        text = " ".join(str(error).split())[:300]
        raise ModelError(f"The metric raised {type(error).__name__} while it was differentiated: {text}") from error
    if gradient is None:
        raise ModelError("The metric's score does not depend on the image: it has no gradient with respect to it.")
    found: Tensor = gradient
    return found

"""Is this front end what it says? A few applications look for what would break every certificate behind it.

Hazards, by the name under which they are refused:

* ``front-end-changes``: two calls on one image give two results.
* ``front-end-batch-coupled``: what it makes of an image depends on the other images of a batch.
* ``front-end-not-finite``: NaN, infinite values, values outside of [-1, 1], or another shape than it says.
* ``front-end-expands``: a perturbation was found that it carries through by more than its declared Lipschitz constant.

A handful of perturbations cannot prove a Lipschitz constant; whoever writes a front end vouches for it. certiqa's own
front ends are proved (docs/theory.md, section 9) and searched for counterexamples by the tests, so they are not looked
at again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from certiqa.data.images import Picture
from certiqa.errors import AuditError
from certiqa.frontends import FrontEnd, SizedFrontEnd

__all__ = ["audit_front_end"]

_OWN = "certiqa.frontends."
_LENGTHS = (1e-3, 1.0)  # of a perturbation, in l2
_ASCENT = 6  # steps of gradient ascent
_COUPLED = 1e-4  # how far float32 kernels for batches of other sizes may lie apart, relative to the largest value


def audit_front_end(sized: SizedFrontEnd, picture: Picture) -> None:
    """Look for every hazard of the table.

    Args:
        sized: the front end at the picture's size.
        picture: what it will be applied to.

    Raises:
        AuditError: refused; carries the name of the hazard.
    """
    front_end = sized.front_end
    if type(front_end).__module__.startswith(_OWN):
        return
    x = picture.pixels.astype(np.float64) / (255.0 if picture.on_grid else 1.0)
    value = front_end(x.copy())
    if value.shape != sized.output_shape or not np.isfinite(value).all() or float(np.abs(value).max()) > 1 + 1e-6:
        found = f"Got shape {value.shape}, values from {value.min():.3g} to {value.max():.3g}"
        rule = f"must give finite values in [-1, 1] of shape {sized.output_shape}"
        raise _refusal(front_end, "front-end-not-finite", f"it {rule}. {found}")
    if not np.array_equal(front_end(x.copy()), value):
        raise _refusal(front_end, "front-end-changes", "two calls on one image give two results. Make it deterministic")
    _coupling(front_end, x)
    _expansion(sized, x, value)


def _refusal(front_end: FrontEnd, hazard: str, what: str) -> AuditError:
    return AuditError(f"The front end {front_end.name!r} is not fit for a certificate: [{hazard}] {what}.", (hazard,))


def _coupling(front_end: FrontEnd, x: npt.NDArray[np.float64]) -> None:
    image = torch.from_numpy(x).float()
    with torch.no_grad():
        alone = front_end.of_tensor(image[None])[0]
        among = front_end.of_tensor(torch.stack([1.0 - image, image, 0.5 * image]))[1]
    apart, scale = float((alone - among).abs().max()), float(alone.abs().max())
    if not apart <= _COUPLED * max(scale, 1e-6):
        what = f"a value changes by {apart:.3g} with the other images of its batch. Treat every image by itself"
        raise _refusal(front_end, "front-end-batch-coupled", what)


def _expansion(sized: SizedFrontEnd, x: npt.NDArray[np.float64], value: npt.NDArray[np.float64]) -> None:
    limit = sized.lipschitz * (1 + 1e-9)
    rounding = 2 * sized.dimension**0.5 * sized.front_end.rounding(*x.shape[1:])
    for direction in _directions(sized.front_end, x):
        for length in _LENGTHS:
            moved = x + direction * (length / np.linalg.norm(direction))
            grown = float(np.linalg.norm(sized.front_end(moved) - value))
            if grown > limit * length + rounding:
                what = (
                    f"a perturbation of l2 length {length:g} moves its output by {grown:.6g}, more than its declared "
                    f"Lipschitz constant {sized.lipschitz:.6g} allows. Declare a larger one"
                )
                raise _refusal(sized.front_end, "front-end-expands", what)


def _directions(front_end: FrontEnd, x: npt.NDArray[np.float64]) -> Iterator[npt.NDArray[np.float64]]:
    """A constant, noise, and what gradient ascent on the growth makes of noise."""
    yield np.ones_like(x)
    noise = np.random.Generator(np.random.Philox(key=5)).normal(size=x.shape)
    yield noise
    clean = torch.from_numpy(x)[None]
    with torch.no_grad():
        start = front_end.of_tensor(clean)
    direction = torch.from_numpy(noise)[None]
    for _ in range(_ASCENT):
        step = (direction / direction.norm() * _LENGTHS[0]).requires_grad_()
        growth: Any = (front_end.of_tensor(clean + step) - start).square().sum()
        (gradient,) = torch.autograd.grad(growth, step)
        if not torch.isfinite(gradient).all() or not bool(gradient.any()):
            return
        direction = gradient
    yield direction[0].numpy()

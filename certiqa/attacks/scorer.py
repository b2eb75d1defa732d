"""The model as attacks see it: scores, gradients, and an exact count of the passes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, final

import torch
from torch import Tensor, nn

from certiqa.attacks._calls import as_scores, call
from certiqa.attacks._catalogue import by_access
from certiqa.attacks.adaptive import EOT
from certiqa.errors import GradientError, InputError, ModelError, ModelOutputError

__all__ = ["Scorer"]


@final
class Scorer:
    """Scores and gradients of a model, counted.

    Attributes:
        queries: forward passes per image so far; behind :func:`certiqa.attacks.eot` each draw counts.
        gradients: backward passes per image so far.
        device: where the images have to be.
    """

    def __init__(self, model: Callable[[Tensor], Any]) -> None:
        if not callable(model):
            raise InputError.of("model", "must be callable: (B,3,H,W) images in [0, 1] -> (B,) scores", model)
        _refuse_coupling(model)
        self.model = model
        parameter = _first_parameter(model)
        self.device = torch.device("cpu") if parameter is None else parameter.device
        self._dtype = torch.float32 if parameter is None else parameter.dtype
        self.queries = self.gradients = 0
        self._zero: list[Tensor] = []
        self._bad: list[Tensor] = []

    def scores(self, images: Tensor, per_image: int = 1) -> Tensor:
        """(B,) float64, without a graph; NaN and infinity are left in.

        ``per_image`` is how many of the B images are candidates for one and the same clean image.
        """
        with torch.no_grad():
            drawn = torch.cat(list(self._draws(images.detach())), dim=1)
            self.queries += per_image * drawn.shape[1]
            return self._combine(drawn).double()

    def gradient(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (B,) float64, and their gradients (B,3,H,W) float32: zero where the model's gradient is not finite.

        Raises:
            GradientError: the scores do not hang on the images by a graph.
        """
        leaf = images.detach().clone().requires_grad_()
        with torch.enable_grad(), _numpy_is_no_graph():
            if isinstance(self.model, EOT) and self.model.surrogate == "mean":
                scores, gradient = self._mean_gradient(leaf, self.model.samples)
            else:
                drawn = torch.cat(list(self._draws(leaf)), dim=1)
                self.queries += drawn.shape[1]
                self.gradients += drawn.shape[1]
                scores = self._combine(drawn)
                gradient = _differentiate(scores, leaf)
        finite = torch.isfinite(gradient)
        self._bad.append(~finite.flatten(1).all(1).cpu())
        gradient = torch.where(finite, gradient, torch.zeros_like(gradient))
        self._zero.append((gradient == 0).flatten(1).all(1).cpu())
        return scores.detach().double(), gradient

    def _mean_gradient(self, leaf: Tensor, samples: int) -> tuple[Tensor, Tensor]:
        """The same as one graph of all draws, in the memory of one."""
        gradient, scores = torch.zeros_like(leaf), []
        for drawn in self._draws(leaf):
            self.queries += drawn.shape[1]
            self.gradients += drawn.shape[1]
            gradient += _differentiate(drawn.mean(1), leaf) / samples
            scores.append(drawn.detach().mean(1))
        return torch.stack(scores).mean(0), gradient

    def measure(self, images: Tensor) -> Tensor:
        """Fresh scores of the model as it is deployed, (B,) float64; not counted, being no part of an attack.

        A model behind :func:`certiqa.attacks.eot` is called ``samples`` times and averaged.
        """
        deployed, times = (self.model.model, self.model.samples) if isinstance(self.model, EOT) else (self.model, 1)
        with torch.no_grad():
            found = [as_scores(call(deployed, self._cast(images)), len(images), self.device) for _ in range(times)]
            return torch.stack([scores.double() for scores in found]).mean(0)

    def notes(self, index: int) -> tuple[str, ...]:
        """What was odd about the gradients of one image, in words."""
        notes = []
        zero = sum(bool(step[index]) for step in self._zero)
        if zero:
            notes.append(
                f"the gradient was 0 everywhere at {zero} of {len(self._zero)} steps: the score is flat, saturated or "
                "rounded there, which is no robustness; try an attack by scores (square, nes, simba) or attacks.bpda"
            )
        if bad := sum(bool(step[index]) for step in self._bad):
            notes.append(f"the gradient was not finite at {bad} of {len(self._bad)} steps: taken as 0 there")
        return tuple(notes)

    def _draws(self, images: Tensor) -> Iterator[Tensor]:
        cast = self._cast(images)
        if isinstance(self.model, EOT):
            for drawn in self.model.draws(cast):
                yield _as_samples(drawn, len(images)).to(self.device)
        else:
            yield as_scores(call(self.model, cast), len(images), self.device)[:, None]

    def _combine(self, drawn: Tensor) -> Tensor:
        return self.model.combine(drawn) if isinstance(self.model, EOT) else drawn[:, 0]

    def _cast(self, images: Tensor) -> Tensor:
        return images.to(self._dtype)


@contextlib.contextmanager
def _numpy_is_no_graph() -> Iterator[None]:
    """A model that leaves torch raises on images that require grad: that is a missing gradient, and is called so."""
    try:
        yield
    except ModelError as error:
        if "requires grad" not in str(error) or isinstance(error, GradientError):
            raise
        raise GradientError(f"The score has no gradient: {error} {_remedy()}") from error


def _as_samples(drawn: object, batch: int) -> Tensor:
    if isinstance(drawn, Tensor) and drawn.ndim == 2 and len(drawn) == batch and drawn.shape[1]:
        return drawn
    found = tuple(drawn.shape) if isinstance(drawn, Tensor) else type(drawn).__name__
    raise ModelOutputError(f"The model's scores(images) must return ({batch}, n) scores. Got {found} instead.")


def _differentiate(scores: Tensor, leaf: Tensor) -> Tensor:
    if not scores.requires_grad:
        raise GradientError(
            "The score has no gradient: the model's output does not require grad although the images do. Something in "
            f"it cuts the graph (no_grad, inference_mode, detach, numpy, an integer). {_remedy()}"
        )
    try:
        (gradient,) = torch.autograd.grad(scores.sum(), leaf, allow_unused=True)
    except RuntimeError as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        text = " ".join(str(error).split())[:300]
        raise GradientError(f"The backward pass of the model failed: {text} {_remedy()}") from error
    if gradient is None:
        raise GradientError(
            "The score has no gradient with respect to the image: the output requires grad, but its graph ends at the "
            f"model's parameters before it reaches the image (detach, numpy or no_grad on the way). {_remedy()}"
        )
    return gradient


def _remedy() -> str:
    names = ", ".join(by_access("scores"))
    return f"Attacks that need only scores: {names}. Or give it a gradient with attacks.bpda(model, surrogate)."


def _first_parameter(model: object) -> Tensor | None:
    if not isinstance(model, nn.Module):
        return None
    return next((p for p in (*model.parameters(), *model.buffers()) if p.is_floating_point()), None)


def _refuse_coupling(model: object) -> None:
    """BatchNorm in train mode makes the score of an image depend on its batch mates, and changes at every call."""
    if not isinstance(model, nn.Module):
        return
    for name, part in model.named_modules():
        if part.training and isinstance(part, nn.modules.batchnorm._BatchNorm):
            message = f"The model is in train mode: its {type(part).__name__} {name!r} mixes the images of a batch."
            raise ModelError(f"{message} Call model.eval() first.")

"""Where a score loses its gradient on the way from the image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from certiqa.defenses.modes import evaluating
from certiqa.errors import GradientError, ModelOutputError

__all__ = ["check_gradient", "where_it_breaks"]


def where_it_breaks(model: Callable[[Tensor], Any], images: Tensor) -> str | None:
    """The place, in words, at which the graph from the images to the scores ends; None if it does not.

    One forward pass with hooks on every module; the first module that gets a gradient and gives none is named.

    Args:
        model: the metric.
        images: (B, 3, H, W).

    >>> class Rounds(nn.Module):
    ...     def forward(self, x):
    ...         return x.detach().mean((1, 2, 3))
    >>> where_it_breaks(nn.Sequential(nn.Conv2d(3, 3, 1), Rounds()), torch.rand(1, 3, 8, 8))
    "in the module '1' (Rounds)"
    """
    seen: list[tuple[str, nn.Module, bool, bool]] = []
    handles = []
    if isinstance(model, nn.Module):
        for name, module in model.named_modules():
            if isinstance(module, torch.jit.ScriptModule):
                continue

            def hook(module: nn.Module, given: Any, output: Any, name: str = name) -> None:
                seen.append((name, module, _carries(given), _carries(output)))

            handles.append(module.register_forward_hook(hook))
    try:
        with evaluating(model), torch.enable_grad():
            output = model(images.detach().requires_grad_(True))
    finally:
        for handle in handles:
            handle.remove()
    if _carries(output):
        return None
    return _place(seen)


def _place(seen: list[tuple[str, nn.Module, bool, bool]]) -> str:
    broken = [(name, module) for name, module, before, after in seen if before and not after]
    inner = [(name, module) for name, module in broken if name]
    if inner:
        name, module = inner[0]
        return f"in the module {name!r} ({type(module).__name__})"
    passed = [(name, module) for name, module, before, after in seen if name and before and after]
    if passed:
        name, module = passed[-1]
        return f"in the metric's own forward, after the module {name!r} ({type(module).__name__})"
    if any(name for name, *_ in seen):
        name, module = next((name, module) for name, module, *_ in seen if name)
        return f"in the metric's own forward, before the module {name!r} ({type(module).__name__})"
    return "in the metric's own forward (torch.no_grad, detach, NumPy, or a copy made from plain numbers)"


def _carries(values: Any) -> bool:
    return any(tensor.requires_grad for tensor in _tensors(values))


def _tensors(values: Any) -> Iterator[Tensor]:
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, dict):
        for value in values.values():
            yield from _tensors(value)
    elif isinstance(values, tuple | list):
        for value in values:
            yield from _tensors(value)


def check_gradient(model: Callable[[Tensor], Any], images: Tensor) -> None:
    """Refuse a metric whose score gives the image no gradient, or none that is not zero.

    The parameters are looked at as frozen, so a gradient that reaches them only does not count.

    Args:
        model: the metric.
        images: (B, 3, H, W), textured.

    Raises:
        GradientError: it says where the graph breaks.
        ModelOutputError: the gradient is not finite.
    """
    asked = [p for p in model.parameters() if p.requires_grad] if isinstance(model, nn.Module) else []
    try:
        for parameter in asked:
            parameter.requires_grad_(False)
        place = where_it_breaks(model, images)
        if place is not None:
            raise GradientError(
                f"The score has no gradient with respect to the image: the graph breaks {place}. 'nt' and 'at' need "
                "it; 'clean' and 'noise' do not."
            )
        with evaluating(model), torch.enable_grad():
            given = images.detach().requires_grad_(True)
            (found,) = torch.autograd.grad(model(given).sum(), given, allow_unused=True)
    finally:
        for parameter in asked:
            parameter.requires_grad_(True)
    if found is None or not bool(found.any()):
        raise GradientError(
            "The gradient of the score with respect to the image is zero everywhere: something on the way rounds or "
            "compares (round, sign, >). 'nt' and 'at' need a gradient; 'clean' and 'noise' do not."
        )
    if not bool(torch.isfinite(found).all()):
        raise ModelOutputError("The gradient of the score with respect to the image is not finite.")

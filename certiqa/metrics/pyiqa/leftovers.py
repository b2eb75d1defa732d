"""What a call leaves behind in the attributes of a network of pyiqa, and in its hooks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["nothing_left_behind"]


@contextmanager
def nothing_left_behind(metric: nn.Module, net: nn.Module) -> Iterator[None]:
    """Around a call: no graph stays in the modules' attributes, and nothing in the network's hooks, if it fails too.

    Some networks keep what they have computed (attention maps in TOPIQ, masks in PIQE). As long as that carries a
    graph, the graph stays in memory, and torch refuses to copy the module. The values stay, for whom they are meant.
    """
    _clear_hooks(net)  # whoever called the network itself may have failed
    try:
        yield
    finally:
        _clear_hooks(net)
        if torch.is_grad_enabled():  # else there is no graph
            for module in metric.modules():
                if not isinstance(module, torch.jit.ScriptModule):
                    _detach_attributes(module)


def _clear_hooks(net: nn.Module) -> None:
    """MANIQA reads the first outputs that its hooks collected: those of a call that failed would come before them."""
    kept = getattr(net, "save_output", None)
    if kept is not None and hasattr(kept, "clear"):
        kept.clear()


def _detach_attributes(module: nn.Module) -> None:
    attributes, seen = vars(module), {id(module._modules), id(module._parameters)}
    for name, value in list(attributes.items()):
        attributes[name] = _detached(value, seen)


def _detached(value: Any, seen: set[int]) -> Any:
    """The value without a graph; lists and dictionaries, also inside of others, are changed in place."""
    if isinstance(value, Tensor):
        return value.detach() if value.grad_fn is not None else value
    if not isinstance(value, list | tuple | dict) or id(value) in seen:
        return value
    seen.add(id(value))
    if isinstance(value, tuple):
        parts = [_detached(part, seen) for part in value]
        if all(new is old for new, old in zip(parts, value, strict=True)):
            return value
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    for key, part in list(value.items() if isinstance(value, dict) else enumerate(value)):
        new = _detached(part, seen)
        if new is not part:
            value[key] = new
    return value

"""A network of pyiqa as a metric of certiqa: per-image scores, gradients, nothing hidden, nothing left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn

from certiqa.errors import InputError, ModelError, ModelOutputError
from certiqa.metrics.card import MetricCard, MetricModule
from certiqa.metrics.policy import CropGrid
from certiqa.metrics.pyiqa.crops import cuts_uniform_crops, scored_as_crops, unseen_fraction
from certiqa.metrics.pyiqa.leftovers import nothing_left_behind
from certiqa.metrics.pyiqa.randomness import kept_random_states
from certiqa.metrics.pyiqa.traits import Traits

__all__ = ["PyiqaMetric"]

_FULL_PRECISION = (torch.float32, torch.float64)


class PyiqaMetric(MetricModule):
    """``forward(images)``: (B,3,H,W) RGB, nominally in [0,1], of the metric's own dtype -> (B,) scores.

    pyiqa's create_metric(name) gives either no gradients, or the mean over the batch and a graph even under
    torch.no_grad(). Here the network itself is called, so:

    * there is one score per image, whatever shape the network returns;
    * gradients reach the image wherever the network has them (see the card), and only if they are asked for; frozen
      parameters do not stop them;
    * the network normalises by itself, once: images are given as they are;
    * images are first clipped to [0,1]: an intensity outside does not fail an assertion, and gets no gradient;
    * modules and tensors that the network keeps outside of its module tree (CLIP in CLIP-IQA+) are registered here, so
      ``.to``, ``.double``, ``.eval``, ``.parameters`` and ``.state_dict`` reach them;
    * the global random states are put back after each call: a network that seeds them does not reseed the process (one
      that draws from them would draw the same numbers in the next call; certify's audit refuses it);
    * calls from several threads wait for each other: some networks keep what they compute in attributes;
    * no graph stays in attributes of the network after a call, and what a call that failed (for want of memory, say)
      left in MANIQA's hooks is thrown away;
    * cuDNN is deterministic, as in pyiqa.

    Args:
        card: its facts.
        net: the network, ``pyiqa.create_metric(name).net``.
        traits: what certiqa knows of it.

    Raises:
        ModelError: the network does not cut its crops in the way that the traits say.
    """

    def __init__(self, card: MetricCard, net: nn.Module, traits: Traits) -> None:
        super().__init__(card)
        if traits.uniform_crops and not cuts_uniform_crops(net):
            raise ModelError(
                f"{card.name} of the installed pyiqa does not cut uniform crops: certiqa does not know it."
            )
        self.traits = traits
        self.net = net
        self.hidden = nn.ModuleList(_modules_outside_of_the_tree(net))
        for module in self.modules():
            if not isinstance(module, torch.jit.ScriptModule):
                _register_tensors(module)
                _keep_own_precision(module)
        self._lock = _Lock()

    def forward(self, images: Tensor) -> Tensor:
        """(B,3,H,W) -> (B,) scores.

        Raises:
            InputError: not a batch of RGB images of the metric's dtype.
            ModelOutputError: the network did not return one score per image.
        """
        self._check(images)
        gradient = nullcontext() if self.traits.differentiable else torch.no_grad()
        with self._lock, kept_random_states(), _deterministic_cudnn(), gradient:
            images = images.clamp(0.0, 1.0)
            return torch.cat([self._scores(part) for part in torch.split(images, self._at_once(images))])

    def unseen_fraction(self, height: int, width: int) -> float | None:
        """The share of the pixels of an image of this size that lie in no crop; 0 if the metric cuts none.

        None where it is not known.
        """
        grid = self.card.input
        if not isinstance(grid, CropGrid):
            return 0.0
        if not self.traits.uniform_crops or grid.count is None:
            return None
        return unseen_fraction(height, width, grid.crop, grid.count)

    def extra_repr(self) -> str:
        """The name."""
        return repr(self.name)

    def _check(self, images: object) -> None:
        if not isinstance(images, Tensor) or images.ndim != 4 or images.shape[1] != 3 or not len(images):
            found = tuple(images.shape) if isinstance(images, Tensor) else images
            raise InputError.of("images", "must be a tensor (B,3,H,W), RGB in [0, 1]", found)
        own = next((p.dtype for p in self.parameters() if p.is_floating_point()), images.dtype)
        wrong = images.dtype != own and own in _FULL_PRECISION  # what computes in half takes float32
        if wrong or not images.is_floating_point():
            rule = f"must have the dtype of the metric, {str(own).removeprefix('torch.')}"
            raise InputError.of("images", rule, str(images.dtype), "Convert them, or the metric, with .to(dtype).")

    def _is_one_crop(self, images: Tensor) -> bool:
        grid = self.card.input
        return self.traits.uniform_crops and isinstance(grid, CropGrid) and images.shape[2:] == (grid.crop, grid.crop)

    def _at_once(self, images: Tensor) -> int:
        if self._is_one_crop(images) and isinstance(self.card.input, CropGrid):
            return self.card.input.count or len(images)
        return self.traits.at_once or len(images)

    def _scores(self, images: Tensor) -> Tensor:
        with nothing_left_behind(self, self.net):
            output: Any = scored_as_crops(self.net, images) if self._is_one_crop(images) else self.net(images)
        if isinstance(output, tuple | list):
            output = output[0]
        if not isinstance(output, Tensor) or output.numel() != len(images):
            found = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
            raise ModelOutputError(
                f"{self.name} must return one score per image. Got {found} for {len(images)} images."
            )
        return output.reshape(len(images))


class _Lock:
    """A lock that can stand in a module: a copy of the module gets a lock of its own."""

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *raised: object) -> None:
        self._lock.release()

    def __reduce__(self) -> tuple[type[_Lock], tuple[()]]:
        return _Lock, ()


@contextmanager
def _deterministic_cudnn() -> Iterator[None]:
    """As pyiqa's own inference does, but TF32 and on/off stay as the user set them."""
    cudnn = torch.backends.cudnn
    before = cudnn.benchmark, cudnn.deterministic
    cudnn.benchmark, cudnn.deterministic = False, True
    try:
        yield
    finally:
        cudnn.benchmark, cudnn.deterministic = before


def _modules_outside_of_the_tree(net: nn.Module) -> list[nn.Module]:
    """Modules in lists, tuples and dictionaries that are plain attributes, which torch does not look into."""
    inside = set(net.modules())
    found: dict[nn.Module, None] = {}
    for module in inside:
        for value in vars(module).values():
            if isinstance(value, dict) and value is not module._modules:
                value = list(value.values())
            if isinstance(value, list | tuple):
                found.update({one: None for one in value if isinstance(one, nn.Module) and one not in inside})
    return list(found)


def _register_tensors(module: nn.Module) -> None:
    """Make buffers of the tensors that are plain attributes."""
    for name, value in list(vars(module).items()):
        if isinstance(value, Tensor):
            delattr(module, name)
            module.register_buffer(name, value.detach())


def _keep_own_precision(module: nn.Module) -> None:
    """CLIP's LayerNorm computes in float32 whatever its weights are, and so fails in float64: take theirs."""
    if isinstance(module, nn.LayerNorm) and type(module) is not nn.LayerNorm and "clip" in type(module).__module__:
        module.forward = MethodType(_layer_norm, module)  # type: ignore[method-assign]


def _layer_norm(module: nn.LayerNorm, x: Tensor) -> Tensor:
    return nn.LayerNorm.forward(module, x.to(module.weight.dtype)).to(x.dtype)

"""The built-in metric: a small no-reference quality network, trained from scratch on human scores.

>>> import torch
>>> from certiqa.metrics.builtin import load_builtin
>>> metric = load_builtin()
>>> metric(torch.rand(2, 3, 64, 96)).shape
torch.Size([2])
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from itertools import pairwise
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_safetensors
from torch import Tensor, nn
from torch.nn import functional

from certiqa.errors import WeightsError
from certiqa.metrics.builtin_widths import Widths
from certiqa.metrics.card import MetricCard, MetricModule
from certiqa.metrics.policy import AnySize

__all__ = ["CARD", "BuiltinMetric", "Widths", "load", "load_builtin", "network"]

WEIGHTS_FILE = "builtin.safetensors"
WEIGHTS_SHA256 = "a1dd272c0580e59c43e638fa353d714be19de8c6bebc219496b527890098f2ed"
"""Of the packaged file; benchmarks/results/builtin_validation.json belongs to the same bytes."""

CARD = MetricCard(
    name="builtin",
    summary="a small convolutional network, trained from scratch on LIVE In the Wild and AGIQA-3K",
    lower_better=False,
    output_range=(0.0, 100.0),
    range_enforced=True,
    input=AnySize(32),
    licence="Apache-2.0",
    paper="none; docs/builtin.md is its card",
    weights_sha256=WEIGHTS_SHA256,
    trained_on=("agiqa3k", "livec"),
)

_SPREAD_FLOOR = 1e-4
"""Added to a variance before its square root, so that the gradient of a flat image is finite."""


class _Residual(nn.Module):
    """x + ReLU(conv3x3(x)): (B, C, H, W) -> (B, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        return features + functional.relu(self.conv(features))


class _Stage(nn.Module):
    """Halve the resolution, then look again: (B, C, H, W) -> (B, C', H/2, W/2), rounded up."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(channels_in, channels, 3, stride=2, padding=1)
        self.residual = _Residual(channels)

    def forward(self, features: Tensor) -> Tensor:
        out: Tensor = self.residual(functional.relu(self.down(features)))
        return out


class BuiltinMetric(MetricModule):
    """Quality of images as (B,) scores in [0, 100], higher is better.

    ``forward(images)`` takes (B, 3, H, W) floating-point RGB in [0, 1], H and W at least ``min_size`` and otherwise
    free. A strided stem and four residual stages give feature maps at 1/4, 1/8, 1/16, 1/32 and 1/64 of the resolution,
    of the image and of the image at half its size (``widths.scales``); the mean and the standard deviation of every
    channel over the image feed a two-layer head. With ``widths.kinds`` a linear layer guesses from the same numbers
    what kind of source made the image, and what is typical of each kind is added, by the probabilities of the guess.

    Guarantees, for any weights: every finite score lies in [0, 100], because it is 100 times a sigmoid; a score
    depends on its own image only; ``train()`` and ``eval()`` agree, there being no BatchNorm and no dropout; no random
    number is drawn. The pooling and the head are computed in float32 at least, also under autocast, and so are the
    scores. The size and the range of the images are the caller's to check.

    How it was trained, what it costs and how well it agrees with people: docs/builtin.md.
    """

    def __init__(self, widths: Widths | None = None, card: MetricCard = CARD) -> None:
        super().__init__(card)
        self.widths = widths = widths or Widths()
        first, second = widths.stem
        self.stem = nn.Sequential(
            nn.Conv2d(3, first, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(first, second, 3, stride=2, padding=1),
            nn.ReLU(),
        )
        self.stages = nn.ModuleList(_Stage(a, b) for a, b in pairwise((second, *widths.stages)))
        self.head = nn.Sequential(nn.Linear(widths.statistics, widths.hidden), nn.ReLU(), nn.Linear(widths.hidden, 1))
        if widths.kinds:
            self.kind = nn.Linear(widths.statistics, widths.kinds)
            self.typical = nn.Parameter(torch.zeros(widths.kinds))

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1] -> (B,) scores in [0, 100]."""
        return self.score(self.statistics(images))

    def statistics(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, widths.statistics): each channel's mean and standard deviation, map after map."""
        pooled = self._pooled(images)
        for _ in range(1, self.widths.scales):
            images = functional.avg_pool2d(images, 2, ceil_mode=True)
            pooled += self._pooled(images)
        return torch.cat(pooled, dim=1)

    def _pooled(self, images: Tensor) -> list[Tensor]:
        features = self.stem(4 * images - 2)
        pooled = [_mean_and_spread(features)]
        for stage in self.stages:
            features = stage(features)
            pooled.append(_mean_and_spread(features))
        return pooled

    def score(self, statistics: Tensor) -> Tensor:
        """(B, widths.statistics) -> (B,) scores, in the statistics' own precision."""
        with torch.autocast(statistics.device.type, enabled=False):
            hidden = statistics
            for layer in self.head:
                hidden = _linear(layer, hidden) if isinstance(layer, nn.Linear) else layer(hidden)
            logits = hidden.squeeze(1)
            if self.widths.kinds:
                logits = logits + _linear(self.kind, statistics).softmax(1) @ self.typical.to(statistics)
            return 100 * torch.sigmoid(logits)


def _linear(layer: nn.Linear, inputs: Tensor) -> Tensor:
    """In the precision of the inputs."""
    return functional.linear(inputs, layer.weight.to(inputs), layer.bias.to(inputs))


def _mean_and_spread(features: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, 2C): each channel's mean and standard deviation over the image, float32 at least.

    By raw moments, whose memory order fits channels-last convolutions: many times faster than ``torch.var_mean`` here.
    """
    pixels = features.permute(0, 2, 3, 1).flatten(1, 2)
    pixels = pixels.to(torch.promote_types(pixels.dtype, torch.float32))
    mean = pixels.mean(dim=1)
    variance = (pixels.square().mean(dim=1) - mean.square()).clamp_min(0)
    return torch.cat((mean, (variance + _SPREAD_FLOOR).sqrt()), dim=1)


def _packaged(file: str) -> bytes:
    return resources.files("certiqa.metrics").joinpath("weights", file).read_bytes()


def _verified_weights(file: str, sha256: str) -> Mapping[str, Tensor]:
    """The packaged tensors, once their bytes are known to be the published ones; else WeightsError."""
    content = _packaged(file)
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise WeightsError(
            f"The packaged weights {file!r} must have sha256 {sha256}. Got {found} instead: "
            "the file was changed or damaged; reinstall certiqa."
        )
    return parse_safetensors(content)


def _weights_of(path: Path) -> tuple[Mapping[str, Tensor], str]:
    """A file of the user's own, and its sha256; WeightsError if it is not one for this network."""
    try:
        content = path.read_bytes()
        tensors = parse_safetensors(content)
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            f"The weights {str(path)!r} must be a readable safetensors file. Got {type(error).__name__}: {error}. "
            "Check the path; benchmarks/train_builtin.py writes such files."
        ) from error
    _is_no_variant(path, content)
    with torch.device("meta"):
        wanted = {name: tuple(t.shape) for name, t in BuiltinMetric(Widths.of(tensors)).state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if found != wanted:
        odd = {name for name in {*wanted, *found} if wanted.get(name) != found.get(name)}
        first = sorted(odd, key=lambda name: (name in found, name))[:3]
        raise WeightsError(
            f"The weights {str(path)!r} must be those of the built-in network. Got other tensors instead: "
            f"{len(odd)} are missing, too many, or of another shape, first {', '.join(first)}."
        )
    bad = [name for name, tensor in tensors.items() if not (tensor.is_floating_point() and tensor.isfinite().all())]
    if bad:
        raise WeightsError(
            f"The weights {str(path)!r} must be finite floating-point numbers. Got others in {len(bad)} tensors, "
            f"first {bad[0]}: the training diverged, or the file was made of something else."
        )
    return tensors, hashlib.sha256(content).hexdigest()


def _is_no_variant(path: Path, content: bytes) -> None:
    """Packaged weights with a name of their own belong with what that name's card says, a sigma or a resolution."""
    for file in resources.files("certiqa.metrics").joinpath("weights").iterdir():
        if file.name != WEIGHTS_FILE and file.read_bytes() == content:
            name = file.name.removesuffix(".safetensors")
            raise WeightsError(
                f"The weights {str(path)!r} are those of {name!r}: load that metric by its name instead."
            )


def load(device: torch.device | str, weights: str | os.PathLike[str] | None) -> BuiltinMetric:
    """For the registry: :func:`load_builtin` with the arguments in the registry's order."""
    return load_builtin(device, weights)


def load_builtin(
    device: torch.device | str | None = None, weights: str | os.PathLike[str] | None = None
) -> BuiltinMetric:
    """The built-in metric: eval mode, parameters frozen, float32, on ``device`` (None: the CPU).

    Args:
        device: a torch device.
        weights: a safetensors file of such a network, fine-tuned by you, say, and of any widths; None: the packaged
            weights. The card of the metric carries the file's sha256, and no data set or licence: you know them.

    The global random state is left as it was. Raises WeightsError when the packaged file is not the published one, or
    when ``weights`` is not a file for this network.
    """
    if weights is None:
        return network(WEIGHTS_FILE, WEIGHTS_SHA256).to(device or "cpu")
    tensors, found = _weights_of(Path(os.fspath(weights)))
    card = replace(
        CARD,
        weights_sha256=found,
        summary=f"the built-in network with the weights {os.fspath(weights)}",
        licence=MetricCard.licence,
        trained_on=(),
    )
    return _filled(tensors, card).to(device or "cpu")


def network(file: str, sha256: str, card: MetricCard = CARD) -> BuiltinMetric:
    """The network with weights of the package, on the CPU, frozen; WeightsError if they are not the published ones."""
    return _filled(_verified_weights(file, sha256), card)


def _filled(tensors: Mapping[str, Tensor], card: MetricCard) -> BuiltinMetric:
    with torch.device("meta"):
        metric = BuiltinMetric(Widths.of(tensors), card)
    metric.load_state_dict({name: tensor.float() for name, tensor in tensors.items()}, assign=True)
    for parameter in metric.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return metric.requires_grad_(False).eval()

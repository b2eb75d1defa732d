"""The network: ResNeXt-101 32x8d, two of its stages pooled and reduced to 64 numbers each, and linear predictions."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any, NamedTuple, TypeGuard

import torch
from torch import Tensor, nn

from certiqa.errors import InputError, MissingExtraError
from certiqa.metrics.card import MetricCard, MetricModule
from certiqa.metrics.linearityiqa.linear_map import LinearMap
from certiqa.metrics.linearityiqa.pooling import POOLS, Pool, pooled_width, pyramid_pool
from certiqa.metrics.linearityiqa.preprocessing import IMAGENET_MEAN, IMAGENET_STD, PUBLISHED_SIZE, resize_images
from certiqa.metrics.policy import AnySize, InputPolicy, Resized

__all__ = ["CARD", "LinearityIQA", "Predictions", "find_timm", "input_policy"]

_BACKBONE = "resnext101_32x8d"
_STAGES = ((1024, 16), (2048, 32))  # channels and stride of stages 3 and 4
_REDUCED = 64
_IDENTITY = LinearMap()

CARD = MetricCard(
    name="linearityiqa",
    summary="ResNeXt-101 with the norm-in-norm loss; the published weights are trained on KonIQ-10k",
    lower_better=False,
    input=Resized(*PUBLISHED_SIZE, None, "bilinear", True),
    licence="unknown: the authors' repository states none for the weights",
    paper="Li, Jiang, Jiang, ACM MM 2020, arXiv:2008.03889",
    extra="linearityiqa",
    needs_weights=True,
    trained_on=("koniq10k",),
)
"""No range: the scores are a linear function of the features. No hash: that of the published file is not known here.

``trained_on`` is that of both published files, by the authors' README; a checkpoint does not say it.
"""


class Predictions(NamedTuple):
    """The three raw predictions, (B,) each, in the order of the published loss; not on the scale of human scores."""

    stage3: Tensor
    stage4: Tensor
    both: Tensor


class LinearityIQA(MetricModule):
    """Quality of images as (B,) scores, higher is better, not bounded.

    ``forward(images)`` takes (B, 3, H, W) floating-point RGB (in this order) in [0, 1]. Inside: resize to ``resize``,
    ImageNet normalisation, the backbone; stages 3 and 4 are pooled and each goes through 1024, 256 and 64 features,
    every time a linear layer and BatchNorm, with a ReLU only at the end; one linear prediction from both, and one from
    each, which only training uses. The resize being inside, a certificate holds in the pixels of the image as given.

    In eval mode a score depends on its own image only, no random number is drawn, and it is differentiable. In train
    mode BatchNorm mixes the batch. Built with random parameters, which timm and torch draw from the global random
    state; the weights come from :func:`certiqa.metrics.linearityiqa.load`. The size and the range of the images are the
    caller's to check.

    Args:
        resize: (height, width) that every image is brought to, aspect ratio not kept; None: its own size. The published
            weights were trained on and are meant for 498 x 664; at other sizes their scores are an extrapolation.
        pool: statistic of a feature map: "avg" (published), "max", "min", "std", "maxmin" or "meanstd".
        levels: depth of the pooling pyramids of stages 3 and 4, 'P6' and 'P7' of the published code, where both are 1.
        bn_end: whether BatchNorm follows every prediction, 'use_bn_end' of the published code, where it is off.

    Raises:
        InputError: an argument is out of its range, or ``resize`` is too small for ``levels``.
        MissingExtraError: timm is not installed.

    Source: arXiv:2008.03889; the layers as in the authors' repository.
    """

    mean: Tensor
    std: Tensor
    slope: Tensor
    intercept: Tensor

    def __init__(
        self,
        resize: tuple[int, int] | None = PUBLISHED_SIZE,
        *,
        pool: Pool = "avg",
        levels: tuple[int, int] = (1, 1),
        bn_end: bool = False,
    ) -> None:
        super().__init__(replace(CARD, input=input_policy(resize, pool, levels)))
        self.resize, self.pool, self.levels = resize, pool, levels
        self.backbone = _backbone()
        (channels3, _), (channels4, _) = _STAGES
        self.reduce3 = _reduction(pooled_width(channels3, levels[0], pool))
        self.reduce4 = _reduction(pooled_width(channels4, levels[1], pool))
        self.predict3 = _prediction(_REDUCED, bn_end)
        self.predict4 = _prediction(_REDUCED, bn_end)
        self.predict = _prediction(2 * _REDUCED, bn_end)
        # device="cpu", said aloud: these hold their values also where the network is built without memory
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN, device="cpu").view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD, device="cpu").view(3, 1, 1), persistent=False)
        self.register_buffer("slope", torch.ones(3, device="cpu"))
        self.register_buffer("intercept", torch.zeros(3, device="cpu"))

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1] -> (B,) scores on the scale of the human scores."""
        return self.predictions(images).both * self.slope[0] + self.intercept[0]

    def predictions(self, images: Tensor) -> Predictions:
        """(B, 3, H, W) RGB in [0, 1] -> three times (B,) raw predictions: what the loss is applied to."""
        if self.resize is not None:
            images = resize_images(images, self.resize)
        maps = self.backbone((images - self.mean) / self.std)
        with torch.autocast(images.device.type, enabled=False):
            stage3 = self.reduce3(pyramid_pool(maps[0].to(self.mean), self.levels[0], self.pool))
            stage4 = self.reduce4(pyramid_pool(maps[1].to(self.mean), self.levels[1], self.pool))
            both = self.predict(torch.cat((stage3, stage4), dim=1))
            return Predictions(self.predict3(stage3).squeeze(1), self.predict4(stage4).squeeze(1), both.squeeze(1))

    def linear_maps(self) -> tuple[LinearMap, LinearMap, LinearMap]:
        """To the human scores, from the prediction of both stages, of stage 3, of stage 4: the order in checkpoints."""
        both, three, four = map(LinearMap, self.slope.tolist(), self.intercept.tolist())
        return both, three, four

    def set_linear_maps(self, both: LinearMap, stage3: LinearMap = _IDENTITY, stage4: LinearMap = _IDENTITY) -> None:
        """Use these from now on; ``forward`` looks at the first only. Kept in float32."""
        maps = (both, stage3, stage4)
        self.slope.copy_(torch.tensor([one.slope for one in maps]))
        self.intercept.copy_(torch.tensor([one.intercept for one in maps]))


def _backbone() -> nn.Module:
    """timm's ResNeXt-101 32x8d without its head: (B, 3, H, W) -> the maps of stages 3 and 4."""
    network: nn.Module = find_timm().create_model(_BACKBONE, pretrained=False, features_only=True, out_indices=(3, 4))
    return network


def find_timm() -> Any:
    """The package that has the backbone.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return import_module("timm")
    except ImportError as error:
        raise MissingExtraError.of("timm", "linearityiqa", "The metric 'linearityiqa'") from error


def _reduction(width: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for narrower in (1024, 256, _REDUCED):
        layers += [nn.Linear(width, narrower), nn.BatchNorm1d(narrower)]
        width = narrower
    return nn.Sequential(*layers, nn.ReLU())


def _prediction(width: int, bn_end: bool) -> nn.Module:
    linear = nn.Linear(width, 1)
    return nn.Sequential(linear, nn.BatchNorm1d(1)) if bn_end else linear


def input_policy(resize: object, pool: object, levels: object) -> InputPolicy:
    """The gate of the constructor, and what it means for the size of the images.

    Raises:
        InputError: an option is out of its range.
    """
    if pool not in POOLS:
        raise InputError.of("pool", f"must be one of {', '.join(map(repr, POOLS))}", pool)
    if not _is_pair(levels):
        raise InputError.of("levels", "must be two whole numbers >= 1", levels, "The published ones: (1, 1).")
    # a stage's map has ceil(side / stride) rows; its pyramid needs levels^2 of them
    least = max(stride * (level**2 - 1) + 1 for level, (_, stride) in zip(levels, _STAGES, strict=True))
    if resize is None:
        return AnySize(least)
    if not _is_pair(resize):
        rule = "must be (height, width), two whole numbers >= 1, or None"
        raise InputError.of("resize", rule, resize, "The published size: (498, 664).")
    if min(resize) < least:
        raise InputError.of("resize", f"must be at least {least}x{least} for levels={levels}", resize)
    return Resized(resize[0], resize[1], None, "bilinear", True)


def _is_pair(value: object) -> TypeGuard[tuple[int, int]]:
    return isinstance(value, tuple) and len(value) == 2 and all(type(side) is int and side >= 1 for side in value)

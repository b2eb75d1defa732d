"""What is known of a metric before it is loaded, as data; and the module that carries it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from torch import nn

from certiqa._facts import MetricFacts, declared_by
from certiqa.metrics.policy import AnySize, InputPolicy

__all__ = ["MetricCard", "MetricModule"]


@dataclass(frozen=True)
class MetricCard:
    """A metric's facts.

    Attributes:
        name: as :func:`certiqa.metrics.load` knows it.
        summary: one line.
        lower_better: direction of the scores; they are never turned round. None: unknown.
        output_range: (lowest, highest) score; None: unknown or unbounded.
        range_enforced: True if the metric cannot leave ``output_range``, whatever the image; False if the range is only
            documented, and so proves nothing.
        input: what it does with the image's size.
        licence: of its weights, or of the code if it has none.
        paper: where it comes from.
        weights_sha256: of the weight file on record; None if it has none, or its hash is not on record.
        extra: what ``pip install 'certiqa[...]'`` it needs; None if it needs nothing more.
        needs_weights: whether :func:`certiqa.metrics.load` must be told a weight file.
        trained_on: data sets (as :func:`certiqa.data.open_dataset` names them) whose images it was trained on; figures
            on these flatter it, except on a part that was kept apart.
        certified_sigma: the noise level that it was made for, which :func:`certiqa.certify` takes if it is told none.
        certified_resolution: likewise the working resolution (the shorter side); None: the image's own.
        unclipped_noise: whether noisy images reach it as they are, not clipped to [0, 1]: it was trained on them.

    >>> MetricCard("grey", "mean grey level", None, (0.0, 1.0), True)
    MetricCard(name='grey', summary='mean grey level', lower_better=None, output_range=(0.0, 1.0), range_enforced=True,
     input=AnySize(min_size=1), licence='unknown', paper='', weights_sha256=None, extra=None, needs_weights=False,
     trained_on=(), certified_sigma=None, certified_resolution=None, unclipped_noise=False)
    """

    name: str
    summary: str
    lower_better: bool | None
    output_range: tuple[float, float] | None = None
    range_enforced: bool = False
    input: InputPolicy = field(default_factory=AnySize)
    licence: str = "unknown"
    paper: str = ""
    weights_sha256: str | None = None
    extra: str | None = None
    needs_weights: bool = False
    trained_on: tuple[str, ...] = ()
    certified_sigma: float | None = None
    certified_resolution: int | None = None
    unclipped_noise: bool = False

    @property
    def min_size(self) -> int:
        """Least height and width of an image, in pixels."""
        return self.input.min_size

    def to_dict(self) -> dict[str, Any]:
        """The facts as plain JSON values; ``input`` becomes words."""
        facts = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return facts | {
            "input": str(self.input),
            "output_range": list(self.output_range) if self.output_range else None,
        }


class MetricModule(nn.Module):
    """A metric that carries its :class:`MetricCard`: ``forward(images)`` takes (B,3,H,W) RGB in [0,1] and gives (B,).

    The properties below are what certiqa looks for on any metric (:func:`certiqa.metrics.facts_of`); a callable that
    lacks them works too.
    """

    def __init__(self, card: MetricCard) -> None:
        super().__init__()
        self.card = card

    @property
    def facts(self) -> MetricFacts:
        """What the card and the metric's attributes declare."""
        declared = MetricFacts(self.name, **declared_by(self))
        return replace(declared, licence=self.card.licence, weights_sha256=self.card.weights_sha256)

    @property
    def name(self) -> str:
        """``card.name``."""
        return self.card.name

    @property
    def output_range(self) -> tuple[float, float] | None:
        """``card.output_range``."""
        return self.card.output_range

    @property
    def range_enforced(self) -> bool:
        """``card.range_enforced``."""
        return self.card.range_enforced

    @property
    def lower_better(self) -> bool | None:
        """``card.lower_better``."""
        return self.card.lower_better

    @property
    def certified_sigma(self) -> float | None:
        """``card.certified_sigma``."""
        return self.card.certified_sigma

    @property
    def certified_resolution(self) -> int | None:
        """``card.certified_resolution``."""
        return self.card.certified_resolution

    @property
    def unclipped_noise(self) -> bool:
        """``card.unclipped_noise``."""
        return self.card.unclipped_noise

    @property
    def min_size(self) -> int:
        """Least height and width of an image, in pixels."""
        return self.card.min_size

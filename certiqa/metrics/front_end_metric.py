"""FrontEndMetric: a metric that is a head on the numbers of a front end."""

from __future__ import annotations

from torch import Tensor

from certiqa.frontends import FrontEnd
from certiqa.heads.additive import AdditiveHead
from certiqa.heads.network import Head
from certiqa.metrics.card import MetricCard, MetricModule

__all__ = ["FrontEndMetric"]


class FrontEndMetric(MetricModule):
    """Quality of images as (B,) scores: head(front_end.of_tensor(images)).

    :func:`certiqa.certify` takes the two apart: it applies the front end to the clean image in float64, adds the noise
    to its numbers, and asks the head alone. A bare score, without noise, is not what the head was trained for; the
    median of noisy scores is the metric that the certificates speak of. A head that bounds itself
    (:class:`certiqa.heads.additive.AdditiveHead`) needs no noise: its bare score is what is certified.

    Args:
        card: the facts.
        front_end: phi, one that gives numbers.
        head: g, trained on the numbers of this front end.

    Attributes:
        front_end: phi.
        head: g: (B, m) numbers -> (B,) scores.
        certified_n: the number of samples that it is certified with if a request names none.
    """

    def __init__(self, card: MetricCard, front_end: FrontEnd, head: Head | AdditiveHead) -> None:
        super().__init__(card)
        self.front_end = front_end
        self.head = head
        self.certified_n = head.certified_n

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1] -> (B,) scores in [0, 100], in float32."""
        scores: Tensor = self.head(self.front_end.of_tensor(images.float()))
        return scores

"""What the audit's handful of images cannot show, the second look at the sample does."""

import numpy as np
import pytest
import torch

import certiqa
from certiqa.errors import AuditError

IMAGE = torch.full((3, 12, 12), 128, dtype=torch.uint8)


def mean(images):
    return images.mean((1, 2, 3))


def coupled_from_the_fifth_image_on(images):
    scores = mean(images)
    scores[4:] = scores[4:] - scores[4:].mean()
    return scores


def coupled_in_large_batches(images):
    return mean(images) / (mean(images).max() if len(images) > 8 else 1.0)


class Drifting(torch.nn.Module):
    """Its score creeps up with every call, too slowly for the audit to see."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, images):
        self.calls += 1
        return mean(images) * (1 + 1e-3 * max(0, self.calls - 30))


@pytest.mark.parametrize("model", [coupled_from_the_fifth_image_on, coupled_in_large_batches, Drifting().eval()])
def test_scores_that_do_not_come_back_are_refused(model):
    with pytest.raises(AuditError, match="not-repeatable") as caught:
        certiqa.certify(model, IMAGE, 0.1, n=500, batch_size=20, seed=3)
    assert caught.value.hazards == ("not-repeatable",)


@pytest.mark.parametrize(("n", "batch_size"), [(1, 1), (1, 64), (7, 3), (64, 64), (65, 64), (200, 1)])
def test_honest_models_pass_at_every_size(n, batch_size):
    certificate = certiqa.certify(mean, IMAGE, 0.1, n=n, batch_size=batch_size, seed=3)
    assert certificate.n == n


def test_a_constant_score_and_failed_scores_pass():
    constant = certiqa.certify(lambda x: torch.full((len(x),), 0.1), IMAGE, 0.1, n=50, batch_size=20)
    assert np.ptp(constant.scores) == 0

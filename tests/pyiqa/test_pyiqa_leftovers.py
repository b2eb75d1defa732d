"""What a call leaves in the attributes of a network: values, and no graph."""

import copy
from collections import OrderedDict, namedtuple

import pytest
import torch
from torch import nn

Pair = namedtuple("Pair", "mean spread")


class Keeps(nn.Module):
    """As pyiqa's TOPIQ and PIQE: what was computed stays in plain attributes, here of a module inside."""

    def __init__(self, keep):
        super().__init__()
        self.inner = nn.Identity()
        self.keep = keep

    def forward(self, images):
        scores = images.mean((1, 2, 3))
        self.inner.results = self.keep(scores)
        return scores


def in_a_ring(scores):
    ring = [scores]
    ring.append(ring)
    return ring


KEPT = {
    "tensor": lambda scores: scores,
    "tuple": lambda scores: (scores, None, "words"),
    "named tuple": lambda scores: Pair(scores, 2 * scores),
    "list": lambda scores: [scores, [2 * scores]],
    "dictionary": lambda scores: OrderedDict(maps={"first": (scores,)}),
    "ring": in_a_ring,
}


def tensors(value, seen=()):
    if isinstance(value, torch.Tensor):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [] if id(value) in seen else [t for part in parts for t in tensors(part, (*seen, id(value)))]


@pytest.mark.parametrize("kept", KEPT)
def test_no_graph_stays(wrap, images, kept):
    metric, leaf = wrap(Keeps(KEPT[kept])), images.clone().requires_grad_()
    metric.net(leaf)
    with pytest.raises(RuntimeError, match="graph leaves"):
        copy.deepcopy(metric)
    scores = metric(leaf)
    left = metric.net.inner.results
    assert left is not None
    assert tensors(left)
    assert not any(tensor.requires_grad for tensor in tensors(left))
    assert torch.equal(tensors(left)[0], images.mean((1, 2, 3))), "the values stay"
    assert type(left) is type(KEPT[kept](scores))
    scores.sum().backward()
    assert (leaf.grad != 0).all(), "the scores keep their own graph"
    assert torch.equal(copy.deepcopy(metric)(images), scores)


def test_nor_in_a_buffer(wrap, images):
    """A network that was called before it was wrapped: its attribute has become a buffer."""
    net = Keeps(KEPT["tensor"])
    net(images)
    metric = wrap(net)
    assert "net.inner.results" in metric.state_dict()
    metric(images.clone().requires_grad_())
    assert not metric.net.inner.results.requires_grad
    copy.deepcopy(metric)


def test_nor_after_an_error(wrap, images):
    def fails(scores):
        metric.net.inner.early = scores
        raise RuntimeError("no")

    metric = wrap(Keeps(fails))
    with pytest.raises(RuntimeError, match="no"):
        metric(images.clone().requires_grad_())
    assert not metric.net.inner.early.requires_grad
    copy.deepcopy(metric)


def test_weights_that_are_trained_keep_their_gradients(wrap, images):
    net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 9 * 8, 1))
    metric = wrap(net)
    metric(images).sum().backward()
    assert all(parameter.grad is not None and parameter.requires_grad for parameter in metric.parameters())

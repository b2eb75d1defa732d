import copy
import random
import threading
import time

import numpy as np
import pytest
import torch
from torch import nn

import certiqa
from certiqa.errors import AuditError, InputError, ModelError, ModelOutputError
from certiqa.metrics.card import MetricCard
from certiqa.metrics.policy import CropGrid
from certiqa.metrics.pyiqa.metric import PyiqaMetric
from certiqa.metrics.pyiqa.traits import Traits


def mean(images):
    return images.mean((1, 2, 3))


class Hidden(nn.Module):
    """As pyiqa's CLIPIQA: a module in a list, tensors as plain attributes."""

    def __init__(self):
        super().__init__()
        self.body = [nn.Conv2d(3, 2, 3)]
        self.by_name = {"head": nn.Linear(2, 1)}
        self.default_mean = torch.full((1, 3, 1, 1), 0.5)
        self.features = nn.Parameter(torch.ones(2)).sqrt()  # carries a graph

    def forward(self, images):
        pooled = self.body[0](images - self.default_mean).mean((2, 3)) * self.features
        return self.by_name["head"](pooled)


# -- scores -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(-1,), (-1, 1), (-1, 1, 1)])
def test_one_score_for_each_image_whatever_the_shape(wrap, images, shape):
    metric = wrap(lambda x: mean(x).reshape(shape))
    assert torch.equal(metric(images), mean(images))


def test_the_first_of_several_outputs_is_the_score(wrap, images):
    assert torch.equal(wrap(lambda x: (mean(x), None))(images), mean(images))


def test_a_single_image_and_a_score_without_dimensions(wrap, images):
    assert wrap(lambda x: mean(x).squeeze())(images[:1]).shape == (1,)


@pytest.mark.parametrize("net", [lambda x: x.mean(), lambda x: x, lambda x: 0.5])
def test_what_is_no_score_for_each_image_is_refused(wrap, images, net):
    with pytest.raises(ModelOutputError, match="pyiqa:toy must return one score per image"):
        wrap(net)(images)


@pytest.mark.parametrize(
    "bad",
    [torch.zeros(3, 8, 8), torch.zeros(1, 1, 8, 8), torch.zeros(0, 3, 8, 8), np.zeros((1, 3, 8, 8)), None],
)
def test_what_is_no_batch_is_refused(wrap, bad):
    with pytest.raises(InputError, match="images"):
        wrap(mean)(bad)


def test_the_dtype_is_that_of_the_metric(wrap, images):
    metric = wrap(Hidden())
    with pytest.raises(InputError, match="float32"):
        metric(images.double())
    with pytest.raises(InputError, match="dtype"):
        wrap(mean)((255 * images).to(torch.uint8))


def test_a_metric_in_half_precision_takes_float32(wrap, images):
    net = nn.Linear(1, 1).half()
    net.forward = mean
    assert torch.equal(wrap(net)(images), mean(images))


def test_images_outside_of_the_range_are_clipped(wrap, images):
    def strict(x):
        assert x.min() >= 0
        assert x.max() <= 1
        return mean(x)

    noisy = 4 * images - 2
    assert torch.equal(wrap(strict)(noisy), mean(noisy.clamp(0, 1)))


def test_the_caller_keeps_his_images(wrap, images):
    before = images.clone()
    wrap(lambda x: mean(x.mul_(0.0)))(images)
    assert torch.equal(images, before)


def test_networks_that_accept_one_image_get_one(wrap, images):
    def one(x):
        assert len(x) == 1
        return x.mean()

    assert torch.allclose(wrap(one, at_once=1)(images), mean(images))
    with pytest.raises(AssertionError):
        wrap(one)(images)


# -- gradients --------------------------------------------------------------------------------------------------------


def test_gradients_flow_through_frozen_parameters_and_no_graph_without_them(wrap, images):
    metric = wrap(Hidden()).requires_grad_(False)
    leaf = images.clone().requires_grad_()
    metric(leaf).sum().backward()
    assert (leaf.grad.abs().amax((1, 2, 3)) > 0).all()
    with torch.no_grad():
        assert not metric(leaf).requires_grad
    assert not metric(images).requires_grad


def test_a_network_without_gradients_builds_no_graph(wrap, images):
    leaf = images.clone().requires_grad_()
    assert not wrap(mean, differentiable=False)(leaf).requires_grad
    assert wrap(mean)(leaf).requires_grad, "the test can fail"


# -- what is hidden from torch ----------------------------------------------------------------------------------------


def test_hidden_modules_and_tensors_are_registered(wrap, images):
    bare = Hidden()
    assert not list(bare.parameters())
    metric = wrap(bare)
    assert sum(p.numel() for p in metric.parameters()) == 3 * 2 * 9 + 2 + 3
    assert {"net.default_mean", "net.features"} <= set(metric.state_dict())
    before = metric(images)
    metric.double()
    assert {tensor.dtype for tensor in metric.state_dict().values()} == {torch.float64}
    assert torch.allclose(metric(images.double()).float(), before, atol=1e-6)
    assert not bare.body[0].training
    metric.train()
    assert bare.body[0].training
    metric.to("meta")
    assert {tensor.device.type for tensor in metric.state_dict().values()} == {"meta"}
    assert bare.body[0].weight.device.type == "meta"


def test_the_fingerprint_sees_hidden_weights(wrap, picture):
    prints = []
    for change in (0.0, 1.0):
        net = Hidden()
        for parameter in (*net.body[0].parameters(), *net.by_name["head"].parameters()):
            parameter.data.fill_(0.1)
        net.body[0].weight.data[0] += change
        metric = wrap(net).requires_grad_(False)
        prints.append(certiqa.certify(metric, picture, 0.1, n=20, seed=1).provenance.model_sha256)
    assert prints[0] != prints[1]


def test_layer_norms_of_clip_follow_their_weights(wrap):
    class LayerNorm(nn.LayerNorm):
        def forward(self, x):
            return super().forward(x.type(torch.float32)).type(x.dtype)

    LayerNorm.__module__ = "pyiqa.archs.clip_model"
    x = torch.rand(2, 3, 4, 5)
    net = nn.Sequential(LayerNorm(5), nn.Flatten(), nn.Linear(60, 1))
    expected = net(x)
    with pytest.raises(RuntimeError):
        copy.deepcopy(net).double()(x.double())
    metric = wrap(net)
    assert torch.equal(metric(x), expected.flatten())
    assert torch.allclose(metric.double()(x.double()).float(), expected.flatten(), atol=1e-6)


def test_a_copy_is_a_metric_of_its_own(wrap, images):
    metric = wrap(Hidden()).requires_grad_(False)
    other = copy.deepcopy(metric)
    expected = metric(images)
    for parameter in other.parameters():
        parameter.data.zero_()
    assert torch.equal(metric(images), expected)
    assert not other(images).any()


# -- random states ----------------------------------------------------------------------------------------------------


def test_a_network_that_seeds_does_not_reseed_the_process(wrap, images, toys):
    def seeds(x):
        torch.manual_seed(0), np.random.seed(0), random.seed(0)  # noqa: NPY002
        return mean(x)

    before = toys.states()
    wrap(seeds)(images)
    assert toys.states() == before


def test_the_random_states_are_put_back_after_an_error(wrap, images, toys):
    def fails(x):
        torch.manual_seed(0)
        raise RuntimeError("no")

    before = toys.states()
    with pytest.raises(RuntimeError, match="no"):
        wrap(fails)(images)
    assert toys.states() == before


def random_crop(x):
    top = int(torch.randint(0, x.shape[2] - 4, ()))
    return mean(x[:, :, top : top + 4])


def seeded_draw(x):
    torch.manual_seed(0)
    return mean(x) * torch.rand(len(x))


@pytest.mark.parametrize(
    ("net", "hazard"),
    [
        (random_crop, "shared-randomness"),
        (lambda x: mean(x) + torch.rand(len(x)), "per-sample-randomness"),
        (seeded_draw, "batch-coupled"),
        (lambda x: mean(x) - mean(x).mean(), "batch-coupled"),
    ],
)
def test_the_audit_still_sees(wrap, picture, net, hazard):
    with pytest.raises(AuditError) as refused:
        certiqa.certify(wrap(net), picture, 0.1, n=10, seed=1)
    assert hazard in refused.value.hazards


def test_certify_takes_it(wrap, picture):
    certificate = certiqa.certify(wrap(mean), picture, 0.1, n=100, seed=1)
    assert certificate.provenance.model == "pyiqa:toy"
    assert certificate.lower_better is False
    assert certificate.output_range is None, "the documented range proves nothing"


# -- state, threads ---------------------------------------------------------------------------------------------------


class Hooked(nn.Module):
    """As pyiqa's MANIQA: a hook collects features, forward reads the first of them and clears."""

    class Collected:
        def __init__(self):
            self.outputs = []

        def __call__(self, module, inputs, output):
            self.outputs.append(output)

        def clear(self):
            self.outputs = []

    def __init__(self):
        super().__init__()
        self.save_output = self.Collected()
        self.body = nn.Identity()
        self.body.register_forward_hook(self.save_output)
        self.fail, self.pause = False, 0.0

    def forward(self, images):
        self.body(images)
        time.sleep(self.pause)
        if self.fail:
            raise torch.OutOfMemoryError("no memory")
        scores = mean(self.save_output.outputs[0])
        self.save_output.clear()
        return scores


def test_what_a_failed_call_left_behind_is_forgotten(wrap, images):
    metric = wrap(Hooked())
    metric.net.fail = True
    with pytest.raises(torch.OutOfMemoryError):
        metric(images)
    metric.net.fail = False
    assert not metric.net.save_output.outputs, "at once"
    metric.net.body(images)  # a call past the adapter
    assert torch.equal(metric(images[1:]), mean(images[1:]))


def test_threads_wait_for_each_other(wrap, images):
    metric = wrap(Hooked())
    metric.net.pause = 0.02
    found = {}

    def score(number):
        found[number] = metric(images[number : number + 1])

    threads = [threading.Thread(target=score, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert torch.equal(torch.cat([found[number] for number in range(3)]), mean(images))


def test_cudnn_is_left_as_it_was(wrap, images):
    seen = []
    before = torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic
    wrap(lambda x: (seen.append(torch.backends.cudnn.deterministic), mean(x))[1])(images)
    assert seen == [True]
    assert (torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic) == before


# -- crops ------------------------------------------------------------------------------------------------------------


def uniform_crop(images, crop_size, crop_num):
    """Stands in for pyiqa's: it enlarges what is no larger than a crop, and repeats."""
    if images.shape[2] <= crop_size:
        images = nn.functional.interpolate(images, (crop_size + 1, crop_size + 1))
    return images[..., :crop_size, :crop_size].repeat_interleave(crop_num, dim=0)


class Crops(nn.Module):
    """As pyiqa's TReS."""

    def __init__(self):
        super().__init__()
        self.test_sample = 4
        self.seen = []

    def forward(self, images):
        crops = uniform_crop(images, 8, self.test_sample)
        self.seen.append(tuple(crops.shape))
        return mean(crops).reshape(-1, self.test_sample).mean(1)


def cropped(net):
    known = Traits(input=CropGrid(8, 4, 1), at_once=1, uniform_crops=True)
    return PyiqaMetric(MetricCard("pyiqa:crops", "", False, None, False, known.input), net, known).eval()


def test_an_image_of_the_size_of_a_crop_is_scored_once_as_it_is():
    exact, larger = torch.rand(6, 3, 8, 8), torch.rand(2, 3, 9, 8)
    metric = cropped(Crops())
    assert torch.equal(metric(exact), mean(exact))
    assert metric.net.seen == [(4, 3, 8, 8), (2, 3, 8, 8)], "no repetitions, as many together as pyiqa takes crops"
    assert metric.net.test_sample == 4
    metric.net.seen.clear()
    assert torch.allclose(metric(larger), mean(larger[:, :, :8]))
    assert metric.net.seen == [(4, 3, 8, 8)] * 2, "one image at a time"


def test_the_crops_of_others_are_not_changed():
    net, other = Crops(), Crops()
    exact = torch.rand(1, 3, 8, 8)
    cropped(net)(exact)
    other(exact)
    assert other.seen == [(4, 3, 8, 8)]


def test_a_network_with_a_forward_of_its_own_for_crops():
    class Patches(Crops):
        def forward_patch(self, images):
            return 2 * mean(images)[:, None]

    exact = torch.rand(2, 3, 8, 8)
    assert torch.equal(cropped(Patches())(exact), 2 * mean(exact))


def test_a_network_that_cuts_otherwise_is_refused():
    with pytest.raises(ModelError, match="does not know it"):
        cropped(nn.Identity())


def test_the_unseen_fraction(wrap):
    metric = cropped(Crops())
    assert metric.unseen_fraction(8, 8) == 0
    assert metric.unseen_fraction(12, 12) == pytest.approx(1 - 100 / 144)
    assert wrap(mean).unseen_fraction(12, 12) == 0
    assert wrap(mean, input=CropGrid(32, None, 33)).unseen_fraction(64, 64) is None

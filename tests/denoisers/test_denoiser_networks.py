"""The networks: any size, nothing shared between images, and the arithmetic that the docstrings state."""

from __future__ import annotations

import re

import pytest
import torch
from safetensors.torch import save
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from certiqa.denoisers import PRESETS, DnCNN, DnCNNConfig, SigmaWarning, UNet, UNetConfig, build
from certiqa.denoisers.architecture import architecture, as_mapping
from certiqa.denoisers.macs import mac_per_pixel
from certiqa.errors import InputError, UnknownNameError
from certiqa.metrics.builtin import load_builtin

SMALL = {
    "unet": UNetConfig(unshuffle=2, widths=(8, 12, 16), down=(1, 1), middle=1, up=(1, 1)),
    "unet-blind": UNetConfig(unshuffle=4, widths=(8, 12, 16), down=(0, 1), middle=0, up=(1, 0), conditioned=False),
    "unet-plain": UNetConfig(unshuffle=1, widths=(8, 12, 12, 12, 16), down=(1,) * 4, middle=1, up=(0,) * 4),
    "dncnn": DnCNNConfig(depth=3, width=8),
    "dncnn-blind": DnCNNConfig(depth=2, width=8, conditioned=False),
}


def images(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def network(name: str, seed: int = 1):
    """One whose last layer is not zero."""
    net = build(SMALL[name], seed=seed)
    generator = torch.Generator().manual_seed(seed)
    for parameter in net.parameters():
        parameter.data += 0.02 * torch.randn(parameter.shape, generator=generator)
    return net


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("size", [(16, 16), (17, 31), (45, 64), (16, 33), (31, 18)])
def test_any_size_is_padded_by_reflection_and_cropped_back(name, size):
    net, x = network(name), images(2, 3, *size)
    out = net(x, 0.2)
    assert out.shape == x.shape
    assert out.dtype == x.dtype
    more = [-side % net.multiple for side in size]
    padded = functional.pad(x, (0, more[1], 0, more[0]), mode="reflect")
    seen = torch.cat((padded, torch.full_like(padded[:, :1], 0.2)), 1) if net.conditioned else padded
    assert torch.equal(out, x - net.noise(seen)[..., : size[0], : size[1]])
    assert (out - x).abs().max() > 0


@pytest.mark.parametrize("name", SMALL)
def test_an_image_does_not_see_its_batch_and_every_call_gives_the_same(name, toys):
    net, x, states = network(name), images(4, 3, 32, 48), toys.states()
    first = net(x, 0.1)
    assert torch.equal(net(x, 0.1), first)
    other = x.clone()
    other[1:] = 1 - other[1:]
    assert torch.equal(net(other, 0.1)[0], first[0])
    torch.testing.assert_close(torch.cat([net(one[None], 0.1) for one in x]), first, rtol=0, atol=1e-5)
    assert torch.equal(net.train()(x, 0.1), first), "no layer knows the difference"
    assert toys.states() == states


@pytest.mark.parametrize("name", SMALL)
def test_sigma_is_seen_by_conditioned_networks_only(name):
    net, x = network(name), images(2, 3, 16, 16)
    assert torch.equal(net(x, 0.1), net(x, 0.5)) is not net.conditioned
    each = torch.stack([net(x[:1], 0.1)[0], net(x[1:], 0.5)[0]])
    torch.testing.assert_close(net(x, torch.tensor([0.1, 0.5])), each, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", SMALL)
def test_a_new_network_returns_its_input_and_depends_on_the_seed_alone(name, toys):
    states, x = toys.states(), images(1, 3, 20, 20)
    one, same, other = (build(SMALL[name], seed=seed) for seed in (1, 1, 2))
    assert toys.states() == states
    assert torch.equal(one(x, 0.1), x)
    assert not one.training
    a, b, c = (torch.cat([p.flatten() for p in net.parameters()]) for net in (one, same, other))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


@pytest.mark.parametrize("name", [*SMALL, *PRESETS])
def test_multiply_accumulates_against_another_counter(name):
    net = build(SMALL.get(name, PRESETS.get(name)))
    with FlopCounterMode(display=False) as flops, torch.no_grad():
        net.noise(torch.zeros(1, 3 + net.conditioned, 64, 64, device="meta"))
    assert mac_per_pixel(net) == flops.get_total_flops() / 2 / 64**2


@pytest.mark.parametrize("preset", PRESETS)
def test_the_docstrings_state_the_counted_cost(preset):
    kind = UNet if isinstance(PRESETS[preset], UNetConfig) else DnCNN
    stated = re.search(rf'"{preset}" (\d+)', kind.__doc__)
    assert int(stated[1]) == mac_per_pixel(build(preset))


def test_unet_small_costs_at_most_three_forward_passes_of_the_builtin_metric():
    metric = load_builtin()
    with FlopCounterMode(display=False) as flops, torch.no_grad():
        metric(torch.zeros(1, 3, 512, 512))
    net = build("unet-small", seed=0)
    assert mac_per_pixel(net) <= 8400
    if flops.get_total_flops() / 2 > 0.7e9:
        assert mac_per_pixel(net) * 512**2 <= 3 * flops.get_total_flops() / 2
    assert len(save(dict(net.state_dict()))) < 4e6


def test_gradients_reach_the_image_and_every_parameter_and_bfloat16_is_near():
    net, x = network("unet"), images(2, 3, 24, 24).requires_grad_()
    net(x, 0.1).square().sum().backward()
    assert all(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in (x, *net.parameters()))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        low = net(x, 0.1)
    assert low.dtype == torch.float32
    torch.testing.assert_close(low, net(x, 0.1), rtol=0, atol=0.05)


@pytest.mark.parametrize(
    ("x", "sigma", "found"),
    [
        (torch.zeros(1, 3, 15, 16), 0.1, "H and W at least 16"),
        (torch.zeros(3, 16, 16), 0.1, "must have shape"),
        (torch.zeros(1, 1, 16, 16), 0.1, "must have shape"),
        (torch.zeros(1, 3, 16, 16, dtype=torch.uint8), 0.1, "Divide 8-bit images by 255"),
        (torch.zeros(1, 3, 16, 16), -0.1, "'sigma'"),
        (torch.zeros(1, 3, 16, 16), float("nan"), "'sigma'"),
        (torch.zeros(1, 3, 16, 16), "0.1", "'sigma'"),
        (torch.zeros(2, 3, 16, 16), torch.tensor([0.1]), "'sigma'"),
    ],
)
def test_bad_input(x, sigma, found):
    with pytest.raises(InputError, match=found):
        network("unet")(x, sigma)


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({"kind": "unet", "unshuffle": 3}, "'unshuffle' must be 1, 2 or 4"),
        ({"kind": "unet", "widths": (8,)}, "2 or more levels"),
        ({"kind": "unet", "widths": (8, 8, 8, 8, 8)}, "at most 16"),
        ({"kind": "unet", "widths": (8, 0, 8, 8)}, "'widths'"),
        ({"kind": "unet", "down": (1, 1)}, "one number for each level"),
        ({"kind": "unet", "middle": -1}, "'middle'"),
        ({"kind": "unet", "conditioned": 1}, "'conditioned'"),
        ({"kind": "dncnn", "depth": 1}, "'depth'"),
        ({"kind": "dncnn", "width": 2.5}, "'width'"),
        ({"kind": "dncnn", "widht": 8}, "Did you mean 'width'"),
        ({"kind": "resnet"}, "Unknown kind of architecture 'resnet'"),
        ({}, "Unknown kind"),
        ("unet-smal", "Did you mean 'unet-small'"),
        (3, "must be the name of a preset"),
    ],
)
def test_bad_architectures(config, found):
    with pytest.raises(InputError, match=found):
        architecture(config)


@pytest.mark.parametrize("config", [*SMALL.values(), *PRESETS.values()])
def test_architectures_are_data(config):
    assert architecture(as_mapping(config)) == config
    assert build(config).architecture == config


def test_unknown_names_are_input_errors():
    assert issubclass(UnknownNameError, InputError)
    assert issubclass(SigmaWarning, UserWarning)

"""Weight files that name their metric: the precision and the kind of their numbers, and the device."""

import re

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from certiqa import metrics
from certiqa.errors import InputError, WeightsError
from certiqa.metrics.builtin import BuiltinMetric, Widths
from certiqa.metrics.tuned import HEADER, TunedCard, load_tuned

IMAGES = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def tiny():
    """The built-in network, small."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return BuiltinMetric(Widths(stem=(4, 4), stages=(4, 4), hidden=4)).requires_grad_(False).eval()


class Counting(nn.Module):
    """A metric of the user's own, with a counter."""

    name = "counting"

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(3)

    def forward(self, images):
        return self.norm(images).mean((1, 2, 3))


@pytest.fixture
def write(tmp_path):
    """write(metric, base name, changes): the path of a weight file of it, some tensors changed."""

    def file(metric, base, change):
        state = {name: change(name, value).contiguous() for name, value in metric.state_dict().items()}
        card = TunedCard(base, None, "nt", ("livec",), "unstated", {})
        save_file(state, tmp_path / "mine.safetensors", {HEADER: card.to_json()})
        return str(tmp_path / "mine.safetensors")

    return file


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_weights_of_any_precision_make_a_metric_of_float32(tiny, write, dtype):
    path = write(tiny, "builtin", lambda name, value: value.to(dtype))
    metric = metrics.load(path, "cpu")
    assert {tensor.dtype for tensor in metric.state_dict().values()} == {torch.float32}
    assert torch.allclose(metric(IMAGES), tiny(IMAGES), atol=0 if dtype.itemsize >= 4 else 0.5)
    assert not any(parameter.requires_grad for parameter in metric.parameters())


@pytest.mark.parametrize("dtype", [torch.int8, torch.int64, torch.bool, torch.complex64])
def test_parameters_that_are_no_floating_point_numbers_are_refused(tiny, write, dtype):
    path = write(tiny, "builtin", lambda name, value: value.to(dtype) if name == "head.0.bias" else value)
    told = re.escape(f"'head.0.bias' as float32, or another such type. Got {str(dtype).removeprefix('torch.')} instead")
    with pytest.raises(WeightsError, match=f"mine.safetensors' of 'builtin.nt' must hold {told}"):
        metrics.load(path, "cpu")


def test_what_float32_cannot_hold_is_refused(tiny, write):
    path = write(tiny, "builtin", lambda name, value: (value.double() + 1) * 1e300)
    with pytest.raises(WeightsError, match="infinite"):
        metrics.load(path, "cpu")


def test_a_counter_stays_a_counter(write):
    def of(dtype, counter=torch.int32):
        return lambda name, value: torch.full_like(value, 2, dtype=counter if name.endswith("tracked") else dtype)

    metric = load_tuned(write(Counting(), "counting", of(torch.float16)), base=Counting())
    assert {name: (value.dtype, value.max().item()) for name, value in metric.state_dict().items()} == {
        "norm.weight": (torch.float32, 2),
        "norm.bias": (torch.float32, 2),
        "norm.running_mean": (torch.float32, 2),
        "norm.running_var": (torch.float32, 2),
        "norm.num_batches_tracked": (torch.int64, 2),
    }
    with pytest.raises(WeightsError, match=r"'norm\.num_batches_tracked' as int64.*Got float32"):
        load_tuned(write(Counting(), "counting", of(torch.float16, torch.float32)), base=Counting())
    with pytest.raises(WeightsError, match=r"'norm\.weight' as float32.*Got int64"):
        load_tuned(write(Counting(), "counting", of(torch.int64)), base=Counting())


def test_a_device_that_is_not_here(tiny, write):
    path = write(tiny, "builtin", lambda name, value: value)
    with pytest.raises(InputError, match="'device' must be a device that is here"):
        load_tuned(path, "gpu")

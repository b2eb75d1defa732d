"""The base score: what may come out of a model, and what happens around it."""

import numpy as np
import pytest
import torch
from torch import nn

from certiqa.errors import InputError, ModelError, ModelOutputError
from certiqa.smoothing.base import BaseScore, as_scores, is_out_of_memory, resolve_device, resolve_dtype

CPU = torch.device("cpu")


def base(model, denoiser=None, output_range=None, dtype=torch.float32, sigma=0.1):
    return BaseScore(model, denoiser, sigma, output_range, dtype)


@pytest.mark.parametrize("shape", [(4,), (4, 1), (4, 1, 1)])
def test_one_score_per_image_comes_out_flat(shape):
    values = torch.tensor([4.0, 3.0, 2.0, 1.0])
    assert torch.equal(as_scores(values.view(shape), 4, CPU), values)


def test_dtypes_of_scores():
    assert as_scores(torch.arange(3), 3, CPU).dtype == torch.float32
    assert as_scores(torch.ones(3).bfloat16(), 3, CPU).dtype == torch.float32
    assert as_scores(torch.ones(3).double(), 3, CPU).dtype == torch.float64
    assert as_scores(np.ones(3), 3, CPU).tolist() == [1.0] * 3
    assert as_scores([1, 2], 2, CPU).tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("output", "found"),
    [
        (torch.ones(4, 5), "(4, 5)"),
        (torch.ones(4, 2, 1), "(4, 2, 1)"),
        (torch.ones(4, 1, 1, 1), "(4, 1, 1, 1)"),
        (torch.ones(1, 4), "(1, 4)"),
        (torch.ones(3), "(3,)"),
        (torch.tensor(1.0), "batch mean"),
        (1.0, "batch mean"),
        ((torch.ones(4), torch.ones(4)), "tuple"),
        ((torch.ones(4), torch.ones(4, 7)), "tuple"),
        (None, "NoneType"),
        ("4", "str"),
        ({"score": 1}, "dict"),
        (torch.ones(4, dtype=torch.complex64), "complex64"),
        (torch.ones(4, dtype=torch.bool), "bool"),
        (torch.ones(4, device="meta"), "meta"),
        (nn.Linear(1, 1), "Linear"),
    ],
)
def test_anything_else_is_refused(output, found):
    with pytest.raises(ModelOutputError) as error:
        as_scores(output, 4, CPU)
    assert found in str(error.value)
    assert "\n" not in str(error.value)


def test_what_the_denoiser_and_the_metric_see():
    seen = {}

    def denoiser(images, sigma):
        seen["denoiser"] = (images.min().item(), images.max().item(), sigma)
        return 2 * images

    def metric(images):
        seen["metric"] = (images.min().item(), images.max().item())
        return images.mean((1, 2, 3))

    noisy = torch.linspace(-1, 2, 2 * 3 * 4).view(2, 3, 2, 2)
    assert not base(metric, denoiser).clips_noise
    assert base(metric).clips_noise
    base(metric, denoiser, sigma=0.25)(noisy)
    assert seen["denoiser"] == (-1.0, 2.0, 0.25)
    assert seen["metric"] == (0.0, 1.0)


@pytest.mark.parametrize(
    "denoiser",
    [
        lambda x, s: x[:, :, 1:],
        lambda x, s: x[:1],
        lambda x, s: x.mean(1, keepdim=True),
        lambda x, s: None,
        lambda x, s: x.to("meta"),
        lambda x, s: (x, s),
    ],
)
def test_a_denoiser_that_returns_no_such_image(denoiser, toys):
    with pytest.raises(ModelOutputError, match="denoiser"):
        base(toys.mean, denoiser)(torch.rand(2, 3, 4, 4))


def test_the_range_clamps_scores_but_not_nan():
    values = torch.tensor([-1.0, 0.5, 7.0, torch.nan, torch.inf])
    scores = base(lambda x: values, output_range=(0.0, 1.0))(torch.zeros(5, 3, 2, 2))
    assert scores[[0, 1, 2, 4]].tolist() == [0.0, 0.5, 1.0, 1.0]
    assert scores[3].isnan()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_images_come_in_the_dtype_of_the_arithmetic(dtype):
    seen = []
    base(lambda x: seen.append(x.dtype) or x.mean((1, 2, 3)), dtype=dtype)(torch.zeros(1, 3, 2, 2))
    assert seen == [dtype]


def test_low_precision_runs_under_autocast():
    seen = []
    layer = nn.Linear(12, 1)

    def model(images):
        out = layer(images.flatten(1))
        seen.append((images.dtype, out.dtype))
        return out

    scores = base(model, dtype=torch.bfloat16)(torch.zeros(2, 3, 2, 2))
    assert seen == [(torch.float32, torch.bfloat16)]
    assert scores.dtype == torch.float32


def test_exceptions_of_the_model_are_named_and_chained():
    def model(images):
        raise KeyError("no such\nlayer")

    with pytest.raises(ModelError, match=r"The model raised KeyError on an input of shape \(2, 3, 4, 4\)") as error:
        base(model)(torch.zeros(2, 3, 4, 4))
    assert isinstance(error.value.__cause__, KeyError)
    assert "\n" not in str(error.value)
    with pytest.raises(ModelError, match="pass dtype="):
        base(nn.Sequential(nn.Flatten(), nn.Linear(48, 1).double()))(torch.zeros(2, 3, 4, 4))
    with pytest.raises(ModelError, match="The denoiser raised ZeroDivisionError"):
        base(model, lambda x, s: 1 / 0)(torch.zeros(2, 3, 4, 4))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("not enough memory: you tried to allocate"), True),
        (RuntimeError("shape mismatch"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_what_counts_as_out_of_memory(error, expected):
    assert is_out_of_memory(error) is expected

    def model(images):
        raise error

    with pytest.raises(type(error) if expected else ModelError) as raised:
        base(model)(torch.zeros(1, 3, 2, 2))
    assert isinstance(raised.value, ModelError) is not expected


def test_devices():
    assert resolve_device(nn.Linear(1, 1), None) == CPU
    assert resolve_device(lambda x: x, "cpu") == CPU
    for wrong in ("nonsense", "cuda:7", "meta", 1.5, "", object()):
        with pytest.raises(InputError, match="'device'"):
            resolve_device(lambda x: x, wrong)
    with pytest.raises(InputError, match="Load the weights"):
        resolve_device(nn.Linear(1, 1, device="meta"), None)


def test_dtypes():
    assert resolve_dtype(lambda x: x, "auto") == torch.float32
    assert resolve_dtype(nn.Linear(1, 1).double(), "auto") == torch.float64
    assert resolve_dtype(nn.Linear(1, 1), "bfloat16") == torch.bfloat16
    assert resolve_dtype(nn.Linear(1, 1), torch.float16) == torch.float16
    for wrong in ("int8", "float", torch.int8, None, 32, ["float32"], np.float32):
        with pytest.raises(InputError, match="'dtype'"):
            resolve_dtype(lambda x: x, wrong)


def test_rounding_of_a_range_whose_ends_are_no_floats():
    assert base(lambda x: x, output_range=(0.0, 0.1)).range_rounding >= float(torch.tensor(0.1)) - 0.1 > 0
    assert base(lambda x: x).range_rounding == 0


@pytest.mark.parametrize("limit", [3.402823466385289e38, 1e300])
def test_a_range_beyond_the_arithmetic_clamps_nothing(limit):
    images = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    scored = base(lambda x: x.mean((1, 2, 3)), output_range=(-limit, limit))(images)
    assert torch.equal(scored, images.mean((1, 2, 3)))

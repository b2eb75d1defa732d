"""LinearityIQA, as far as it needs no timm: the loss, the linear map, pooling, the resize, the checkpoint's format."""

import hashlib
import math
import os
import subprocess
import sys
import types
from collections import Counter, OrderedDict

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats

from certiqa.data.sets.registry import info as dataset_facts
from certiqa.errors import InputError, MissingExtraError, WeightsError
from certiqa.metrics import card, load
from certiqa.metrics.linearityiqa import (
    POOLS,
    LinearityIQA,
    LinearMap,
    branch_loss,
    fit_linear_map,
    load_linearityiqa,
    norm_in_norm_loss,
    pyramid_pool,
    read_checkpoint,
)
from certiqa.metrics.linearityiqa.pooling import pooled_width
from certiqa.metrics.linearityiqa.preprocessing import resize_images

PAIRS = [(1, 1), (1, 2), (2, 1), (2, 2), (1.5, 3), (0.5, 2), (2, 0.5)]


def scores(count=16, seed=0, dtype=torch.float64):
    """Human scores, and predictions that follow them loosely."""
    generator = torch.Generator().manual_seed(seed)
    target = 100 * torch.rand(count, generator=generator, dtype=dtype)
    return target / 50 + torch.randn(count, generator=generator, dtype=dtype), target


# -- the loss ---------------------------------------------------------------------------------------------------------


def by_hand(pred, target, p, q):
    """The formula in plain Python, without the 1e-8."""

    def norm(values, order):
        return sum(abs(v) ** order for v in values) ** (1 / order)

    def normal(values):
        mean = sum(values) / len(values)
        return [(v - mean) / norm([w - mean for w in values], q) for v in values]

    difference = [a - b for a, b in zip(normal(pred.tolist()), normal(target.tolist()), strict=True)]
    return (norm(difference, p) / (2 ** max(1, 1 / q) * len(pred) ** max(0, 1 / p - 1 / q))) ** p


@pytest.mark.parametrize(("p", "q"), PAIRS)
@pytest.mark.parametrize("count", [2, 5, 16])
def test_the_loss_is_its_formula(p, q, count):
    pred, target = scores(count)
    loss = norm_in_norm_loss(pred, target, p=p, q=q)
    assert loss.shape == ()
    assert loss.item() == pytest.approx(by_hand(pred, target, p, q), rel=1e-4 if p < 1 else 1e-6, abs=1e-4)
    plain = norm_in_norm_loss(pred, target, p=p, q=q, exponent=False)
    assert plain.item() ** p == pytest.approx(loss.item(), rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_with_p_and_q_2_it_is_a_function_of_the_plcc(seed):
    pred, target = scores(9, seed)
    plcc = stats.pearsonr(pred.numpy(), target.numpy()).statistic
    assert norm_in_norm_loss(pred, target, p=2).item() == pytest.approx((1 - plcc) / 2, abs=1e-7)
    second = norm_in_norm_loss(pred, target, p=2, alpha=(0, 1)).item()
    assert second == pytest.approx((1 - plcc**2) / 4, abs=1e-7)
    mixed = norm_in_norm_loss(pred, target, p=2, alpha=(1, 0.1)).item()
    assert mixed == pytest.approx(((1 - plcc) / 2 + 0.1 * (1 - plcc**2) / 4) / 1.1, abs=1e-7)


@pytest.mark.parametrize(("p", "q"), PAIRS)
def test_the_loss_does_not_see_scale_and_shift(p, q):
    pred, target = scores()
    loss = norm_in_norm_loss(pred, target, p=p, q=q).item()
    assert norm_in_norm_loss(7 * pred - 3, target, p=p, q=q).item() == pytest.approx(loss, rel=1e-5)
    assert norm_in_norm_loss(pred, 0.1 * target + 9, p=p, q=q).item() == pytest.approx(loss, rel=1e-5)
    assert norm_in_norm_loss(-pred, target, p=p, q=q).item() != pytest.approx(loss, rel=1e-2)


@pytest.mark.parametrize(("p", "q"), [pair for pair in PAIRS if pair[0] >= 1])
def test_the_loss_is_0_at_a_rising_line_and_never_above_1(p, q):
    pred, target = scores()
    loose, rising = norm_in_norm_loss(pred, target, p=p, q=q), norm_in_norm_loss(0.2 * target - 5, target, p=p, q=q)
    assert rising.item() < 1e-6
    assert rising.item() < 1e-3 * loose.item()
    assert 0 < norm_in_norm_loss(-target, target, p=p, q=q).item() <= 1


def test_the_largest_loss_is_reached():
    for p, q in [(1, 1), (1, 2), (2, 2), (0.9, 2)]:  # two images of opposite order: all of the triangle inequality
        loss = norm_in_norm_loss(torch.tensor([1.0, 0.0]).double(), torch.tensor([0.0, 1.0]).double(), p=p, q=q)
        assert loss.item() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("p", "q"), PAIRS)
@pytest.mark.parametrize("value", [0.0, 0.1, 55.3])
def test_loss_and_gradient_are_finite_where_predictions_are_equal(p, q, value, dtype):
    _, target = scores(dtype=dtype)
    for ours, theirs in [(torch.full_like(target, value), target), (target, torch.full_like(target, value))]:
        pred = ours.clone().requires_grad_()
        loss = norm_in_norm_loss(pred, theirs, p=p, q=q, alpha=(1, 0.1))
        loss.backward()
        assert bool(torch.isfinite(loss))
        assert bool(torch.isfinite(pred.grad).all())


@pytest.mark.parametrize("alpha", [(1, 0), (0, 1), (1, 0.1)])
@pytest.mark.parametrize(("p", "q"), PAIRS)
def test_the_gradient_is_the_slope(p, q, alpha):
    pred, target = scores(6)
    pred.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: norm_in_norm_loss(x, target, p=p, q=q, alpha=alpha), pred, atol=1e-4)


def test_the_gradient_is_orthogonal_to_shift_and_scale_unless_detached():
    pred, target = scores()
    for detach in (False, True):
        leaf = pred.clone().requires_grad_()
        norm_in_norm_loss(leaf, target, detach=detach).backward()
        sums = abs(leaf.grad.sum().item()), abs((leaf.grad @ (pred - pred.mean())).item())
        assert (max(sums) < 1e-6) is not detach


def test_detaching_leaves_the_value_as_it_is():
    pred, target = scores()
    assert torch.equal(norm_in_norm_loss(pred, target), norm_in_norm_loss(pred, target, detach=True))


def test_one_image_has_no_loss():
    pred = torch.tensor([3.0], requires_grad=True)
    loss = norm_in_norm_loss(pred, torch.tensor([50.0]))
    loss.backward()
    assert loss.item() == 0


def test_a_few_steps_down_the_loss_make_a_prediction_linear():
    pred, target = scores()
    before = stats.pearsonr(pred, target).statistic
    pred = pred.requires_grad_()
    optimiser = torch.optim.Adam([pred], lr=0.05)
    for _ in range(100):
        optimiser.zero_grad()
        norm_in_norm_loss(pred, target).backward()
        optimiser.step()
    after = stats.pearsonr(pred.detach(), target).statistic
    assert before < 0.9 < 0.99 < after


def test_the_training_loss_is_the_weighted_sum_over_the_branches():
    branches = [scores(seed=seed)[0] for seed in range(3)]
    target = scores()[1]
    alone = [norm_in_norm_loss(branch, target).item() for branch in branches]
    assert branch_loss(branches, target).item() == pytest.approx(0.1 * alone[0] + 0.1 * alone[1] + alone[2])
    only = branch_loss([branches[0], branches[1] * math.nan, branches[2]], target, beta=(2, 0, 0))
    assert only.item() == pytest.approx(2 * alone[0]), "a branch without weight is not looked at"


@pytest.mark.parametrize(
    ("change", "parameter"),
    [
        ({"p": 0}, "'p'"),
        ({"p": math.inf}, "'p'"),
        ({"q": -1}, "'q'"),
        ({"alpha": (0, 0)}, "'alpha'"),
        ({"alpha": (1, -1)}, "'alpha'"),
        ({"alpha": (1,)}, "'alpha'"),
        ({"pred": torch.ones(4, 1)}, "'pred'"),
        ({"pred": torch.ones(0)}, "'pred'"),
        ({"pred": torch.ones(4, dtype=torch.int64)}, "'pred'"),
        ({"target": torch.ones(4, 1)}, "'target'"),
        ({"target": torch.ones(3)}, "'target'"),
    ],
)
def test_the_loss_refuses(change, parameter):
    given = {"pred": torch.rand(4), "target": torch.rand(4)} | change
    with pytest.raises(InputError, match=parameter):
        norm_in_norm_loss(given.pop("pred"), given.pop("target"), **given)


@pytest.mark.parametrize(
    ("count", "beta", "parameter"), [(2, (1, 1, 1), "'predictions'"), (3, (1, 1), "'beta'"), (3, (1, 1, -1), "'beta'")]
)
def test_the_training_loss_refuses(count, beta, parameter):
    with pytest.raises(InputError, match=parameter):
        branch_loss([torch.rand(4)] * count, torch.rand(4), beta=beta)


# -- the linear map ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_linear_map_is_the_least_squares_line(dtype):
    pred, target = scores(40, 3, dtype)
    expected = stats.linregress(pred.double().numpy(), target.double().numpy())
    found = fit_linear_map(pred.requires_grad_(), target)
    assert (found.slope, found.intercept) == pytest.approx((expected.slope, expected.intercept), rel=1e-12)
    assert torch.equal(found(pred), found.slope * pred + found.intercept)


def test_the_linear_map_is_exact_far_from_zero():
    target = torch.tensor([1.0, 2.0, 5.0], dtype=torch.float64)
    found = fit_linear_map((target - 3) / 2 + 1e6, target)
    assert found.slope == pytest.approx(2, rel=1e-8)


@pytest.mark.parametrize(
    ("pred", "target", "parameter"),
    [
        ([1.0], [1.0], "'pred'"),
        ([1.0, 2.0], [1.0], "'target'"),
        ([[1.0], [2.0]], [[1.0], [2.0]], "'pred'"),
        ([1.0, math.nan], [1.0, 2.0], "'pred'"),
        ([1.0, 2.0], [1.0, math.inf], "'target'"),
        ([0.1, 0.1, 0.1], [1.0, 2.0, 3.0], "'pred'"),
    ],
)
def test_the_linear_map_refuses(pred, target, parameter):
    with pytest.raises(InputError, match=parameter):
        fit_linear_map(torch.tensor(pred), torch.tensor(target))


# -- pooling ----------------------------------------------------------------------------------------------------------

STATISTICS = {
    "avg": [np.mean],
    "max": [np.max],
    "min": [np.min],
    "std": [np.std],
    "maxmin": [np.max, np.min],
    "meanstd": [np.mean, np.std],
}


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize(("levels", "size"), [(1, (3, 5)), (2, (5, 4)), (3, (9, 11))])
def test_pooling_is_the_statistic_of_every_cell(pool, levels, size):
    maps = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = []
    for level in range(1, levels + 1):
        rows, columns = size[0] // level, size[1] // level
        expected += [
            [
                statistic(maps[b, c, i * rows : (i + 1) * rows, j * columns : (j + 1) * columns].numpy())
                for statistic in STATISTICS[pool]
                for c in range(3)
                for i in range(level)
                for j in range(level)
            ]
            for b in range(2)
        ]
    expected = np.concatenate([np.array(expected[i : i + 2]) for i in range(0, 2 * levels, 2)], axis=1)
    found = pyramid_pool(maps, levels, pool)
    assert found.shape == (2, pooled_width(3, levels, pool))
    assert np.allclose(found.numpy(), expected, atol=1e-7)


def test_the_gradient_of_the_spread_is_finite_where_there_is_none():
    maps = torch.ones(1, 2, 4, 4, requires_grad=True)
    pyramid_pool(maps, 2, "std").sum().backward()
    assert torch.equal(maps.grad, torch.zeros_like(maps))


# -- the resize -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "target"),
    [((768, 1024), (498, 664)), ((500, 500), (498, 664)), ((300, 200), (498, 664)), ((97, 61), (20, 33))],
)
def test_the_resize_is_within_one_grey_level_of_pillow(size, target):
    pixels = np.random.Generator(np.random.Philox(key=1)).integers(0, 256, (*size, 3), dtype=np.uint8)
    pillow = np.asarray(Image.fromarray(pixels).resize(target[::-1], Image.Resampling.BILINEAR), dtype=np.float64)
    images = torch.from_numpy(pixels).permute(2, 0, 1)[None].double() / 255
    ours = 255 * resize_images(images, target)[0].permute(1, 2, 0).numpy()
    difference = np.abs(ours - pillow)
    assert difference.max() <= 1.001
    assert difference.mean() < 0.5
    single = 255 * resize_images(images.float(), target)[0].permute(1, 2, 0).numpy()
    assert np.abs(single - ours).max() < 0.02


def test_the_comparison_with_pillow_can_fail():
    pixels = np.random.Generator(np.random.Philox(key=1)).integers(0, 256, (768, 1024), dtype=np.uint8)
    pillow = torch.from_numpy(np.array(Image.fromarray(pixels).resize((664, 498), Image.Resampling.BILINEAR))).double()
    images = torch.from_numpy(pixels)[None, None].double()
    plain = torch.nn.functional.interpolate(images, (498, 664), mode="bilinear", align_corners=False)
    assert (plain - pillow).abs().max() > 20


def test_the_resize_is_what_the_card_says():
    policy = card("linearityiqa").input
    assert policy.size_after(768, 1024) == (498, 664)
    assert (policy.mode, policy.antialias) == ("bilinear", True)
    delta = torch.randn(1, 1, 30, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert resize_images(delta, (498, 664)).norm() <= policy.operator_norm(30, 40) * delta.norm()


def test_an_image_of_the_right_size_is_not_touched_and_half_precision_stays():
    images = torch.rand(1, 3, 8, 9)
    assert resize_images(images, (8, 9)) is images
    low = resize_images(images.bfloat16(), (4, 5))
    assert low.dtype == torch.bfloat16
    assert torch.equal(low, resize_images(images.bfloat16().float(), (4, 5)).bfloat16())


# -- the card, and what needs no file ---------------------------------------------------------------------------------


def test_the_card():
    facts = card("linearityiqa")
    assert facts.needs_weights
    assert facts.extra == "linearityiqa"
    assert facts.lower_better is False
    assert facts.output_range is None
    assert facts.weights_sha256 is None
    assert facts.trained_on == ("koniq10k",)
    assert dataset_facts("koniq10k").title in facts.summary


def test_without_weights_it_says_where_they_are():
    with pytest.raises(InputError, match=r"'weights' must be a checkpoint file.*github.com/lidq92/LinearityIQA.*PATH"):
        load("linearityiqa", "cpu")


def test_without_timm_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "timm", None)
    torch.save(small(), tmp_path / "p1q2.pth")
    with pytest.raises(MissingExtraError, match=r"pip install 'certiqa\[linearityiqa\]'"):
        load("linearityiqa", "cpu", weights=tmp_path / "p1q2.pth")


def test_all_that_is_missing_is_told_together(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(InputError, match=r"2 reasons: \(1\).*'weights' must be.*\(2\).*'certiqa\[linearityiqa\]'"):
        load("linearityiqa", "cpu")
    with pytest.raises(MissingExtraError, match=r"2 reasons: \(1\).*'certiqa\[linearityiqa\]' \(2\).*cannot be read"):
        load("linearityiqa", "cpu", weights=tmp_path / "none.pth")
    with pytest.raises(InputError, match=r"3 reasons: \(1\).*'pool'.*\(2\).*\[linearityiqa\].*\(3\).*cannot be read"):
        load_linearityiqa(tmp_path / "none.pth", pool="median")
    torch.save(small(), tmp_path / "c.pth")
    with pytest.raises(InputError, match=r"2 reasons: \(1\).*'pool'.*\(2\).*\[linearityiqa\]'$"):
        load_linearityiqa(tmp_path / "c.pth", pool="median")


def test_where_timm_is_there_the_file_alone_is_told(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "timm", types.ModuleType("timm"))
    with pytest.raises(WeightsError, match=r"^The LinearityIQA checkpoint '.*none.pth' cannot be read"):
        load("linearityiqa", "cpu", weights=tmp_path / "none.pth")
    with pytest.raises(InputError, match=r"^The parameter 'weights' must be"):
        load("linearityiqa", "cpu")


def test_importing_it_loads_no_timm():
    code = "import certiqa.metrics.linearityiqa, sys; print({'timm', 'torchvision'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("options", "parameter"),
    [
        ({"pool": "median"}, "'pool'"),
        ({"levels": (0, 1)}, "'levels'"),
        ({"levels": 1}, "'levels'"),
        ({"levels": (1, 2.0)}, "'levels'"),
        ({"resize": (498,)}, "'resize'"),
        ({"resize": (0, 664)}, "'resize'"),
        ({"resize": 498}, "'resize'"),
        ({"resize": (96, 200), "levels": (1, 2)}, "'resize' must be at least 97x97"),
    ],
)
def test_bad_options_are_refused_before_anything_is_built(options, parameter):
    with pytest.raises(InputError, match=parameter):
        LinearityIQA(**options)
    with pytest.raises(InputError, match=parameter):
        load_linearityiqa("no such file", **options)


# -- the checkpoint ---------------------------------------------------------------------------------------------------


def small(**changes):
    """The published format, with a small state dict."""
    adam = {"state": {0: {"step": 3, "exp_avg": torch.ones(2)}}, "param_groups": [{"lr": 1e-4, "params": [0]}]}
    scaler = OrderedDict(loss_scaler0={"loss_scale": 65536.0, "unskipped": 7})
    state = OrderedDict({"features.0.weight": torch.arange(4.0), "dr6.1.num_batches_tracked": torch.tensor(5)})
    content = {"model": state, "optimizer": adam, "amp": scaler, "k": [2.0, 3.0, 4.0], "b": [-1.0, 0.5, 9.0]}
    return content | changes


@pytest.mark.parametrize("new_format", [True, False])
def test_a_checkpoint_is_read(tmp_path, new_format):
    path = tmp_path / "p1q2.pth"
    torch.save(small(), path, _use_new_zipfile_serialization=new_format)  # False: as torch 1.3 wrote the published ones
    found = read_checkpoint(path)
    assert found.maps == (LinearMap(2, -1), LinearMap(3, 0.5), LinearMap(4, 9))
    assert list(found.tensors) == ["features.0.weight", "dr6.1.num_batches_tracked"]
    assert torch.equal(found.tensors["features.0.weight"], torch.arange(4.0))
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert read_checkpoint(str(path)).sha256 == found.sha256


@pytest.mark.parametrize(
    "k",
    [
        [np.float64(2), np.float64(3), np.float64(4)],
        [np.float32(2), np.float32(3), np.float32(4)],
        np.array([2.0, 3.0, 4.0]),
        np.array([2.0, 3.0, 4.0], dtype=np.float32),
        torch.tensor([2.0, 3.0, 4.0]),
        (2, 3, 4),
        [torch.tensor(2.0), 3, np.float64(4)],
    ],
)
@pytest.mark.parametrize("new_format", [True, False])
def test_numpy_numbers_are_read(tmp_path, k, new_format):
    torch.save(small(k=k), tmp_path / "c.pth", _use_new_zipfile_serialization=new_format)
    before = Counter(torch.serialization.get_safe_globals())
    assert [one.slope for one in read_checkpoint(tmp_path / "c.pth").maps] == [2, 3, 4]
    assert Counter(torch.serialization.get_safe_globals()) == before, "what is let through is let through once"


@pytest.mark.parametrize("core", [b"numpy.core.multiarray", b"numpy._core.multiarray"])
def test_numbers_of_numpy_1_and_2_are_read(tmp_path, core):
    torch.save(small(k=[np.float64(2)] * 3), tmp_path / "c.pth", _use_new_zipfile_serialization=False)
    written = (tmp_path / "c.pth").read_bytes()
    assert b"multiarray" in written
    for name in (b"numpy._core.multiarray", b"numpy.core.multiarray"):
        written = written.replace(b"c" + name + b"\n", b"c" + core + b"\n")
    (tmp_path / "c.pth").write_bytes(written)
    assert core in written
    assert read_checkpoint(tmp_path / "c.pth").maps[0].slope == 2


class Trap:
    """Runs a command when it is unpickled."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize("place", ["k", "model", "amp"])
def test_a_file_with_code_in_it_is_refused_and_not_run(tmp_path, place):
    torch.save(small(**{place: Trap(f"touch {tmp_path / 'ran'}")}), tmp_path / "c.pth")
    with pytest.raises(WeightsError, match="only tensors and numbers"):
        read_checkpoint(tmp_path / "c.pth")
    assert not (tmp_path / "ran").exists()
    os.system(f"touch {tmp_path / 'ran'}")
    assert (tmp_path / "ran").exists(), "the test can fail"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([1, 2], "must be a dict with 'model', 'k' and 'b'. Got list"),
        ({}, "Got an empty dict"),
        ({"model": {}, "k": [1, 1, 1]}, "Got 'model', 'k' instead"),
        (small(model=[1]), "dict of tensors under 'model'"),
        (small(model={"a": 1}), "dict of tensors under 'model'"),
        (small(k=[1.0, 2.0]), "three finite numbers under 'k'"),
        (small(b=[1.0, 2.0, math.nan]), "three finite numbers under 'b'"),
        (small(b=3.0), "three numbers under 'b'"),
        (small(k=["a", 1, 2]), "three numbers under 'k'"),
        (small(k=None), "three numbers under 'k'"),
    ],
)
def test_what_is_no_checkpoint_is_refused(tmp_path, content, reason):
    torch.save(content, tmp_path / "c.pth")
    with pytest.raises(WeightsError, match=reason) as caught:
        read_checkpoint(tmp_path / "c.pth")
    assert "c.pth" in str(caught.value)
    assert "github.com/lidq92/LinearityIQA" in str(caught.value)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("content", [b"", b"no file", b"PK\x03\x04 cut off", b"\x80\x02}q\x00.", b"\x80\x05K\x01."])
def test_bytes_that_are_no_torch_file_are_refused(tmp_path, content):
    (tmp_path / "c.pth").write_bytes(content)
    with pytest.raises(WeightsError, match=r"c\.pth"):
        read_checkpoint(tmp_path / "c.pth")


def test_a_file_cut_short_is_refused(tmp_path):
    for new_format in (True, False):
        torch.save(small(), tmp_path / "c.pth", _use_new_zipfile_serialization=new_format)
        whole = (tmp_path / "c.pth").read_bytes()
        for length in (10, len(whole) // 2, len(whole) - 1):
            (tmp_path / "c.pth").write_bytes(whole[:length])
            with pytest.raises(WeightsError, match=r"c\.pth"):
                read_checkpoint(tmp_path / "c.pth")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "none.pth", tmp_path):
        with pytest.raises(WeightsError, match="cannot be read"):
            read_checkpoint(path)

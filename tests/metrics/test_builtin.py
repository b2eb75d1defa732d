"""The built-in metric: its range, its independence of the batch, its weights and what they are worth."""

import copy
import csv
import hashlib
import json
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from scipy import stats
from torch import nn

from certiqa import metrics
from certiqa.data.splits import is_validation
from certiqa.errors import WeightsError
from certiqa.metrics import builtin
from certiqa.metrics.builtin import BuiltinMetric, Widths, load_builtin

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"
VALIDATION = ROOT / "benchmarks" / "results" / "builtin_validation.json"
SIZES = [(32, 32), (33, 47), (224, 224), (97, 256), (500, 500), (512, 384)]


@pytest.fixture(scope="module")
def metric():
    return load_builtin("cpu")


@pytest.fixture
def images():
    return torch.rand(5, 3, 96, 128, generator=torch.Generator().manual_seed(0))


def extremes(height=64, width=80):
    generator = torch.Generator().manual_seed(1)
    shape = (1, 3, height, width)
    checker = (torch.arange(height)[:, None] + torch.arange(width)) % 2
    noise = torch.rand(shape, generator=generator)
    checker = checker.float().expand(shape)
    return [torch.zeros(shape), torch.ones(shape), noise, noise.round(), checker, 1e6 * noise - 5e5]


def test_the_data_about_it_are_attributes(metric):
    assert metric.name == "builtin"
    assert metric.output_range == (0.0, 100.0)
    assert metric.range_enforced is True
    assert metric.lower_better is False
    assert metric.min_size == 32


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_the_range_holds_for_any_image_and_any_weights(metric, scale):
    wild = copy.deepcopy(metric)
    wild.head[-1].weight.mul_(scale)
    for image in extremes():
        score = wild(image)
        assert score.shape == (1,)
        assert bool(torch.isfinite(score).all())
        assert 0 <= score.item() <= 100


def test_the_scores_are_not_all_the_same(metric, images):
    assert torch.cat([metric(image) for image in extremes()[:5]]).std() > 1


def test_a_score_does_not_depend_on_the_batch(metric, images):
    alone = torch.cat([metric(image[None]) for image in images])
    assert (metric(images) - alone).abs().max() < 1e-3
    strange = torch.cat([images[:1], *extremes(96, 128)])
    assert (metric(strange)[0] - alone[0]).abs() < 1e-3


def test_the_gradient_of_a_score_stays_in_its_image(metric, images):
    images.requires_grad_()
    metric(images)[2].backward()
    touched = images.grad.flatten(1).abs().amax(1) > 0
    assert touched.tolist() == [False, False, True, False, False]
    assert bool(torch.isfinite(images.grad).all())


def test_the_gradient_is_finite_where_the_image_is_flat(metric):
    for image in extremes()[:2]:
        image.requires_grad_()
        metric(image).sum().backward()
        assert bool(torch.isfinite(image.grad).all())


def test_the_gradient_is_the_slope(metric, images):
    double = copy.deepcopy(metric).double()
    image = images[:1].double().requires_grad_()
    double(image).sum().backward()
    step = 1e-6 * image.grad.sign()
    with torch.no_grad():
        slope = (double(image + step) - double(image - step)) / 2e-6
    assert slope.item() == pytest.approx(image.grad.abs().sum().item(), rel=1e-3)


@pytest.mark.parametrize("size", SIZES)
def test_any_size_from_min_size_on(metric, size):
    scores = metric(torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(2)))
    assert scores.shape == (2,)
    assert bool(torch.isfinite(scores).all())


def test_double_precision_agrees_with_single(metric, images):
    scores = copy.deepcopy(metric).double()(images.double())
    assert scores.dtype == torch.float64
    assert (scores - metric(images)).abs().max() < 1e-3


def test_bfloat16_and_autocast_stay_near_and_score_in_float32(metric, images):
    scores = copy.deepcopy(metric).bfloat16()(images.bfloat16())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = metric(images)
    for low in (scores, mixed):
        assert low.dtype == torch.float32
        assert (low - metric(images)).abs().max() < 3


def test_train_and_eval_agree_and_nothing_is_drawn(metric, images):
    state = torch.random.get_rng_state()
    assert torch.equal(copy.deepcopy(metric).train()(images), metric(images))
    assert not any(isinstance(m, nn.modules.batchnorm._BatchNorm | nn.Dropout) for m in metric.modules())
    assert torch.equal(torch.random.get_rng_state(), state)


def test_loading_leaves_the_global_random_state_and_freezes_the_parameters():
    state = torch.random.get_rng_state()
    metric = load_builtin()
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not metric.training
    assert not any(p.requires_grad for p in metric.parameters())
    assert all(p.device.type == "cpu" and p.dtype == torch.float32 for p in metric.parameters())


def test_two_loads_share_no_memory():
    first, second = load_builtin(), load_builtin()
    first.head[-1].bias.add_(1)
    assert not torch.equal(first.head[-1].bias, second.head[-1].bias)


def test_other_bytes_are_refused(monkeypatch):
    damaged = bytearray(builtin._packaged(builtin.WEIGHTS_FILE))
    damaged[-1] ^= 1
    monkeypatch.setattr(builtin, "_packaged", lambda file: bytes(damaged))
    with pytest.raises(WeightsError, match=builtin.WEIGHTS_SHA256):
        load_builtin()


def test_weights_of_ones_own(metric, images, tmp_path):
    tensors = {name: tensor.contiguous().clone() for name, tensor in metric.state_dict().items()}
    tensors["head.2.bias"] += 1
    save_file(tensors, tmp_path / "own.safetensors")
    own = metrics.load("builtin", "cpu", weights=tmp_path / "own.safetensors")
    assert bool((own(images) > metric(images)).all())
    assert own.card.weights_sha256 == hashlib.sha256((tmp_path / "own.safetensors").read_bytes()).hexdigest()
    assert metric.card.weights_sha256 == builtin.WEIGHTS_SHA256
    assert (own.card.trained_on, own.card.licence) == ((), "unknown"), "what these were trained on, certiqa cannot know"
    assert own.card.output_range == metric.card.output_range
    del tensors["head.2.bias"]
    save_file(tensors, tmp_path / "less.safetensors")
    with pytest.raises(WeightsError, match=r"1 are missing, too many, or of another shape, first head\.2\.bias"):
        load_builtin("cpu", tmp_path / "less.safetensors")
    (tmp_path / "text.safetensors").write_text("no tensors here")
    for name in ("text", "absent"):
        with pytest.raises(WeightsError, match=f"{name}.*must be a readable safetensors file"):
            load_builtin("cpu", tmp_path / f"{name}.safetensors")


@pytest.mark.parametrize(
    "widths",
    [
        Widths((4, 8), (8, 6, 4), 5, scales=2),
        Widths(hidden=3, scales=1),
        Widths((1, 1), (1,), 1, 6),
        Widths((4, 8), (8, 8), 4, kinds=3),
    ],
)
def test_weights_of_other_widths(widths, images, tmp_path):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = BuiltinMetric(widths).eval()
    save_file(made.state_dict(), tmp_path / "own.safetensors")
    found = load_builtin("cpu", tmp_path / "own.safetensors")
    assert found.widths == widths
    assert torch.equal(found(images), made(images))


@pytest.mark.parametrize(
    "missing", ["stem.0.weight", "stages.0.down.weight", "stages.3.residual.conv.bias", "head.0.weight"]
)
def test_what_is_missing_is_named_first(missing, metric, tmp_path):
    tensors = {name: tensor.contiguous().clone() for name, tensor in metric.state_dict().items() if name != missing}
    save_file(tensors, tmp_path / "less.safetensors")
    with pytest.raises(WeightsError, match=rf"of another shape, first {missing}"):
        load_builtin("cpu", tmp_path / "less.safetensors")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), None])
def test_weights_that_are_no_numbers(bad, tmp_path):
    tensors = {name: t.detach().clone() for name, t in BuiltinMetric(Widths((4, 8), (8, 8), 4)).state_dict().items()}
    if bad is None:
        tensors["stem.0.bias"] = tensors["stem.0.bias"].int()
    else:
        tensors["stem.0.bias"][0] = bad
    save_file(tensors, tmp_path / "bad.safetensors")
    with pytest.raises(
        WeightsError, match=r"finite floating-point numbers. Got others in 1 tensors, first stem\.0\.bias"
    ):
        load_builtin("cpu", tmp_path / "bad.safetensors")


@pytest.mark.parametrize(
    ("name", "shape"), [("head.0.weight", (4, 24 * 7)), ("head.0.weight", (0, 24)), ("stem.0.weight", (0, 3, 5, 5))]
)
def test_widths_that_no_network_has(name, shape, tmp_path):
    tensors = {
        n: t.detach().clone() for n, t in BuiltinMetric(Widths((4, 4), (4, 4), 4, scales=1)).state_dict().items()
    }
    tensors[name] = torch.zeros(shape)
    save_file(tensors, tmp_path / "odd.safetensors")
    with pytest.raises(WeightsError, match="must be those of the built-in network"):
        load_builtin("cpu", tmp_path / "odd.safetensors")


@pytest.mark.parametrize("name", ["builtin-noise-192", "builtin-noise"])
def test_packaged_weights_go_by_their_own_name(name, tmp_path):
    own = tmp_path / "mine.safetensors"
    own.write_bytes(builtin._packaged(f"{name}.safetensors"))
    with pytest.raises(WeightsError, match=f"are those of '{name}': load that metric by its name"):
        load_builtin("cpu", own)


def test_what_is_typical_of_a_kind_is_added_by_its_probability(images):
    torch.manual_seed(0)
    with_kinds = BuiltinMetric(Widths((4, 8), (8, 8), 4, kinds=2)).eval()
    plain = BuiltinMetric(Widths((4, 8), (8, 8), 4)).eval()
    plain.load_state_dict({name: t for name, t in with_kinds.state_dict().items() if name in plain.state_dict()})
    with torch.no_grad():
        with_kinds.kind.weight.zero_()
        with_kinds.kind.bias.copy_(torch.tensor([0.0, 1.0]))
        with_kinds.typical.copy_(torch.tensor([-0.5, 2.0]))
        added = torch.logit(with_kinds(images) / 100) - torch.logit(plain(images) / 100)
    first = 1 / (1 + np.exp(1.0))
    torch.testing.assert_close(added, torch.full((len(images),), -0.5 * first + 2 * (1 - first)), atol=1e-4, rtol=0)


def test_the_file_is_small():
    file = resources.files("certiqa.metrics").joinpath("weights", builtin.WEIGHTS_FILE)
    assert len(file.read_bytes()) < 4_000_000


def test_a_512_image_costs_at_most_one_and_a_half_gmac(metric):
    total = sum(m.weight.numel() for m in metric.modules() if isinstance(m, nn.Linear))

    def count(module, _, out):
        nonlocal total
        total += module.weight.numel() * out.shape[2] * out.shape[3]

    hooks = [m.register_forward_hook(count) for m in metric.modules() if isinstance(m, nn.Conv2d)]
    metric(torch.zeros(1, 3, 512, 512))
    for hook in hooks:
        hook.remove()
    assert 1.0e9 < total <= 1.5e9


def test_the_published_figures_belong_to_the_packaged_weights(metric):
    figures = json.loads(VALIDATION.read_text(encoding="utf-8"))
    assert (
        figures["sha256"]
        == builtin.WEIGHTS_SHA256
        == hashlib.sha256(builtin._packaged(builtin.WEIGHTS_FILE)).hexdigest()
    )
    assert figures["parameters"] == sum(p.numel() for p in metric.parameters())
    for part in figures["validation"].values():
        low, high = part["srocc"]["interval"]
        assert low < part["srocc"]["value"] < high


def validation_images(folder, content_column, count):
    with (SHARED / folder / "mos.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if is_validation(row[content_column])]
    rows = rows[:: len(rows) // count][:count]
    for row in rows:
        pixels = np.asarray(Image.open(SHARED / folder / "images" / row["image"]).convert("RGB"))
        yield torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255, float(row["mos"])


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="the rated images of ../shared are not here")
@pytest.mark.parametrize(("folder", "column", "floor"), [("agiqa3k", "prompt", 0.5), ("livec", "image", 0.35)])
def test_the_scores_follow_human_scores_on_images_never_trained_on(metric, folder, column, floor):
    pairs = [(metric(image[None]).item(), mos) for image, mos in validation_images(folder, column, 50)]
    assert len(pairs) == 50
    assert stats.spearmanr(*zip(*pairs, strict=True)).statistic > floor


def test_a_network_of_other_widths_has_the_same_guarantees(images):
    torch.manual_seed(0)
    scores = BuiltinMetric(Widths((4, 8), (8, 8), 4))(images)
    assert scores.shape == (5,)
    assert bool(((scores >= 0) & (scores <= 100)).all())


def test_the_second_scale_is_the_first_one_of_the_image_at_half_its_size(images):
    torch.manual_seed(0)
    two = BuiltinMetric(Widths((4, 8), (8, 8), 4, scales=2))
    one = BuiltinMetric(Widths((4, 8), (8, 8), 4, scales=1))
    one.load_state_dict({name: t for name, t in two.state_dict().items() if name != "head.0.weight"}, strict=False)
    odd = images[..., :95, :127]
    half = torch.stack([halved(image) for image in odd])
    first, second = two.statistics(odd).chunk(2, dim=1)
    assert torch.equal(first, one.statistics(odd))
    torch.testing.assert_close(second, one.statistics(half), rtol=1e-5, atol=1e-5)


def halved(image):
    """Means of 2x2 pixels; of fewer at a border that is left over."""
    rows, columns = (-(-side // 2) for side in image.shape[1:])
    out = torch.empty(len(image), rows, columns)
    for i in range(rows):
        for j in range(columns):
            out[:, i, j] = image[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].mean((1, 2))
    return out

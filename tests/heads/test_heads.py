"""Heads: scores, losses, examples, files, training that resumes to the same bytes."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats

from certiqa import metrics
from certiqa.data import open_dataset
from certiqa.data.splits import is_validation
from certiqa.errors import InputError, ModelError, WeightsError
from certiqa.frontends import Energies, Resize
from certiqa.heads import Examples, Head, HeadConfig, HeadShape, from_datasets, read_head, train, write_head
from certiqa.heads.examples import is_development
from certiqa.heads.measuring import measured, noisy_scores, summary, tau_over_sd
from certiqa.heads.objective import losses
from certiqa.heads.trainer import HeadTrainer

PHI = Energies(side=64, rings=4, orientations=1, signed=1)
SMALL = HeadConfig(hidden=8, members=2, batch=24, steps=12, validate_every=6, checkpoint_every=5)


@pytest.fixture(autouse=True)
def _one_thread(one_thread):
    """Small tensors."""


def toy(count: int = 60, seed: int = 0, views: int = 2, signal: float = 0.3) -> Examples:
    """Numbers of which the first decides the score, in two data sets."""
    rng = np.random.default_rng(seed)
    numbers = rng.uniform(-0.05, 0.05, (views, count, PHI.numbers)).astype(np.float32)
    score = rng.uniform(10, 90, count)
    numbers[:, :, 0] = signal * score / 100
    contents = tuple(f"{seed}-{i}" for i in range(count))
    groups = np.arange(count) % 3 // 2
    kinds = tuple("ab"[group] + str(i % 2) for i, group in enumerate(groups))
    return Examples(numbers, score, groups, contents, kinds, PHI.digest)


def random_head(members: int = 3, inputs: int = PHI.numbers, kinds: int = 0) -> Head:
    head = Head(HeadShape(inputs, 8, members, 0.01, kinds))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.normal_(generator=generator)
    head.front_end_digest, head.certified_sigma, head.certified_n = PHI.digest, 0.003, 100_000
    return head


# -- the network ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kinds", [0, 3])
def test_scores_stay_in_range_and_depend_on_their_own_row(kinds):
    head = random_head(kinds=kinds)
    numbers = torch.randn(64, PHI.numbers) * 100
    scores = head(numbers)
    assert scores.shape == (64,)
    assert bool(((scores >= 0) & (scores <= 100)).all())
    torch.testing.assert_close(head(numbers[5:6]), scores[5:6])
    torch.testing.assert_close(head.train()(numbers), head.eval()(numbers))


def test_a_head_is_the_mean_of_its_members():
    head = random_head()
    numbers = torch.randn(5, PHI.numbers)
    each = []
    for member in range(3):
        one = Head(replace(head.shape, members=1))
        one.load_state_dict(
            {k: v if k in ("centre", "spread") else v[member : member + 1] for k, v in head.state_dict().items()}
        )
        each.append(one(numbers))
    torch.testing.assert_close(head(numbers), torch.stack(each).mean(0))


def test_a_head_with_kinds_averages_by_its_guess():
    head = random_head(members=1, kinds=2)
    numbers = torch.randn(1, 4, PHI.numbers)
    logits, guess = head.logits(numbers)
    with torch.no_grad():
        head.biases[2][0, 0, 2] += 100.0  # certain of the first kind
    certain, _ = head.logits(numbers)
    with torch.no_grad():
        head.biases[2][0, 0, 2] -= 200.0
    other, _ = head.logits(numbers)
    first = guess.softmax(2)[..., 0]
    torch.testing.assert_close(logits, first * certain + (1 - first) * other)


@pytest.mark.parametrize("change", [{"kinds": -1}, {"inputs": 0}, {"hidden": 1.5}, {"members": 0}, {"scale": 0.0}])
def test_wrong_shapes(change):
    with pytest.raises(InputError, match=next(iter(change))):
        HeadShape(**{"inputs": 3, **change})


# -- the objective ----------------------------------------------------------------------------------------------------


def test_losses_against_numpy():
    rng = np.random.default_rng(0)
    noisy, human = rng.uniform(0, 100, (4, 2, 9)), rng.uniform(0, 100, (2, 9))
    found = losses(torch.from_numpy(noisy), torch.from_numpy(human), 1.5)
    mean = noisy.mean(0)
    plcc = np.mean([stats.pearsonr(one, other).statistic for one, other in zip(mean, human, strict=True)])
    assert float(found.agreement) == pytest.approx(1 - plcc, abs=1e-6)
    label = (np.square(mean - human).mean(1) / human.var(1)).mean()
    assert float(found.label) == pytest.approx(label, rel=1e-6)
    width = 1.5 * noisy.std(0, ddof=1) / mean.std(1, keepdims=True)
    assert float(found.width) == pytest.approx(np.sqrt(np.square(width).mean(1)).mean(), rel=1e-5)
    assert found.median_width == pytest.approx(np.median(width, axis=1).mean(), rel=1e-5)


def test_losses_of_constant_scores_are_finite():
    noisy = torch.full((2, 1, 5), 50.0, requires_grad=True)
    found = losses(noisy, torch.arange(5.0)[None], 1.0)
    (found.agreement + found.width).backward()
    assert bool(torch.isfinite(noisy.grad).all())


def test_tau_over_sd_of_a_linear_head_is_known():
    """For a score that moves by w per unit, tau is w r sigma whatever the picture."""
    rng = np.random.default_rng(0)
    centres = rng.normal(50, 10, 200)
    scores = centres[:, None] + 3.0 * rng.standard_normal((200, 20_000))
    assert tau_over_sd(scores, 1.3) == pytest.approx(3.0 * 1.3 / centres.std(), rel=0.03)


# -- examples ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("rated")
    (root / "images").mkdir()
    rng = np.random.default_rng(0)
    for i in range(12):
        Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)).save(root / "images" / f"{i}.png")
    (root / "mos.csv").write_text("image,mos\n" + "".join(f"{i}.png,{8 * i}\n" for i in range(12)))
    return root


def test_examples_of_a_data_set(rated):
    dataset = open_dataset("livec", rated)
    seen = []
    found = from_datasets(PHI, [dataset], crops=2, report=lambda done, total: seen.append((done, total)))
    left = [i for i in range(12) if not is_validation(f"{i}.png")]
    assert found.numbers.shape == (3, len(left), PHI.numbers)
    assert found.scores.tolist() == pytest.approx([8.0 * i for i in left])
    assert seen[-1] == (len(left), len(left))
    first = next(iter(dataset.part("fit").images()))[1].as_float().astype(np.float64)
    np.testing.assert_allclose(found.numbers[0, 0], PHI(first), rtol=1e-6, atol=1e-9)
    assert not np.allclose(found.numbers[1], found.numbers[2])
    assert set(found.kinds) == {"livec"}
    named = from_datasets(PHI, [dataset], kind=lambda dataset, record: record.name)
    assert named.kinds == tuple(f"{i}.png" for i in left)
    again = from_datasets(PHI, [dataset], crops=2)
    assert again.digest == found.digest != from_datasets(PHI, [dataset], crops=2, seed=1).digest
    apart = found.where(is_development)
    assert len(apart) + len(found.where(lambda content: not is_development(content))) == len(found)


def test_examples_need_numbers_and_pictures(rated):
    with pytest.raises(InputError, match="numbers"):
        from_datasets(Resize(32), [open_dataset("livec", rated)])
    with pytest.raises(InputError, match="data"):
        from_datasets(PHI, [])


def test_development_never_holds_validation():
    names = [f"{i}.jpg" for i in range(2000)]
    assert not any(is_development(name) and is_validation(name) for name in names)
    assert 250 < sum(map(is_development, names)) < 400


# -- training ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kinds", [0.0, 0.3])
def test_training_finds_what_decides_the_score(tmp_path, kinds):
    config = replace(SMALL, steps=200, lr=5e-3, width=1.0, kinds=kinds)
    train(config, PHI, toy(200), tmp_path / "head.safetensors")
    head, header = read_head(tmp_path / "head.safetensors")
    assert head.shape.kinds == (4 if kinds else 0)
    found = measured(head, toy(100, seed=1), config, draws=200)
    assert found["srocc_0"] > 0.95
    assert header["training"]["config"] == config.as_mapping()
    assert head.certified_sigma == config.sigma


def test_the_width_is_held(tmp_path):
    """The same noise, two wanted widths: the narrower one comes out narrower, at a price in agreement."""
    examples, found = toy(200, signal=0.03), []
    for width in (2.0, 0.2):
        config = replace(SMALL, steps=300, lr=5e-3, width=width)
        train(config, PHI, examples, tmp_path / f"{width}.safetensors")
        found.append(measured(read_head(tmp_path / f"{width}.safetensors")[0], examples, config, draws=300))
    wide, narrow = found
    assert narrow["tau_over_sd_0"] < 0.8 * wide["tau_over_sd_0"]


def test_killed_and_resumed_gives_the_same_bytes(tmp_path):
    fit, apart = toy(), toy(20, seed=1)
    whole = train(SMALL, PHI, fit, tmp_path / "whole.safetensors", development=apart)

    def killed(step, steps, record):
        if step == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(SMALL, PHI, fit, tmp_path / "killed.safetensors", development=apart, report=killed)
    with pytest.raises(InputError, match="checkpoint"):
        train(SMALL, PHI, fit, tmp_path / "killed.safetensors", development=apart)
    state = torch.random.get_rng_state()
    again = train(SMALL, PHI, fit, tmp_path / "killed.safetensors", development=apart, resume=True)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert again.resumed_at == 5
    assert again.sha256 == whole.sha256
    assert again.validation == whole.validation
    logs = [(tmp_path / f"{name}.safetensors.jsonl").read_text().splitlines() for name in ("whole", "killed")]
    steps = [[{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in log] for log in logs]
    assert steps[0] == steps[1]
    other = replace(SMALL, seed=1)
    with pytest.raises(InputError, match="config"):
        train(other, PHI, fit, tmp_path / "killed.safetensors", development=apart, resume=True)


def test_a_gradient_that_is_not_finite_is_reported(tmp_path):
    fit = toy()
    task = HeadTrainer(SMALL, fit, None)
    before = {name: value.clone() for name, value in task.head.state_dict().items()}
    task.numbers[0, :, 0] = math.nan
    task.numbers[1, :, 0] = math.nan
    with pytest.raises(ModelError, match="not finite"):
        task.step(0)
    assert all(torch.equal(value, before[name]) for name, value in task.head.state_dict().items())


def test_arguments_that_do_not_fit(tmp_path):
    with pytest.raises(InputError, match="safetensors"):
        train(SMALL, PHI, toy(), tmp_path / "head.pt")
    with pytest.raises(InputError, match="front_end"):
        train(SMALL, replace(PHI, rings=5), toy(), tmp_path / "head.safetensors")
    with pytest.raises(InputError, match="fit"):
        train(SMALL, PHI, toy(3), tmp_path / "head.safetensors")


@pytest.mark.parametrize(
    "change",
    [{"psnr": 0}, {"radius": -1}, {"draws": 3}, {"ema": 1}, {"whole": 1.5}, {"batch": 4}, {"seed": -1}, {"steps": 0},
     {"seed": 2**63}, {"large": 1}, {"lr": math.nan}, {"width": ()}, {"width": (0.4, 0)}],
)  # fmt: skip
def test_wrong_settings(change):
    with pytest.raises(InputError, match=next(iter(change))):
        HeadConfig(**change)


def test_a_width_for_each_data_set():
    config = replace(SMALL, width=(0.4, 0.3))
    assert (config.widths(2), SMALL.widths(2)) == ((0.4, 0.3), (0.4, 0.4))
    assert HeadConfig.from_mapping(json.loads(config.to_json())) == config
    with pytest.raises(InputError, match="width"):
        HeadTrainer(replace(SMALL, width=(0.4, 0.3, 0.2)), toy(), None)


def test_settings_as_plain_data():
    assert HeadConfig.from_mapping(json.loads(SMALL.to_json())) == SMALL
    assert HeadConfig(psnr=36.0, radius=3.0).sigma == pytest.approx(10**-1.8 / 3)


def test_summary_shows_only_what_the_draws_can_show():
    head, examples = random_head(), toy(30)
    scores = noisy_scores(head, examples, 0.01, 500, 0)
    found = summary(scores, examples, ("a", "b"), 0.01, (48.0, 30.0))
    assert set(found) == {"a", "b"}
    assert "tau_over_sd_48" in found["a"]
    assert "tau_over_sd_30" not in found["a"]


# -- files ------------------------------------------------------------------------------------------------------------


def test_a_file_is_a_metric(tmp_path):
    head, path = random_head(), tmp_path / "mine.safetensors"
    sha256 = write_head(head, PHI.to_dict(), {"licence": "CC0-1.0"}, path)
    assert sha256 == write_head(head, PHI.to_dict(), {"licence": "CC0-1.0"}, tmp_path / "again.safetensors")
    metric = metrics.load(str(path), "cpu")
    card = metrics.card(str(path))
    assert (metric.name, card.licence, metric.certified_n, metric.certified_sigma) == (
        "mine",
        "CC0-1.0",
        100_000,
        0.003,
    )
    images = torch.rand(2, 3, 40, 50)
    torch.testing.assert_close(metric(images), head(PHI.of_tensor(images)))
    assert metric.front_end == PHI
    with pytest.raises(InputError, match="weights"):
        metrics.load(str(path), "cpu", weights="x")
    with pytest.raises(WeightsError, match="sha256"):
        read_head(path, sha256="0" * 64)
    with pytest.raises(InputError, match="sha256"):
        read_head(path, sha256="0")


def test_files_that_are_no_heads(tmp_path):
    path = tmp_path / "x.safetensors"
    with pytest.raises(WeightsError, match="cannot be read"):
        read_head(path)
    path.write_bytes(b"nonsense")
    with pytest.raises(WeightsError, match="whole"):
        read_head(path)
    head = random_head()
    head.front_end_digest = "0" * 64
    write_head(head, PHI.to_dict(), {}, path)
    with pytest.raises(WeightsError, match="another version"):
        metrics.load(str(path), "cpu")
    write_head(head, {"name": "nobody"}, {}, path)
    with pytest.raises(WeightsError, match="no front end"):
        metrics.load(str(path), "cpu")
    with torch.no_grad():
        head.biases[0][0, 0, 0] = math.nan
    write_head(head, PHI.to_dict(), {}, path)
    with pytest.raises(WeightsError, match="NaN"):
        read_head(path)

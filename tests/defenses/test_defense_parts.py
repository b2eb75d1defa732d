"""The pieces of the training: losses, the inner attack, labels, graphs, windows, splits, recipes, settings."""

import itertools
import json
import math
from collections import Counter
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from certiqa.data.sets.dataset import DataSet
from certiqa.data.sets.record import Record
from certiqa.defenses import METHODS, RECIPES, DefenseConfig, GradientNorm, recipe, scaled_lambda
from certiqa.defenses.graph import check_gradient, where_it_breaks
from certiqa.defenses.livec_split import is_nt_test, nt_part_of, nt_test_part, splitting, training_names
from certiqa.defenses.losses import (
    TASK_LOSSES,
    agreement_loss,
    order_loss,
    plcc_loss,
    rank_correlation,
    task_loss,
    within_groups,
)
from certiqa.defenses.objective import Objective
from certiqa.defenses.pgd import lowered, worst_images
from certiqa.defenses.prepare import check_pool
from certiqa.defenses.seeded import reinitialise, seeded
from certiqa.defenses.windows import (
    Windows,
    contents_of_step,
    development_windows,
    rated_images,
    training_windows,
)
from certiqa.errors import InputError, ModelError, UnknownNameError
from certiqa.training.pictures import ImagePool, TrainingImage, part_of

CPU = torch.device("cpu")
CONFIG = DefenseConfig("clean", steps=4, batch=4, crop=32)
ONE_SET = torch.zeros(9, dtype=torch.long)


# -- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        DefenseConfig("nt", lam=1e-3, epochs=2, std=(0.2, 0.3, 0.4), score_range=(0, 1), backbone=("a.", "b.")),
        DefenseConfig("clean", steps=3, batch=8, shares=(6, 2), ema=0.9, start_share=0.5),
    ],
)
def test_configs_are_json(config):
    assert DefenseConfig.from_json(config.to_json()) == config
    assert set(json.loads(config.to_json())) == {one.name for one in fields(DefenseConfig)}


@pytest.mark.parametrize(("text", "found"), [("{}", "'method'"), ("3", "a JSON object"), ("{", "must be JSON")])
def test_bad_json(text, found):
    with pytest.raises(InputError, match=found):
        DefenseConfig.from_json(text)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"method": "sam"}, "'method'"),
        ({"method": "nt"}, "'lam' must be > 0 for 'nt'"),
        ({"method": "nt", "lam": -1e-3}, "'lam' must be a finite number >= 0"),
        ({"method": "nt", "lam": 1, "h": 0}, "'h' must be a finite number > 0"),
        ({"method": "nt", "lam": 1, "h": -1}, "'h' must be"),
        ({"method": "nt", "lam": math.nan}, "'lam'"),
        ({"method": "noise"}, "'sigma' must be > 0 for 'noise'"),
        ({"ramp": 2}, r"'ramp' must be in \[0, 1\]"),
        ({"ramp": -0.1}, "'ramp' must be"),
        ({"ema": 1}, r"'ema' must be in \[0, 1\).*Try ema=0.99"),
        ({"ema": -0.1}, "'ema' must be a finite number >= 0"),
        ({"start_share": 1}, r"'start_share' must be in \[0, 1\).*Try start_share=0.5"),
        ({"start_share": 0.5, "scratch": True}, "'start_share' must be 0 with scratch"),
        ({"batch": 8, "shares": (5, 2)}, r"'shares' must sum to batch \(8\)"),
        ({"batch": 8, "shares": (8, 0)}, "'shares' must be a tuple of integers > 0"),
        ({"batch": 8, "shares": (4.0, 4.0)}, "'shares' must be a tuple of integers > 0"),
        ({"batch": 8, "shares": 8}, "'shares' must be a tuple of integers > 0"),
        ({"batch": 8, "shares": (7, 1), "task_loss": "agreement"}, "at least 2 each for the loss 'agreement'"),
        ({"batch": 8, "shares": (4, 4), "balance": True}, "'shares' must be empty with balance"),
        ({"sigma": 25}, "grey levels"),
        ({"eps": 4}, "grey levels"),
        ({"eps": 0}, "'eps'"),
        ({"norm": "linf"}, "'norm'"),
        ({"power": 3}, "'power'"),
        ({"std": (0.1, 0.2)}, "'std'"),
        ({"task_loss": "huber"}, "'task_loss'"),
        ({"task_loss": "plcc", "batch": 1}, "at least 2 for the loss 'plcc'"),
        ({"score_range": (1, 0)}, "'score_range' must be None or"),
        ({"steps": None}, "'steps' or 'epochs' must be given"),
        ({"epochs": 3}, "not both"),
        ({"steps": 0}, "'steps'"),
        ({"lr": 0}, "'lr'"),
        ({"batch": 2.5}, "'batch'"),
        ({"crop": 8}, "'crop'"),
        ({"adversarial": 0}, "'adversarial'"),
        ({"label_drop": 20}, "'label_drop'"),
        ({"optimizer": "sgd"}, "'optimizer'"),
        ({"schedule": "step"}, "'schedule'"),
        ({"layers": "frozen"}, "'layers'"),
        ({"split": "livec"}, "'split'"),
        ({"backbone": "body."}, "'backbone'"),
        ({"bfloat16": 1}, "'bfloat16'"),
        ({"seed": -1}, "'seed'"),
        ({"stesp": 3}, "Did you mean 'steps'"),
    ],
)
def test_bad_configs(change, found):
    with pytest.raises(InputError, match=found):
        DefenseConfig.from_mapping({"method": "clean", "steps": 3, **change})


def test_the_length_of_a_run():
    config = DefenseConfig("clean", epochs=3, crops_per_image=2, batch=4)
    assert config.steps_for(10) == 15
    assert config.steps_for(11) == 17
    assert CONFIG.steps_for(1000) == 4
    assert DefenseConfig("at", steps=1, eps=0.02, attack_steps=5).attack_step == pytest.approx(0.01)


def test_recipes_are_configs_and_say_what_is_not_published():
    assert set(RECIPES) == {"hyperiqa", "dbcnn", "linearityiqa", "maniqa", "clipiqa+", "builtin"}
    for name, one in RECIPES.items():
        for method in ("nt", "at", "clean"):
            assert one.config(method).method == method
        assert one.config("noise", sigma=0.1).lam == 0
        assert set(one.unknown) <= {field.name for field in fields(DefenseConfig)}
        assert name == "hyperiqa" or {"lam", "h"} <= set(one.unknown)
        assert one.note
        assert one.config(steps=7).steps == 7
    published = recipe("pyiqa:hyperiqa").config()
    assert (published.lam, published.h, published.task_loss, published.lr) == (5e-4, 0.01, "mae", 2e-5)
    assert (published.head_lr, published.weight_decay, published.batch) == (10.0, 5e-4, 16)
    assert (published.epochs, published.crops_per_image, published.crop) == (16, 25, 224)
    assert published.std == (0.229, 0.224, 0.225)
    assert set(RECIPES["hyperiqa"].unknown) == {"schedule"}
    with pytest.raises(UnknownNameError, match="Did you mean 'maniqa'"):
        recipe("pyiqa:manqa")


@pytest.mark.parametrize("loss", TASK_LOSSES)
@pytest.mark.parametrize("power", [1, 2])
def test_scaled_lambda_leaves_the_balance(kinds, pictures, loss, power):
    """Scores times c: the loss, divided by what the task loss became, weighs the penalty as before."""
    images, c = pictures(4), 0.01
    model = kinds["smooth"](dtype=torch.float64).eval()
    mos = torch.tensor([10.0, 60.0, 30.0, 80.0], dtype=torch.float64)
    penalty = GradientNorm(1e-3, power=power)
    shares = []
    for factor, lam in ((1.0, 1e-3), (c, scaled_lambda(1e-3, loss, c, power=power))):

        def scaled(x, factor=factor):
            return factor * model(x)

        task = task_loss(loss, 100 * factor)
        shares.append(float((lam * penalty(scaled, images) / task(scaled(images), factor * mos)).detach()))
    assert shares[0] == pytest.approx(shares[1], rel=1e-3)


def test_bad_scalings():
    for arguments, found in (((0, "mae", 1), "'lam'"), ((1, "mae", 0), "'factor'"), ((1, "l1", 1), "Unknown task")):
        with pytest.raises(InputError, match=found):
            scaled_lambda(*arguments)


# -- losses -----------------------------------------------------------------------------------------------------------


def test_task_losses():
    from scipy import stats

    rng = np.random.default_rng(0)
    scores, mos = torch.from_numpy(rng.normal(size=9)), torch.from_numpy(rng.normal(size=9))
    assert float(plcc_loss(scores, mos)) == pytest.approx((1 - stats.pearsonr(scores, mos).statistic) / 2)
    assert float(task_loss("mae")(scores, mos)) == pytest.approx(float((scores - mos).abs().mean()))
    assert float(task_loss("mse")(scores, mos)) == pytest.approx(float((scores - mos).square().mean()))
    assert rank_correlation(scores, mos) == pytest.approx(stats.spearmanr(scores, mos).statistic)
    assert math.isnan(rank_correlation(scores[:4], mos[:4]))
    same = torch.full((9,), 49.900001526)  # their standard deviation is a rounding error above 0
    assert math.isnan(rank_correlation(same, mos))
    assert math.isnan(rank_correlation(scores, same))
    flat = torch.ones(5, requires_grad=True)
    plcc_loss(flat, torch.arange(5.0)).backward()
    assert bool(flat.grad.isfinite().all())


def test_the_loss_of_agreement():
    rng = np.random.default_rng(1)
    scores, mos = (torch.from_numpy(rng.uniform(0, 100, size=7)) for _ in range(2))
    pairs = [
        -p * math.log(q) - (1 - p) * math.log(1 - q)
        for a, b in itertools.product(range(7), repeat=2)
        for p, q in [[1 / (1 + math.exp(-float(one[a] - one[b]) / 5)) for one in (mos, scores)]]
    ]
    assert float(order_loss(scores, mos, 5.0)) == pytest.approx(sum(pairs) / 49)
    wanted = plcc_loss(scores, mos) + (scores - mos).square().mean() / 800 + order_loss(scores, mos, 5.0)
    assert float(agreement_loss(scores, mos)) == pytest.approx(float(wanted))
    assert float(task_loss("agreement", 1.0)(scores / 100, mos / 100)) == pytest.approx(float(wanted))
    own = mos.clone().requires_grad_(True)
    agreement_loss(own, mos).backward()
    assert float(own.grad.abs().max()) < 1e-9, "least where the scores are the human scores"
    narrowed = 50 + 0.2 * (mos - 50)
    assert plcc_loss(narrowed, mos) < 1e-9 < agreement_loss(mos, mos) < agreement_loss(narrowed, mos)


def test_losses_that_compare_images_do_so_within_a_data_set():
    scores = torch.tensor([1.0, 3.0, 2.0, 9.0, 7.0, 5.0], requires_grad=True)
    mos = torch.tensor([10.0, 20.0, 30.0, 15.0, 5.0, 60.0])
    groups = torch.tensor([4, 4, 4, 0, 0, 7])
    found = within_groups(plcc_loss, scores, mos, groups)
    wanted = 3 / 5 * plcc_loss(scores[:3], mos[:3]) + 2 / 5 * plcc_loss(scores[3:5], mos[3:5])
    assert found.item() == pytest.approx(wanted.item())
    found.backward()
    assert float(scores.grad[5]) == 0.0
    alone = within_groups(plcc_loss, scores[:2], mos[:2], groups[2:4])
    alone.backward()
    assert alone.item() == 0.0
    scores = scores.detach()
    for loss in ("plcc", "norm-in-norm", "agreement"):
        objective = Objective(replace(CONFIG, task_loss=loss), 100.0, False)
        one = float(objective.task_loss(scores[:5], mos[:5], groups[:5]))
        other = float(objective.task_loss(scores[:5] + 20 * groups[:5], mos[:5], groups[:5]))
        if loss == "agreement":
            assert one != pytest.approx(other, rel=1e-3), "the scale counts"
        else:
            assert one == pytest.approx(other, rel=1e-5), loss
        assert one != pytest.approx(float(objective.task_loss(scores[:5], mos[:5], ONE_SET[:5])), rel=1e-3)


# -- the inner attack -------------------------------------------------------------------------------------------------


def test_the_attack_finds_the_worst_case_of_a_linear_model(toys):
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(3, 8, 8, generator=generator)
    model, images = toys.Linear(weight), torch.rand(4, 3, 8, 8, generator=generator)
    images[0], images[1] = images[0].round(), 0.5
    start = 2 * torch.rand(4, 3, 8, 8, generator=generator) - 1
    eps, away = 0.05, torch.tensor([1.0, -1.0, 1.0, -1.0])
    found = worst_images(model, images, away, start, eps=eps, steps=10, step_size=0.25 * eps)
    up = torch.where(
        weight > 0, torch.minimum(1 - images, torch.tensor(eps)), -torch.minimum(images, torch.tensor(eps))
    )
    down = torch.where(
        weight < 0, torch.minimum(1 - images, torch.tensor(eps)), -torch.minimum(images, torch.tensor(eps))
    )
    wanted = images + torch.where(away.view(-1, 1, 1, 1) > 0, up, down)
    assert torch.allclose(found, wanted, atol=1e-6)
    assert not found.requires_grad
    one_step = worst_images(model, images, away, start, eps=eps, steps=1, step_size=0.25 * eps)
    assert not torch.allclose(one_step, wanted, atol=1e-3), "the test can fail"


def test_the_attack_stays_in_the_ball_and_in_the_box(smooth, pictures):
    images = pictures(4, dtype=torch.float32)
    start = torch.ones_like(images)
    found = worst_images(smooth, images, torch.ones(4), start, eps=0.3, steps=3, step_size=0.3)
    assert float((found - images).abs().max()) <= 0.3 + 1e-6
    assert float(found.min()) >= 0
    assert float(found.max()) <= 1
    assert bool((smooth(found) > smooth(images)).all())


def test_labels_of_attacked_images(pictures):
    images = torch.full((3, 3, 4, 4), 0.5)
    changed = images.clone()
    changed[1] += 0.1
    changed[2, :, :2] -= 0.1
    mos = torch.tensor([50.0, 60.0, 70.0])
    for lower_better, sign in ((False, -1), (True, 1)):
        found = lowered(mos, images, changed, eps=0.1, drop=20.0, lower_better=lower_better)
        wanted = mos + sign * torch.tensor([0.0, 20.0, 20.0 / math.sqrt(2)])
        assert torch.allclose(found, wanted, atol=1e-4)


@pytest.mark.parametrize("share", [1.0, 0.25])
def test_the_loss_of_adversarial_training(smooth, pictures, share):
    images = pictures(4, dtype=torch.float32, size=(32, 32))
    mos = torch.tensor([0.0, 100.0, 0.0, 100.0])
    config = replace(CONFIG, method="at", eps=0.02, attack_steps=4, adversarial=share, label_drop=0.1)
    windows = Windows(images, mos, ONE_SET[: len(mos)], torch.zeros_like(images))
    terms = Objective(config, 100.0, False)(smooth, windows)
    clean = smooth(images)
    away = torch.where(clean >= mos, 1.0, -1.0)
    assert bool((away * (terms.scores - clean) > 0).all()), "away from the labels"
    assert torch.allclose(terms.labels, mos - 10.0, atol=3.0)
    adversarial = (terms.scores - terms.labels).abs().mean()
    wanted = share * adversarial + (1 - share) * (clean - mos).abs().mean()
    assert terms.total.item() == pytest.approx(wanted.item(), rel=1e-5)


def test_the_loss_of_nt_and_its_forward_passes(smooth, pictures):
    calls = []
    smooth.double().register_forward_hook(lambda *_: calls.append(1))
    images, mos = pictures(3, size=(32, 32)), torch.tensor([10.0, 40.0, 90.0])
    config = replace(CONFIG, method="nt", lam=1e-3, h=0.01)
    terms = Objective(config, 100.0, False)(smooth, Windows(images, mos, ONE_SET[: len(mos)], None))
    assert len(calls) == 2, "clean, and moved"
    task = (smooth(images) - mos).abs().mean()
    penalty = GradientNorm(0.01)(smooth, images)
    assert terms.total.item() == pytest.approx((task + 1e-3 * penalty).item(), rel=1e-9)
    ours = torch.autograd.grad(terms.total, list(smooth.parameters()))
    theirs = torch.autograd.grad(task + 1e-3 * penalty, list(smooth.parameters()))
    assert all(torch.allclose(a, b, rtol=1e-6, atol=1e-9) for a, b in zip(ours, theirs, strict=True))


def test_part_of_lambda_and_of_eps(smooth, pictures):
    images, mos = pictures(3, size=(32, 32)), torch.tensor([10.0, 40.0, 90.0])
    nt, at = replace(CONFIG, method="nt", lam=4e-3, h=0.01), replace(CONFIG, method="at", eps=8 / 255, attack_steps=2)
    start = torch.ones_like(images)
    for config, weaker in ((nt, replace(nt, lam=1e-3)), (at, replace(at, eps=2 / 255))):
        windows = Windows(images, mos, ONE_SET[: len(mos)], start)
        part = Objective(config, 100.0, False)(smooth.double(), windows, strength=0.25)
        assert part.total.item() == Objective(weaker, 100.0, False)(smooth, windows).total.item()
        assert part.total.item() < Objective(config, 100.0, False)(smooth, windows).total.item()


def test_the_penalty_is_never_in_bfloat16(smooth, pictures):
    images, mos = pictures(3, dtype=torch.float32, size=(32, 32)), torch.zeros(3)
    config = replace(CONFIG, method="nt", lam=1e-3, h=0.0023)
    plain, half = (
        Objective(replace(config, bfloat16=flag), 100.0, False)(smooth, Windows(images, mos, ONE_SET[: len(mos)], None))
        for flag in (False, True)
    )
    assert torch.allclose(plain.norms, half.norms, rtol=1e-4)
    assert not torch.equal(plain.scores, half.scores)
    assert torch.allclose(plain.scores, half.scores, atol=2.0)


# -- graphs -----------------------------------------------------------------------------------------------------------


class Cut(nn.Module):
    def __init__(self, where):
        super().__init__()
        self.where = where
        self.conv, self.head = nn.Conv2d(3, 2, 3), nn.Linear(2, 1)

    def forward(self, images):
        images = images.detach() if self.where == "before" else images
        maps = self.conv(images)
        maps = maps.detach() if self.where == "between" else maps
        return (self.head(maps.mean((2, 3))).squeeze(1).round() if self.where == "round" else self._end(maps)).flatten()

    def _end(self, maps):
        scores = self.head(maps.mean((2, 3))).squeeze(1)
        return scores.detach() if self.where == "after" else scores


class Pixels(nn.Module):
    """Goes through NumPy."""

    def forward(self, images):
        return torch.from_numpy(images.detach().numpy().mean((2, 3)))


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("before", "before the module 'conv'"),
        ("between", "after the module 'conv'"),
        ("after", "after the module 'head'"),
    ],
)
def test_where_the_graph_breaks(pictures, where, found):
    model, images = Cut(where), pictures(2, dtype=torch.float32)
    with pytest.raises(ModelError, match=found):
        check_gradient(model, images)
    assert all(p.requires_grad for p in model.parameters())
    assert not model.conv._forward_hooks


def test_a_module_that_cuts_a_round_that_flattens_and_a_whole_graph(pictures):
    images = pictures(2, dtype=torch.float32)
    inner = nn.Sequential(nn.Conv2d(3, 3, 1), Pixels(), nn.Linear(3, 1), nn.Flatten(0))
    assert where_it_breaks(inner.requires_grad_(False), images) == "in the module '1' (Pixels)"
    with pytest.raises(ModelError, match="zero everywhere"):
        check_gradient(Cut("round"), images)
    assert where_it_breaks(Cut("nowhere"), images) is None
    check_gradient(Cut("nowhere"), images)
    assert "NumPy" in where_it_breaks(lambda x: x.detach().mean((1, 2, 3)), images)


# -- windows and splits -----------------------------------------------------------------------------------------------


def dataset(names, scores, *, lower_better=False, name="livec", root="."):
    records = tuple(
        Record(Path(root) / n, n, s, None, n, None, i) for i, (n, s) in enumerate(zip(names, scores, strict=True))
    )
    return DataSet(name, Path(root), records, (0.0, 100.0), lower_better, "", "", ())


def test_human_scores_on_the_scale_of_the_metric():
    given = dataset(["a.jpg", "b.jpg"], [20.0, 100.0])
    assert [one.mos for one in rated_images(given, (0, 1), lower_better=False)] == pytest.approx([0.2, 1.0])
    assert [one.mos for one in rated_images(given, (0, 100), lower_better=True)] == pytest.approx([80.0, 0.0])
    dmos = dataset(["a.jpg", "b.jpg"], [20.0, 100.0], lower_better=True)
    assert [one.mos for one in rated_images(dmos, (0, 100), lower_better=False)] == pytest.approx([80.0, 0.0])
    assert [one.mos for one in rated_images(dmos, (-1, 1), lower_better=True)] == pytest.approx([-0.6, 1.0])


def test_windows_are_functions_of_seed_step_and_slot(pool, toys):
    config = replace(CONFIG, method="at", sigma=0.1)
    states = toys.states()
    whole = training_windows(pool, config, 7, range(4), CPU)
    halves = [training_windows(pool, config, 7, slots, CPU) for slots in (range(2), range(2, 4))]
    assert toys.states() == states
    for name in ("images", "mos", "start"):
        assert torch.equal(getattr(whole, name), torch.cat([getattr(half, name) for half in halves]))
    for other in (training_windows(pool, config, 8, range(4), CPU),
                  training_windows(pool, replace(config, seed=1), 7, range(4), CPU)):  # fmt: skip
        assert not torch.equal(other.start, whole.start)
    assert float(whole.images.min()) >= 0
    assert float(whole.images.max()) <= 1
    assert training_windows(pool, CONFIG, 7, range(4), CPU).start is None
    looks = [development_windows(pool, replace(config, steps=steps), range(3), CPU) for steps in (1, 9)]
    assert torch.equal(looks[0].images, looks[1].images)
    assert torch.equal(looks[0].start, looks[1].start)


def test_every_image_as_often_as_told(pool):
    config = replace(CONFIG, batch=2 * len(pool.fit), crops_per_image=2)
    drawn = sorted(contents_of_step(pool, config, 0))
    wanted = sorted(2 * [pool.images[i].content for i in pool.fit])
    assert drawn == wanted
    windows = training_windows(pool, config, 0, range(config.batch), CPU)
    assert sorted(windows.mos.tolist()) == pytest.approx(sorted(2 * [pool.images[i].mos for i in pool.fit]))
    assert all(part_of(content) == "fit" for content in drawn)


def test_balanced_batches(rated):
    images = [replace(one, group=int(number % 10 < 3)) for number, one in enumerate(rated)]
    pool = ImagePool(images, 32)
    assert sorted(sum(pool.fit_by_group, ())) == sorted(pool.fit)
    config = replace(CONFIG, batch=5, balance=True)
    steps = 30
    group_of = {one.content: one.group for one in images}
    drawn = [contents_of_step(pool, config, step) for step in range(steps)]
    assert all([group_of[content] for content in batch] == [0, 1, 0, 1, 0] for batch in drawn)
    for group, own in enumerate(pool.fit_by_group):
        counts = Counter(content for batch in drawn for content in batch if group_of[content] == group)
        wanted = steps * (3 - group) / len(own)
        assert set(counts) == {pool.images[i].content for i in own}
        assert {math.floor(wanted), math.ceil(wanted)} >= set(counts.values()), "each as often as the others"
    windows = training_windows(pool, config, 3, range(5), CPU)
    assert windows.groups.tolist() == [0, 1, 0, 1, 0]
    assert windows.mos.tolist() == [next(one.mos for one in images if one.content == c) for c in drawn[3]]
    large = sum(group_of[content] for step in range(30) for content in contents_of_step(pool, CONFIG, step))
    assert large / (30 * CONFIG.batch) < 0.4, "without it, the larger set has the larger share"
    with pytest.raises(InputError, match="'batch' must be at least 4 with balance: two windows of each of the 2 data"):
        check_pool(pool, replace(config, batch=3))
    check_pool(pool, replace(config, batch=4))
    check_pool(pool, replace(config, batch=3, balance=False))


def test_shares_of_a_batch(rated):
    images = [replace(one, group=(0, 0, 0, 0, 0, 3, 3, 3, 5, 5)[number % 10]) for number, one in enumerate(rated)]
    pool = ImagePool(images, 32)
    config = replace(CONFIG, batch=7, shares=(1, 4, 2))
    check_pool(pool, config)
    group_of = {one.content: one.group for one in images}
    steps = 30
    drawn = [contents_of_step(pool, config, step) for step in range(steps)]
    assert all([group_of[content] for content in batch] == [0, 3, 3, 3, 3, 5, 5] for batch in drawn)
    for own, share in zip(pool.fit_by_group, config.shares, strict=True):
        group = pool.images[own[0]].group
        counts = Counter(content for batch in drawn for content in batch if group_of[content] == group)
        wanted = steps * share / len(own)
        assert {math.floor(wanted), math.ceil(wanted)} >= set(counts.values()), "each as often as the others"
        assert sum(counts.values()) == steps * share
    even = replace(CONFIG, batch=6, shares=(2, 2, 2))
    balanced = replace(CONFIG, batch=6, balance=True)
    for step in range(9):
        one, other = (sorted(contents_of_step(pool, config, step)) for config in (even, balanced))
        assert one == other, "equal shares are a balance"
    with pytest.raises(InputError, match="'shares' must be one number for each of the 3 data sets"):
        check_pool(pool, replace(config, batch=5, shares=(1, 4)))


def test_the_papers_split():
    names = training_names()
    assert len(names) == 929
    assert all(nt_part_of(name) in ("fit", "development") for name in names)
    assert 80 < sum(nt_part_of(name) == "development" for name in names) < 160
    listed = sorted(names)[0]
    assert not is_nt_test(listed)
    assert not is_nt_test(listed.replace(".jpg", ".bmp").upper())
    assert is_nt_test("not there.bmp")
    assert splitting("nt-livec") is nt_part_of
    assert splitting("certiqa") is part_of
    whole = dataset([listed, "not there.bmp"], [10.0, 20.0])
    assert [record.name for record in nt_test_part(whole).records] == ["not there.bmp"]
    with pytest.raises(InputError, match="not on the list of the training part; all 1 are"):
        nt_test_part(dataset([listed], [10.0]))
    with pytest.raises(InputError, match="must be 'livec'"):
        nt_test_part(dataset([listed], [10.0], name="csiq"))


def test_a_test_image_of_the_papers_split_is_never_read():
    class Poison:
        def __getattr__(self, name):
            raise RuntimeError("read")

    listed = sorted(training_names())[:20]
    pixels = np.zeros((3, 32, 32), np.uint8)
    images = [TrainingImage(pixels, name, 1.0) for name in listed] + [TrainingImage(Poison(), "new.bmp", 1.0)]
    pool = ImagePool(images, 32, part=nt_part_of)
    assert len(pool) == 20
    with pytest.raises(RuntimeError, match="read"):
        ImagePool(images, 32, part=lambda content: "fit")


@pytest.mark.shared
def test_the_list_is_that_of_the_data(shared_data):
    from certiqa.data import open_dataset

    found = open_dataset("livec", shared_data / "livec")
    assert {content.casefold() for content in found.contents()} == training_names()


# -- randomness -------------------------------------------------------------------------------------------------------


def test_borrowed_randomness(toys):
    states = toys.states()
    with seeded(CPU, 1, "x"):
        one = nn.functional.dropout(torch.ones(50))
    with seeded(CPU, 1, "x"):
        same = nn.functional.dropout(torch.ones(50))
    with seeded(CPU, 2, "x"):
        other = nn.functional.dropout(torch.ones(50))
    assert toys.states() == states
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_fresh_weights(kinds, toys):
    models = [kinds["withnorm"](seed) for seed in (0, 1, 2)]
    states = toys.states()
    for model, seed in zip(models, (5, 5, 6), strict=True):
        reinitialise(model, seed)
    assert toys.states() == states
    first, second, third = (model.body[0].weight for model in models)
    assert torch.equal(first, second)
    assert not torch.equal(first, third)
    with pytest.raises(ModelError, match="Linear has parameters and no reset_parameters"):
        reinitialise(toys.Linear(torch.ones(3, 2, 2)), 0)


def test_methods():
    assert METHODS == ("nt", "at", "clean", "noise")

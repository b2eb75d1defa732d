"""Training: that it learns and flattens, that a killed run ends where the whole one ends, and what it refuses."""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

import certiqa
from certiqa import defenses, metrics
from certiqa.defenses import DefenseConfig, exact_gradient_norm, train
from certiqa.defenses.losses import rank_correlation
from certiqa.defenses.windows import development_windows
from certiqa.errors import InputError, ModelError, ModelOutputError, WeightsError
from certiqa.metrics import MetricCard, MetricModule
from certiqa.metrics.builtin import BuiltinMetric, Widths
from certiqa.metrics.tuned import read_tuned
from certiqa.training.pictures import ImagePool, TrainingImage

CPU = torch.device("cpu")
CONFIG = DefenseConfig(
    "clean", task_loss="mae", lr=5e-3, weight_decay=0.0, batch=8, crop=32, steps=12, validate_every=4,
    validation_images=8, checkpoint_every=5,
)  # fmt: skip
METHODS = {
    "clean": {},
    "nt": {"method": "nt", "lam": 1e-5, "h": 0.005},
    "at": {"method": "at", "eps": 4 / 255, "attack_steps": 2, "label_drop": 0.05, "adversarial": 0.5, "ramp": 0.75},
    "noise": {"method": "noise", "sigma": 0.1},
    "nt under noise": {"method": "nt", "lam": 1e-5, "sigma": 0.1, "norm": "l2", "power": 1},
    "means of weights": {"ema": 0.9, "start_share": 0.25},
}


@pytest.fixture(autouse=True)
def _quick(one_thread):
    pass


def weights(path):
    return Path(path).read_bytes()


def configured(name="clean", **changes):
    return replace(CONFIG, **{**METHODS[name], **changes})


# -- it learns --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def long_runs(pool, kinds_of, tmp_path_factory):
    """The same start, trained without and with the penalty."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("long")
    found = {}
    for name, changes in {"clean": {}, "nt": {"method": "nt", "lam": 3e-5, "h": 0.002}}.items():
        config = replace(CONFIG, lr=3e-2, steps=200, validate_every=100, checkpoint_every=200, **changes)
        train(config, kinds_of["smooth"]().eval(), pool, folder / f"{name}.safetensors")
        found[name] = defenses.load(folder / f"{name}.safetensors", base=kinds_of["smooth"]())
    torch.set_num_threads(threads)
    return found


@pytest.fixture(scope="module")
def kinds_of():
    from tests.defenses.conftest import Smooth, WithNorm

    return {"smooth": Smooth, "withnorm": WithNorm}


def test_it_learns_and_the_penalty_flattens(long_runs, pool, kinds_of):
    windows = development_windows(pool, CONFIG, range(8), CPU)
    before = kinds_of["smooth"]().eval()
    srocc = {name: rank_correlation(model(windows.images), windows.mos) for name, model in long_runs.items()}
    norm = {name: exact_gradient_norm(model, windows.images).mean().item() for name, model in long_runs.items()}
    assert rank_correlation(before(windows.images).detach(), windows.mos) < 0.5
    assert srocc["clean"] > 0.9
    assert srocc["nt"] > 0.5
    assert norm["nt"] < 0.5 * norm["clean"]


@pytest.mark.parametrize("loss", ["mse", "plcc", "norm-in-norm"])
def test_every_task_loss_lowers_itself(tmp_path, pool, kinds_of, loss):
    config = configured(task_loss=loss, steps=60, validate_every=30, lr=3e-3)
    train(config, kinds_of["smooth"](), pool, tmp_path / "a.safetensors")
    looks = [json.loads(line)["validation"] for line in (tmp_path / "a.safetensors.jsonl").read_text().splitlines()]
    start = replace(config, lr=1e-12, steps=1)
    train(start, kinds_of["smooth"](), pool, tmp_path / "b.safetensors")
    (first,) = (json.loads(line)["validation"] for line in (tmp_path / "b.safetensors.jsonl").read_text().splitlines())
    assert looks[-1]["loss"] < first["loss"]
    assert set(looks[-1]) == {"loss", "task", "srocc", "rmse", "gradient"}


# -- resuming ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("kind", ["smooth", "withnorm"])
def test_a_run_that_is_cut_and_resumed(tmp_path, pool, kinds_of, toys, name, kind):
    config = configured(name, layers="train" if kind == "withnorm" else "eval", patience=9)
    states = toys.states()
    metric = kinds_of[kind]().eval()
    states = toys.states()
    before = {key: value.clone() for key, value in metric.state_dict().items()}
    whole = train(config, metric, pool, tmp_path / "whole.safetensors")
    assert toys.states() == states
    assert all(torch.equal(value, before[key]) for key, value in metric.state_dict().items()), "a copy was trained"
    assert not metric.training

    def stop(step, steps, record):
        if step == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config, metric, pool, tmp_path / "cut.safetensors", report=stop)
    assert not (tmp_path / "cut.safetensors").exists()
    resumed = train(config, metric, pool, tmp_path / "cut.safetensors", resume=True)
    assert resumed.resumed_at == 5
    assert weights(resumed.path) == weights(whole.path)
    logs = [(tmp_path / f"{one}.safetensors.jsonl").read_text().splitlines() for one in ("whole", "cut")]
    plain = [[{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in log] for log in logs]
    assert plain[0] == plain[1]
    again = train(config, metric, pool, tmp_path / "cut.safetensors", resume=True)
    assert weights(again.path) == weights(whole.path)


def test_the_penalty_grows_over_the_ramp(tmp_path, pool, kinds_of):
    """With a ramp over the whole run, step i of N has weighed the penalty i/N times as much."""
    lines = {}
    for name, ramp in (("none", 0.0), ("whole", 1.0)):
        config = configured("nt", ramp=ramp, steps=4, lr=1e-30, validate_every=1, lam=1e-2)
        train(config, kinds_of["smooth"](), pool, tmp_path / f"{name}.safetensors")
        text = (tmp_path / f"{name}.safetensors.jsonl").read_text()
        lines[name] = [json.loads(line) for line in text.splitlines()]
    for number, (one, two) in enumerate(zip(lines["none"], lines["whole"], strict=True), 1):
        assert two["task"] == one["task"]
        assert two["loss"] - two["task"] == pytest.approx((one["loss"] - one["task"]) * number / 4, rel=1e-4)
        assert two["validation"]["loss"] == one["validation"]["loss"], "looks are at the whole"


def test_seeds_matter_and_repeat(tmp_path, pool, kinds_of):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train(configured("at", seed=seed), kinds_of["smooth"](), pool, tmp_path / f"{name}.safetensors")
    a, b, c = (weights(tmp_path / f"{name}.safetensors") for name in "abc")
    assert a == b
    assert a != c


KILLED = """
import sys, torch
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.defenses.conftest import Smooth, waves
from certiqa.defenses import DefenseConfig, train
from certiqa.training.pictures import ImagePool, TrainingImage
from certiqa.training.workers import workers
torch.set_num_threads(1)
images = [TrainingImage(waves(i), f"waves {{i}}", 90.0 - 8.0 * (i % 10)) for i in range(80)]
pool = ImagePool(images, 32)
def report(step, steps, record):
    print(step, flush=True)
with workers(torch.device("cpu")):
    for number, config in enumerate({configs!r}):
        train(DefenseConfig.from_json(config), Smooth().eval(), pool, Path(f"{{sys.argv[1]}}{{number}}.safetensors"),
              report=report, device=torch.device("cpu"))
"""
ROOT = str(Path(__file__).parents[2])


def test_kill_9(tmp_path, pool, kinds_of):
    config = configured("nt", steps=30, checkpoint_every=3)
    code = KILLED.format(root=ROOT, configs=[config.to_json()])
    out = tmp_path / "killed0.safetensors"
    child = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "killed")], stdout=subprocess.PIPE, text=True)
    with child:
        for line in child.stdout:
            if int(line) >= 8:
                os.kill(child.pid, signal.SIGKILL)
                break
    assert not out.exists()
    resumed = train(config, kinds_of["smooth"]().eval(), pool, out, resume=True)
    assert 6 <= resumed.resumed_at < 30
    whole = train(config, kinds_of["smooth"]().eval(), pool, tmp_path / "whole.safetensors")
    assert weights(out) == weights(whole.path)


def _free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return str(one.getsockname()[1])


def test_two_processes_do_what_one_does(tmp_path, pool, kinds_of):
    kinds = (METHODS["nt"], {"task_loss": "plcc", "method": "at"})
    configs = [replace(CONFIG, **changes, steps=4, optimizer="adamw", lr=1e-3) for changes in kinds]
    code = KILLED.format(root=ROOT, configs=[config.to_json() for config in configs])
    port = _free_port()
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "two")],
            env={**os.environ, "RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": str(rank),
                 "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
        )
        for rank in range(2)
    ]  # fmt: skip
    assert [child.wait(timeout=120) for child in children] == [0, 0]
    start = kinds_of["smooth"]().state_dict()
    for number, config in enumerate(configs):
        train(config, kinds_of["smooth"]().eval(), pool, tmp_path / f"one{number}.safetensors")
        one, two = (read_tuned(tmp_path / f"{name}{number}.safetensors")[1] for name in ("one", "two"))
        for key, value in one.items():
            assert torch.allclose(value, two[key], rtol=1e-3, atol=2e-4)
            assert not torch.allclose(value, start[key], rtol=1e-3, atol=2e-4), "something was learned"


# -- what is kept -----------------------------------------------------------------------------------------------------


def test_patience_keeps_the_best(tmp_path, pool, kinds_of):
    config = configured(steps=100, lr=1e-9, validate_every=2, patience=3, optimizer="adamw")
    done = train(config, kinds_of["smooth"](), pool, tmp_path / "a.safetensors")
    assert done.stopped_early or done.steps == 100
    wild = configured(steps=40, lr=3.0, schedule="constant", validate_every=2, patience=4)
    done = train(wild, kinds_of["smooth"](), pool, tmp_path / "b.safetensors")
    looks = [json.loads(line) for line in (tmp_path / "b.safetensors.jsonl").read_text().splitlines()]
    best = min(looks, key=lambda one: one["validation"]["loss"])
    assert done.stopped_early
    assert done.kept_step == best["step"] < done.steps


def finals(tmp_path, pool, kinds_of, config, counts):
    """The weights after so many steps: a constant rate makes a shorter run the beginning of a longer one."""
    found = []
    for steps in counts:
        train(replace(config, steps=steps), kinds_of["smooth"](), pool, tmp_path / f"{steps}.safetensors")
        found.append(read_tuned(tmp_path / f"{steps}.safetensors")[1])
    return found


def test_means_of_weights(tmp_path, pool, kinds_of):
    """Of runs of 1 to 5 steps the averages are known; looks are at them, and training goes on from its own weights."""
    plain = configured(schedule="constant", steps=5, validate_every=5)
    start = {name: value.clone() for name, value in kinds_of["smooth"]().state_dict().items()}
    raw = finals(tmp_path, pool, kinds_of, plain, range(1, 6))
    mean = start
    for number, state in enumerate(raw):
        keep = min(0.5, (1 + number) / (10 + number))
        mean = {name: keep * value + (1 - keep) * state[name] for name, value in mean.items()}
    assert 3 / 12 < 0.5 < 10 / 18, "the factor grows first"
    wanted = {
        "ema": ({"ema": 0.5}, mean),
        "mixed": ({"start_share": 0.25}, {name: 0.75 * raw[-1][name] + 0.25 * start[name] for name in start}),
        "both": ({"ema": 0.5, "start_share": 0.25}, {name: 0.75 * mean[name] + 0.25 * start[name] for name in start}),
    }
    windows = development_windows(pool, plain, range(8), CPU)
    for name, (changes, weights_of) in wanted.items():
        out = tmp_path / f"{name}.safetensors"
        # looks between the steps must not change what comes after them
        train(replace(plain, validate_every=1, **changes), kinds_of["smooth"](), pool, out)
        found = read_tuned(out)[1]
        for key in start:
            assert torch.allclose(found[key], weights_of[key], rtol=1e-5, atol=1e-6), (name, key)
        assert any(not torch.allclose(found[key], raw[-1][key], rtol=1e-3, atol=1e-4) for key in start), name
        metric = defenses.load(out, base=kinds_of["smooth"]())
        with torch.no_grad():
            loss = (metric(windows.images) - windows.mos).abs().mean().item()
        log = [json.loads(line) for line in Path(f"{out}.jsonl").read_text().splitlines()]
        assert log[-1]["validation"]["loss"] == pytest.approx(loss, rel=1e-4), "what is kept is looked at"


def test_a_longer_memory_than_the_run(tmp_path, pool, kinds_of):
    """The average of one step is nearly that step, however long its memory: the start is forgotten at once."""
    config = configured(schedule="constant", steps=1, validate_every=1)
    (raw,) = finals(tmp_path, pool, kinds_of, config, [1])
    start = kinds_of["smooth"]().state_dict()
    train(replace(config, ema=0.999), kinds_of["smooth"](), pool, tmp_path / "a.safetensors")
    found = read_tuned(tmp_path / "a.safetensors")[1]
    assert all(torch.allclose(found[key], 0.1 * start[key] + 0.9 * raw[key], atol=1e-6) for key in start)


def test_head_backbone_and_frozen(tmp_path, pool, kinds_of):
    start = kinds_of["smooth"]().state_dict()
    config = configured(backbone=("body.",), head_lr=10.0, frozen=("body.0.",), lr=1e-4, schedule="constant", steps=1)
    train(config, kinds_of["smooth"](), pool, tmp_path / "a.safetensors")
    _, found = read_tuned(tmp_path / "a.safetensors")
    moved = {name: (value - start[name]).abs().max().item() for name, value in found.items()}
    assert moved["body.0.weight"] == moved["body.0.bias"] == 0
    assert moved["body.2.weight"] == pytest.approx(1e-4, rel=0.01), "one step of Adam is lr"
    assert moved["head.weight"] == pytest.approx(1e-3, rel=0.01)


def test_eval_layers_leave_the_statistics(tmp_path, pool, kinds_of):
    start = kinds_of["withnorm"]().state_dict()
    for layers in ("eval", "train"):
        train(
            configured("nt", layers=layers, steps=3), kinds_of["withnorm"](), pool, tmp_path / f"{layers}.safetensors"
        )
        _, found = read_tuned(tmp_path / f"{layers}.safetensors")
        assert torch.equal(found["body.1.running_mean"], start["body.1.running_mean"]) == (layers == "eval")


def test_scratch(tmp_path, pool, kinds_of):
    for name, start in (("a", 0), ("b", 1)):
        train(configured(scratch=True, steps=2), kinds_of["smooth"](start), pool, tmp_path / f"{name}.safetensors")
    a, b = (read_tuned(tmp_path / f"{name}.safetensors")[1] for name in "ab")
    assert all(torch.equal(value, b[name]) for name, value in a.items()), "whatever the weights were"


# -- files ------------------------------------------------------------------------------------------------------------


class Carded(MetricModule):
    """A registered metric."""

    def __init__(self):
        super().__init__(MetricCard("carded", "for tests", False, (0.0, 100.0), True, trained_on=("koniq10k",)))
        self.net = nn.Conv2d(3, 1, 3)

    def forward(self, images):
        return 100 * torch.sigmoid(self.net(images).mean((1, 2, 3)))


@pytest.fixture
def carded():
    with torch.random.fork_rng():
        metrics.register(Carded().card, lambda device, weights: Carded().to(device).requires_grad_(False).eval())
    yield metrics.load("carded", "cpu")
    metrics.registry.unregister("carded")


@pytest.mark.parametrize(
    ("value", "name", "words"), [(math.inf, "net.bias", "infinite"), (math.nan, "mask", "NaN"), (-math.inf, "mask", "")]
)
def test_parameters_are_finite_and_masks_may_be_infinite(tmp_path, pool, carded, value, name, words):
    carded.register_buffer("mask", torch.zeros(2))
    train(configured("nt"), carded, pool, tmp_path / "mine.safetensors")
    with safe_open(tmp_path / "mine.safetensors", "pt") as file:
        header, tensors = file.metadata(), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    tensors[name][0] = value
    save_file(tensors, tmp_path / "odd.safetensors", header)
    if words:
        with pytest.raises(WeightsError, match=words):
            defenses.load(tmp_path / "odd.safetensors", base=carded)
    else:
        assert defenses.load(tmp_path / "odd.safetensors", base=carded).mask[0] == value


def test_the_card_and_the_name(tmp_path, pool, carded):
    out = tmp_path / "mine.safetensors"
    done = train(configured("nt"), carded, pool, out, data=["livec"], licence="CC0-1.0")
    metric = metrics.load(str(out), "cpu")
    assert metric.name == "carded+nt"
    assert metric.card == metrics.card(str(out))
    assert (metric.output_range, metric.range_enforced, metric.lower_better) == ((0.0, 100.0), True, False)
    assert metric.card.trained_on == ("koniq10k", "livec")
    assert (metric.card.licence, metric.card.weights_sha256) == ("CC0-1.0", done.sha256)
    assert metric.tuned.training["config"] == configured("nt").as_mapping()
    assert metric.tuned.base_sha256
    assert not any(p.requires_grad for p in metric.parameters())
    assert torch.equal(defenses.load(out).net.weight, metric.net.weight)
    certificate = certiqa.certify(metric, torch.zeros(3, 8, 8, dtype=torch.uint8), 0.1, n=60, seed=1)
    assert certificate.provenance.model == "carded+nt"
    again = train(configured("at"), metric, pool, tmp_path / "two.safetensors", data=["agiqa3k"])
    second = metrics.load(str(again.path), "cpu")
    assert (second.name, second.tuned.data) == ("carded+at", ("agiqa3k", "livec"))
    assert second.tuned.training["start"] == done.sha256


def test_the_built_in_metric(tmp_path, pool, toys):
    """Its network, small: the packaged weights are not needed."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        metric = BuiltinMetric(Widths(stem=(4, 4), stages=(4, 4), hidden=4)).requires_grad_(False).eval()
    out = tmp_path / "mine.safetensors"
    train(configured("nt"), metric, pool, out, data=["livec"])
    states = toys.states()
    found = metrics.load(str(out), "cpu")
    assert toys.states() == states
    assert type(found) is BuiltinMetric
    assert (found.name, found.output_range, found.range_enforced) == ("builtin+nt", (0.0, 100.0), True)
    assert found.card.trained_on == ("agiqa3k", "livec")
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert not torch.equal(found(images), metric(images))
    other = BuiltinMetric(Widths(stem=(4, 4), stages=(4, 4), hidden=5))
    with pytest.raises(WeightsError, match="another architecture than 'builtin' has here: 3 tensors differ"):
        defenses.load(out, base=other)


def test_bad_files(tmp_path, pool, kinds_of):
    out = tmp_path / "mine.safetensors"
    train(configured(steps=1), kinds_of["smooth"](), pool, out)
    with pytest.raises(InputError, match=r"belong to the metric 'smooth'.*base=your_metric"):
        metrics.load(str(out), "cpu")
    with pytest.raises(WeightsError, match="another architecture than 'smooth' has here: 9 tensors"):
        defenses.load(out, base=kinds_of["withnorm"]())
    mine = defenses.load(out, base=kinds_of["smooth"]())
    assert mine.name == "smooth+clean"
    with pytest.raises(InputError, match="holds the weights itself"):
        metrics.load(str(out), "cpu", weights=out)
    with pytest.raises(WeightsError, match="cannot be read: No such file"):
        metrics.load(str(tmp_path / "nowhere.safetensors"), "cpu")
    (tmp_path / "cut.safetensors").write_bytes(out.read_bytes()[:-9])
    with pytest.raises(WeightsError, match="not a whole safetensors file"):
        metrics.load(str(tmp_path / "cut.safetensors"), "cpu")
    from safetensors.torch import save_file

    save_file({"a": torch.ones(1)}, tmp_path / "plain.safetensors")
    with pytest.raises(WeightsError, match="do not say which metric they belong to"):
        metrics.card(str(tmp_path / "plain.safetensors"))
    save_file({"a": torch.ones(1)}, tmp_path / "odd.safetensors", {"certiqa-defense": "{}"})
    with pytest.raises(WeightsError, match="not a metric's card"):
        metrics.load(str(tmp_path / "odd.safetensors"), "cpu")


# -- what goes wrong --------------------------------------------------------------------------------------------------


class Poisoned(nn.Module):
    """NaN for one picture, from some call on."""

    name = "poisoned"

    def __init__(self, inner, above, calls=0):
        super().__init__()
        self.inner, self.above, self.calls = inner, above, calls

    def forward(self, images):
        self.calls -= 1
        scores = self.inner(images)
        bad = (images.mean((1, 2, 3)) > self.above) & torch.tensor(self.calls < 0)
        return scores + torch.where(bad, math.nan, 0.0)


@pytest.mark.parametrize(("name", "share"), [("clean", 0), ("nt", 0), ("at", 0), ("nt", 0.25)])
def test_a_nan_stops_with_the_last_good_checkpoint_and_names_the_images(tmp_path, rated, kinds_of, name, share):
    white = TrainingImage(np.full((3, 40, 36), 255, np.uint8), "the white one", 50.0)
    pool = ImagePool([*rated, white], 32)
    assert white.content in {pool.images[i].content for i in pool.fit}, "the rule must put it there"
    out = tmp_path / "mine.safetensors"
    config = configured(name, steps=60, checkpoint_every=1000, eps=1e-3, start_share=share)
    metric = Poisoned(kinds_of["smooth"](), 0.99).eval()
    with pytest.raises(ModelError, match=r"step \d+ is not finite, on the images 'the white one'\. Try.* kept in"):
        train(config, metric, pool, out)
    assert not out.exists()
    state = torch.load(f"{out}.checkpoint", weights_only=True)["state"]
    assert all(bool(value.isfinite().all()) for value in state["task"]["network"].values())
    assert 0 < state["step"] < 60
    good = defenses.load(tmp_path / "mine.last-good.safetensors", base=metric)
    assert good.tuned.training["steps"] == state["step"]
    begun, ended = metric.state_dict(), state["task"]["network"]
    wanted = {key: torch.lerp(value, begun[key], share) for key, value in ended.items()}
    assert all(torch.equal(value, wanted[key]) for key, value in good.state_dict().items())
    good = train(
        replace(config, steps=60), Poisoned(kinds_of["smooth"](), 2.0).eval(), pool, tmp_path / "b.safetensors"
    )
    assert good.steps == 60, "the test can fail"


def test_a_gradient_that_is_not_finite(tmp_path, pool, kinds_of):
    class Root(nn.Module):
        """Its value is finite, its gradient at zero is not."""

        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(()))

        def forward(self, images):
            return self.weight.square().sqrt() + images.mean((1, 2, 3))

    with pytest.raises(ModelError, match="The gradient of step 1 is not finite, on the batch with the images 'waves"):
        train(configured(), Root(), pool, tmp_path / "a.safetensors")


class Bad(nn.Module):
    def __init__(self, how):
        super().__init__()
        self.how, self.weight = how, nn.Parameter(torch.ones(1))

    def forward(self, images):
        scores = self.weight * images.mean((1, 2, 3))
        return {
            "detached": lambda: scores.detach(),
            "cut": lambda: self.weight * images.detach().mean((1, 2, 3)),
            "mean": lambda: scores.mean(),
            "nan": lambda: scores * math.nan,
        }[self.how]()


@pytest.mark.parametrize(
    ("how", "method", "error", "found"),
    [
        ("detached", "clean", ModelError, "nothing can be learned"),
        ("cut", "nt", ModelError, "the graph breaks in the metric's own forward"),
        ("cut", "at", ModelError, "the graph breaks in the metric's own forward"),
        ("mean", "clean", ModelOutputError, "one score per image"),
        ("nan", "clean", ModelError, "not finite"),
    ],
)
def test_bad_metrics_are_refused_before_the_first_step(tmp_path, pool, how, method, error, found):
    with pytest.raises(error, match=found):
        train(configured(method), Bad(how), pool, tmp_path / "a.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_metric_without_an_image_gradient_can_be_trained_clean(tmp_path, pool):
    done = train(configured(), Bad("cut"), pool, tmp_path / "a.safetensors")
    assert "gradient" not in done.validation


def test_what_else_is_refused(tmp_path, pool, rated, kinds_of, toys):
    smooth, out = kinds_of["smooth"](), tmp_path / "a.safetensors"
    frozen = kinds_of["smooth"]()
    small = ImagePool([one for one in rated if one.content in ("waves 1", "waves 2")], 32)
    nameless = ImagePool([*rated[:20], replace(rated[20], mos=math.nan)], 32)
    cases = [
        (configured(), smooth, pool, tmp_path / "a.pt", "must end in .safetensors"),
        (configured(), lambda x: x, pool, out, "must be a torch.nn.Module"),
        (configured(), toys.Wrapped(toys.mean), pool, out, "parameters to train; this one has none"),
        (configured(frozen=("body.", "head.")), frozen, pool, out, "to train"),
        (configured(backbone=("res.",)), smooth, pool, out, "such as body.0"),
        (configured(crop=64), smooth, pool, out, "at most that of the pool of images, 32"),
        (configured(patience=2), smooth, small, out, "must leave 5 images at least for development"),
        (configured(), smooth, nameless, out, "human score for every image"),
    ]
    for config, metric, images, path, found in cases:
        with pytest.raises(InputError, match=found):
            train(config, metric, images, path)
    one = ImagePool([one for one in rated if one.content == "waves 1"], 32)
    with pytest.raises(InputError, match="must leave 2 images at least to train on"):
        train(configured(), smooth, one, out)
    least = kinds_of["smooth"]()
    least.min_size = 48
    with pytest.raises(InputError, match="'crop' must be at least 48"):
        train(configured(), least, pool, out)
    assert not list(tmp_path.iterdir())


def test_checkpoints_of_other_runs(tmp_path, pool, kinds_of):
    out = tmp_path / "a.safetensors"
    train(configured(), kinds_of["smooth"](), pool, out)
    with pytest.raises(InputError, match="must not have a checkpoint"):
        train(configured(), kinds_of["smooth"](), pool, out)
    with pytest.raises(InputError, match="has another config"):
        train(configured("nt"), kinds_of["smooth"](), pool, out, resume=True)
    with pytest.raises(InputError, match="has another metric"):
        train(configured(), kinds_of["smooth"](1), pool, out, resume=True)
    with pytest.raises(InputError, match="has another data"):
        train(configured(), kinds_of["smooth"](), ImagePool(pool.images[:40], 32), out, resume=True)
    Path(f"{out}.checkpoint").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="cannot be read"):
        train(configured(), kinds_of["smooth"](), pool, out, resume=True)


def test_time_is_what_it_says(tmp_path, pool, kinds_of):
    """A look every validate_every steps and at the end, no more."""
    begun = time.perf_counter()
    train(configured(steps=10, validate_every=4), kinds_of["smooth"](), pool, tmp_path / "a.safetensors")
    steps = [json.loads(line)["step"] for line in (tmp_path / "a.safetensors.jsonl").read_text().splitlines()]
    assert steps == [4, 8, 10]
    assert time.perf_counter() - begun < 60

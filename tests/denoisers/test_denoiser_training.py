"""Training: what a run may read, that it learns, and that a killed run ends where the whole one ends."""

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
from PIL import Image
from torch import nn

from certiqa import denoisers
from certiqa.data.splits import is_validation
from certiqa.denoisers import UNetConfig, build
from certiqa.denoisers.config import TrainingConfig
from certiqa.denoisers.draws import development_batch, training_batch
from certiqa.denoisers.objective import Objective, frozen
from certiqa.denoisers.pictures import ImagePool, TrainingImage, from_folder, is_development, renumbered
from certiqa.denoisers.trainer import learning_rate
from certiqa.denoisers.training import train
from certiqa.errors import CertiqaError, ImageError, InputError, ModelError, UnknownNameError, WeightsError

CPU = torch.device("cpu")
CONFIG = TrainingConfig(
    architecture=UNetConfig(unshuffle=2, widths=(8, 12), down=(0,), middle=1, up=(0,)),
    sigma=(0.1, 0.3), crop=32, batch=4, steps=12, lr=3e-3, ema=0.9, validate_every=4, validation_images=6,
    checkpoint_every=5, bfloat16=False,
)  # fmt: skip


@pytest.fixture(scope="module")
def pool(waves_images):
    return ImagePool(waves_images, 32)


@pytest.fixture(autouse=True)
def _quick(one_thread):
    pass


def weights(path):
    return Path(path).read_bytes()


# -- the config -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "config", [CONFIG, TrainingConfig(), TrainingConfig(architecture="dncnn-small", sigma=0.12, mse=0, ranking=1)]
)
def test_configs_are_json(config):
    assert TrainingConfig.from_json(config.to_json()) == config
    assert json.loads(config.to_json())["architecture"]["kind"] in ("unet", "dncnn")
    assert TrainingConfig.from_mapping({"steps": 3}) == TrainingConfig(steps=3)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"sigma": 0}, "'sigma'"),
        ({"sigma": (0.3, 0.1)}, "lowest level first"),
        ({"sigma": (0.1, 0.2, 0.3)}, "a pair"),
        ({"sigma": 25}, "grey levels"),
        ({"mse": 0.0}, "one weight > 0"),
        ({"target": -1}, "'target'"),
        ({"ranking": math.nan}, "'ranking'"),
        ({"ranking_kind": "softrank"}, "'ranking_kind'"),
        ({"ranking": 1, "batch": 1}, "at least 2 for the ranking loss"),
        ({"temperature": 0}, "'temperature'"),
        ({"crop": 16}, "'crop'"),
        ({"steps": 0}, "'steps'"),
        ({"batch": 2.5}, "'batch'"),
        ({"lr": 0}, "'lr'"),
        ({"ema": 1}, "'ema'"),
        ({"seed": -1}, "'seed'"),
        ({"seed": 2**63}, "below"),
        ({"patience": -1}, "'patience'"),
        ({"bfloat16": "yes"}, "'bfloat16'"),
        ({"architecture": "unet"}, "Unknown architecture"),
        ({"stesp": 3}, "Did you mean 'steps'"),
    ],
)
def test_bad_configs(change, found):
    with pytest.raises(InputError, match=found):
        TrainingConfig.from_mapping(change)


@pytest.mark.parametrize("text", ["", "3", "{"])
def test_bad_json(text):
    with pytest.raises(InputError, match="must be"):
        TrainingConfig.from_json(text)


def test_the_learning_rate_rises_and_falls():
    config = replace(CONFIG, steps=1000)
    rates = [learning_rate(config, step) for step in range(1000)]
    assert rates[0] < 0.05 * config.lr
    assert max(rates) == pytest.approx(config.lr, rel=0.01)
    assert 30 <= rates.index(max(rates)) <= 50
    assert 0 < rates[-1] < 1e-4 * config.lr


# -- the images -------------------------------------------------------------------------------------------------------


def test_the_validation_part_is_never_read(waves_images):
    class Poison:
        def __getattr__(self, name):
            raise RuntimeError("read")

    images = [replace(one, source=Poison()) if is_validation(one.content) else one for one in waves_images]
    assert sum(is_validation(one.content) for one in images) > 3
    pool = ImagePool(images, 32)
    parts = [{pool.images[i].content for i in part} for part in (pool.fit, pool.development)]
    assert not parts[0] & parts[1]
    assert parts[0] | parts[1] == {one.content for one in waves_images if not is_validation(one.content)}
    assert parts[1] == {content for content in parts[0] | parts[1] if is_development(content)}


def test_memory_changes_nothing(waves_images):
    pools = [ImagePool(waves_images, 32, memory=memory) for memory in (0, 20_000, 10**9)]
    assert len({pool.digest for pool in pools}) == 1
    assert [len(pool._kept) for pool in pools] == [0, 2, len(pools[0])]
    batches = [training_batch(pool, CONFIG, 3, range(4), CPU).noisy for pool in pools]
    assert torch.equal(batches[0], batches[1])
    assert torch.equal(batches[0], batches[2])
    other = [replace(waves_images[0], mos=9.0), *waves_images[1:]]
    assert ImagePool(other, 32).digest != pools[0].digest


def test_folders(tmp_path, waves_images):
    (tmp_path / "deep").mkdir()
    for i, name in enumerate(["a.png", "deep/b.PNG", "c.bmp"]):
        Image.fromarray(waves_images[i].source.transpose(1, 2, 0)).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    images = from_folder(tmp_path)
    assert [one.content for one in images] == ["a.png", "c.bmp", "deep/b.PNG"]
    assert np.array_equal(images[2].read(), waves_images[1].source)
    assert all(math.isnan(one.mos) for one in images)
    assert [one.group for one in renumbered([images, images])] == [0, 0, 0, 1, 1, 1]
    (tmp_path / "deep" / "b.PNG").write_text("no image")
    with pytest.raises(ImageError, match=r"b\.PNG"):
        ImagePool([replace(one, content="waves 1") for one in images], 32)


def test_bad_images(tmp_path, waves_images):
    with pytest.raises(InputError, match="a folder with images"):
        from_folder(tmp_path)
    with pytest.raises(InputError, match="must fit into every image; waves 1 has 48x56"):
        ImagePool(waves_images[1:], 50)
    only = [one for one in waves_images if is_validation(one.content)]
    with pytest.raises(InputError, match="not of the validation part"):
        ImagePool(only, 32)


# -- what a step sees -------------------------------------------------------------------------------------------------


def test_a_batch_is_a_function_of_seed_step_and_slot(pool, toys):
    states = toys.states()
    whole = training_batch(pool, CONFIG, 7, range(4), CPU)
    halves = [training_batch(pool, CONFIG, 7, slots, CPU) for slots in (range(2), range(2, 4))]
    assert toys.states() == states
    for name in ("clean", "noisy", "sigma", "groups"):
        parts = torch.cat([getattr(half, name) for half in halves])
        assert torch.equal(getattr(whole, name), parts), "workers see what one process sees"
    for other in (
        training_batch(pool, CONFIG, 8, range(4), CPU),
        training_batch(pool, replace(CONFIG, seed=1), 7, range(4), CPU),
    ):
        assert not torch.equal(other.noisy - other.clean, whole.noisy - whole.clean)
    assert whole.clean.min() >= 0
    assert whole.clean.max() <= 1


def test_every_image_once_an_epoch_and_the_noise_is_as_stated(pool):
    config = replace(CONFIG, batch=len(pool.fit), sigma=(0.1, 0.4))
    batch = training_batch(pool, config, 0, range(config.batch), CPU)
    noise = (batch.noisy - batch.clean) / batch.sigma.view(-1, 1, 1, 1)
    assert noise.std().item() == pytest.approx(1, abs=5 / math.sqrt(2 * noise.numel()))
    assert noise.mean().item() == pytest.approx(0, abs=5 / math.sqrt(noise.numel()))
    assert batch.noisy.min() < 0, "not clipped"
    assert 0.1 <= batch.sigma.min() < 0.13 < 0.3 < batch.sigma.max() <= 0.4
    wanted = sorted((pool.images[i].mos, pool.images[i].group) for i in pool.fit)
    drawn = sorted(zip(batch.mos.tolist(), batch.groups.tolist(), strict=True))
    np.testing.assert_allclose(drawn, wanted, atol=1e-6)
    fixed = training_batch(pool, replace(config, sigma=0.12), 0, range(4), CPU)
    assert torch.allclose(fixed.sigma, torch.tensor(0.12))


def test_the_development_part_is_the_same_at_every_look(pool):
    one, two = (development_batch(pool, replace(CONFIG, steps=steps), range(3), CPU) for steps in (1, 9))
    assert torch.equal(one.noisy, two.noisy)
    torch.testing.assert_close(one.sigma, torch.tensor([0.1, math.sqrt(0.03), 0.3]))


# -- learning ---------------------------------------------------------------------------------------------------------


def test_it_learns_to_denoise(pool, tmp_path, toys):
    config = replace(CONFIG, steps=120, batch=8, validate_every=40, sigma=0.2)
    states, calls = toys.states(), []
    done = train(config, pool, tmp_path / "mse.safetensors", device=CPU, report=lambda *told: calls.append(told))
    assert toys.states() == states
    assert [call[0] for call in calls] == list(range(1, 121))
    looks = [json.loads(line) for line in (tmp_path / "mse.safetensors.jsonl").read_text().splitlines()]
    assert [look["step"] for look in looks] == [40, 80, 120]
    assert [call[2] for call in calls if call[2]] == looks
    assert looks[-1]["validation"] == done.validation
    assert done.validation["mse"] < 0.7 * 0.2**2
    assert done.validation["psnr"] > 15
    net = denoisers.load(done.path)
    assert net.card.sha256 == done.sha256
    assert net.card.losses == {"mse": 1.0}
    assert net.card.metric is net.card.metric_sha256 is None
    assert net.card.sigma_range == (0.2, 0.2)
    assert TrainingConfig.from_mapping(net.card.training["config"]) == config
    batch = development_batch(pool, config, range(6), CPU)
    assert (net(batch.noisy, 0.2) - batch.clean).square().mean().item() == pytest.approx(
        done.validation["mse"], rel=1e-3
    )


@pytest.mark.parametrize(
    ("losses", "name"),
    [
        ({"mse": 1.0}, "mse"),
        ({"target": 1.0}, "target"),
        ({"ranking": 1.0}, "ranking"),
        ({"ranking": 1.0, "ranking_kind": "soft-rank", "temperature": 0.3}, "ranking"),
    ],
)
def test_each_loss_alone_can_be_learned_through_the_frozen_metric(losses, name, pool, sharpness):
    objective = Objective(replace(CONFIG, **({"mse": 0.0} | losses)), sharpness)
    batch = training_batch(pool, CONFIG, 0, range(8), CPU)
    net = build(CONFIG.architecture, seed=0)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    values = []
    with frozen(sharpness):
        for _ in range(80):
            images, scores = objective.denoised(net, batch)
            loss = objective.losses(images, scores, batch)[name]
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            values.append(loss.item())
    assert values[-1] < 0.7 * values[0]
    assert sharpness.weight.grad is None
    assert sharpness.weight.requires_grad, "put back as it was"


def test_training_through_a_metric_leaves_the_metric_alone(pool, tmp_path, sharpness):
    before = sharpness.weight.detach().clone()
    config = replace(CONFIG, target=0.1, ranking=0.1, ranking_kind="soft-rank")
    done = train(config, pool, tmp_path / "x.safetensors", metric=sharpness, device=CPU)
    assert {"loss", "mse", "psnr", "target", "ranking"} <= set(done.validation)
    assert torch.equal(sharpness.weight, before)
    assert sharpness.weight.grad is None
    assert sharpness.weight.requires_grad
    card = denoisers.load(done.path).card
    assert card.metric == "sharpness"
    assert len(card.metric_sha256) == 64
    assert card.losses == {"mse": 1.0, "target": 0.1, "ranking": 0.1}


def test_bfloat16_and_a_start(pool, tmp_path, sharpness):
    begun = train(replace(CONFIG, bfloat16=True), pool, tmp_path / "a.safetensors", device=CPU)
    config = replace(CONFIG, steps=2, target=0.1, lr=1e-9, ema=0.0, bfloat16=True)
    begin = denoisers.load(begun.path)
    done = train(config, pool, tmp_path / "b.safetensors", metric=sharpness, start=begin, device=CPU)
    for one, other in zip(begin.parameters(), denoisers.load(done.path).parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)
    assert denoisers.load(done.path).card.training["start"]


def test_early_stopping_keeps_the_best(pool, tmp_path):
    config = replace(CONFIG, steps=400, validate_every=2, patience=3, lr=0.3, grad_clip=100.0, ema=0.0)
    done = train(config, pool, tmp_path / "x.safetensors", device=CPU)
    looks = [json.loads(line) for line in (tmp_path / "x.safetensors.jsonl").read_text().splitlines()]
    losses = {look["step"]: look["validation"]["loss"] for look in looks}
    assert done.stopped_early
    assert done.steps < 400
    assert done.kept_step == min(losses, key=losses.get) == done.steps - 3 * 2
    batch = development_batch(pool, config, range(6), CPU)
    net = denoisers.load(done.path)
    kept = (net(batch.noisy, batch.sigma) - batch.clean).square().mean().item()
    assert kept == pytest.approx(losses[done.kept_step], rel=1e-3)


# -- killed and resumed -----------------------------------------------------------------------------------------------


class Stop(Exception):  # noqa: N818
    pass


def stopping_at(step):
    def report(done, steps, record):
        if done == step:
            raise Stop

    return report


@pytest.mark.parametrize("losses", [{}, {"target": 0.1, "ranking": 0.1, "patience": 2}])
def test_an_interrupted_run_ends_where_the_whole_one_ends(losses, pool, tmp_path, sharpness):
    config = replace(CONFIG, **losses)
    whole = train(config, pool, tmp_path / "whole.safetensors", metric=sharpness, device=CPU)
    out, stops = tmp_path / "parts.safetensors", [3, 6, 9, 12]
    for step in stops:
        with pytest.raises(Stop):
            train(config, pool, out, metric=sharpness, device=CPU, resume=True, report=stopping_at(step))
    done = train(config, pool, out, metric=sharpness, device=CPU, resume=True)
    assert done.resumed_at == 10
    assert weights(done.path) == weights(whole.path)
    assert done.validation == whole.validation
    logs = [[json.loads(line) for line in Path(f"{path}.jsonl").read_text().splitlines()] for path in (whole.path, out)]
    assert [{**line, "seconds": 0} for line in logs[0]] == [{**line, "seconds": 0} for line in logs[1]]
    again = train(config, pool, out, metric=sharpness, device=CPU, resume=True)
    assert again.resumed_at == again.steps == 12
    assert again.sha256 == done.sha256


def test_another_seed_is_another_result(pool, tmp_path):
    one, two = (train(replace(CONFIG, seed=s), pool, tmp_path / f"{s}.safetensors", device=CPU) for s in (0, 1))
    assert one.sha256 != two.sha256


SCRIPT = """
import sys, torch
sys.path.insert(0, {here!r})
from conftest import waves
from certiqa.denoisers.config import TrainingConfig
from certiqa.denoisers.objective import Objective, frozen
from certiqa.denoisers.pictures import ImagePool, TrainingImage
from certiqa.denoisers.training import train
torch.set_num_threads(1)
images = [TrainingImage(waves(i), f"waves {{i}}", float(i % 7) / 3 - 1, i % 2) for i in range(80)]
config = TrainingConfig.from_json({config!r})
from pathlib import Path
pool = ImagePool(images, 32)
metric = None
if config.needs_metric:
    from conftest import Sharpness
    metric = Sharpness().eval()
train(config, pool, Path({out!r}), metric=metric, device=torch.device("cpu"), resume=True)
"""


def script(config, out):
    return SCRIPT.format(here=str(Path(__file__).parent), config=config.to_json(), out=str(out))


def test_a_run_killed_without_warning_resumes_to_the_same_bits(pool, tmp_path):
    config = replace(CONFIG, steps=1500, checkpoint_every=1, validate_every=20)
    out = tmp_path / "killed.safetensors"
    checkpoint = tmp_path / "killed.safetensors.checkpoint"
    process = subprocess.Popen([sys.executable, "-c", script(config, out)], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    _, complaint = process.communicate()
    assert process.returncode == -signal.SIGKILL, complaint
    assert not out.exists()
    state = torch.load(checkpoint, weights_only=True)["state"]
    assert 0 < state["step"] < config.steps, "killed in the middle"
    # the rest of a long run costs what it costs: go on for a few steps, and compare with a run that nobody disturbed
    stop = state["step"] + 5
    states = []
    for path in (out, tmp_path / "whole.safetensors"):
        with pytest.raises(Stop):
            train(config, pool, path, device=CPU, resume=True, report=stopping_at(stop + 1))
        states.append(torch.load(f"{path}.checkpoint", weights_only=True)["state"])
    assert states[0]["step"] == states[1]["step"] == stop
    tasks = [state["task"] for state in states]
    for part in ("network", "ema"):
        assert all(torch.equal(tasks[0][part][name], tasks[1][part][name]) for name in tasks[0][part])
    for one, other in zip(
        tasks[0]["optimizer"]["state"].values(), tasks[1]["optimizer"]["state"].values(), strict=True
    ):
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_checkpoint_of_another_run_is_refused(pool, waves_images, tmp_path, sharpness):
    out = tmp_path / "x.safetensors"
    with pytest.raises(Stop):
        train(CONFIG, pool, out, device=CPU, report=stopping_at(6))
    with pytest.raises(InputError, match=r"must not have a checkpoint .*--resume"):
        train(CONFIG, pool, out, device=CPU)
    with pytest.raises(InputError, match=r"has another config\. "):
        train(replace(CONFIG, lr=1e-4), pool, out, device=CPU, resume=True)
    with pytest.raises(InputError, match=r"has another data\. "):
        train(CONFIG, ImagePool(waves_images[:60], 32), out, device=CPU, resume=True)
    with pytest.raises(InputError, match=r"has another metric\. "):
        train(CONFIG, pool, out, metric=sharpness, device=CPU, resume=True)
    with pytest.raises(InputError, match=r"has another start\. "):
        train(CONFIG, pool, out, start=build(CONFIG.architecture, seed=3), device=CPU, resume=True)
    checkpoint = tmp_path / "x.safetensors.checkpoint"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with pytest.raises(WeightsError, match="cannot be read"):
        train(CONFIG, pool, out, device=CPU, resume=True)


# -- many processes ---------------------------------------------------------------------------------------------------


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_two_processes_train_what_one_trains(pool, tmp_path, sharpness):
    config = replace(CONFIG, steps=5, target=0.1, ranking=0.1)
    one = train(config, pool, tmp_path / "one.safetensors", metric=sharpness, device=CPU)
    out = tmp_path / "two.safetensors"
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script(config, out)],
            env=os.environ | common | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    complaints = [process.communicate(timeout=100)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], complaints
    for a, b in zip(denoisers.load(one.path).parameters(), denoisers.load(out).parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=2e-5)
    logs = [json.loads(Path(f"{path}.jsonl").read_text().splitlines()[-1]) for path in (one.path, out)]
    assert logs[0]["validation"]["loss"] == pytest.approx(logs[1]["validation"]["loss"], rel=1e-3)
    assert logs[0]["ranking"] == pytest.approx(logs[1]["ranking"], rel=1e-3), "over the whole batch, not the shares"


@pytest.mark.parametrize("world", ["two", ""])
def test_a_broken_environment(world, pool, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", world)
    with pytest.raises(InputError, match="WORLD_SIZE"):
        train(CONFIG, pool, tmp_path / "x.safetensors")


# -- what cannot be trained -------------------------------------------------------------------------------------------


@torch.no_grad()
def without_gradient(images):
    return images.mean((1, 2, 3))


def test_bad_runs(pool, waves_images, tmp_path, sharpness):
    out, through = tmp_path / "x.safetensors", replace(CONFIG, target=1.0)
    with pytest.raises(InputError, match=r"must end in \.safetensors"):
        train(CONFIG, pool, tmp_path / "x.pt")
    with pytest.raises(InputError, match="'metric' must be given"):
        train(through, pool, out)
    with pytest.raises(InputError, match="'start' must have the architecture"):
        train(CONFIG, pool, out, start=build("dncnn-small", seed=0))
    with pytest.raises(ModelError, match="gives no gradient"):
        train(through, pool, out, metric=without_gradient, device=CPU)
    with pytest.raises(ModelError, match="train mode"):
        train(through, pool, out, metric=sharpness.train(), device=CPU)
    with pytest.raises(ModelError, match="not finite"):
        train(through, pool, out, metric=lambda x: x.mean((1, 2, 3)) * torch.nan, device=CPU)
    with pytest.raises(ModelError, match="one score per image"):
        train(through, pool, out, metric=lambda x: x.mean(), device=CPU)
    without = [one for one in waves_images if not is_development(one.content)]
    with pytest.raises(InputError, match="'patience' must be 0"):
        train(replace(CONFIG, patience=1), ImagePool(without, 32), out)
    assert not out.exists()
    assert train(replace(CONFIG, steps=2), ImagePool(without, 32), out, device=CPU).validation is None


def test_a_metric_that_fails_on_the_way_leaves_the_steps_before_it(pool, tmp_path, sharpness):
    config, out, failing = replace(CONFIG, target=0.1, checkpoint_every=1000), tmp_path / "x.safetensors", []

    class Fails(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = sharpness

        def forward(self, images):
            scores = self.inner(images)
            return scores * torch.nan if failing else scores

    def report(step, steps, record):
        if step == 7:
            failing.append(step)

    with pytest.raises(ModelError, match=r"gradient at step 8 is not finite.* The 7 steps before it are kept in"):
        train(config, pool, out, metric=Fails().eval(), device=CPU, report=report)
    assert torch.load(f"{out}.checkpoint", weights_only=True)["state"]["step"] == 7
    failing.clear()
    resumed = train(config, pool, out, metric=Fails().eval(), device=CPU, resume=True)
    assert resumed.resumed_at == 7
    whole = train(config, pool, tmp_path / "whole.safetensors", metric=Fails().eval(), device=CPU)
    assert resumed.sha256 == whole.sha256


def test_the_log_has_six_decimals_and_the_best_look_is_found_with_all(pool, tmp_path):
    config = replace(CONFIG, lr=1e-7, steps=8, validate_every=2, patience=2)
    done = train(config, pool, tmp_path / "x.safetensors", device=CPU)
    looks = [json.loads(line) for line in (tmp_path / "x.safetensors.jsonl").read_text().splitlines()]
    losses = [look["validation"]["loss"] for look in looks]
    assert losses == [round(loss, 6) for loss in losses]
    assert len(set(losses)) < len(losses), "the log shows no difference"
    assert (done.kept_step, done.stopped_early) == (8, False)


def test_a_folder_that_is_a_file(pool, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CertiqaError, match="can be written"):
        train(CONFIG, pool, tmp_path / "file" / "x.safetensors", device=CPU)


def test_unknown_architectures_are_input_errors():
    with pytest.raises(UnknownNameError):
        TrainingConfig(architecture="unet-huge")
    assert TrainingImage(np.zeros((3, 4, 4), np.uint8), "x").group == 0

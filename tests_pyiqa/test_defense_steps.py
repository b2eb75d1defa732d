"""One step of NT training on each of the five published models, with random weights; and what its file gives back."""

import time
from pathlib import Path

import numpy as np
import pytest
import torch
from random_weights import random_hub

import certiqa
from certiqa import defenses
from certiqa.metrics.linearityiqa import LinearityIQA
from certiqa.metrics.tuned import read_tuned
from certiqa.training.pictures import ImagePool, TrainingImage

CPU = torch.device("cpu")
MODELS = {"hyperiqa": 224, "dbcnn": 64, "maniqa": 224, "clipiqa+": 64, "linearityiqa": 64}
"""The side of the windows: small where the network takes any size, a crop where it takes crops."""


@pytest.fixture(scope="session")
def hub(tmp_path_factory):
    return tmp_path_factory.mktemp("hub")


def model_of(name, hub):
    if name == "linearityiqa":
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return LinearityIQA(resize=(64, 64)).requires_grad_(False).eval()
    with random_hub(hub):
        return certiqa.metrics.load(f"pyiqa:{name}", "cpu")


def pool_of(side, low, high):
    rng = np.random.default_rng(0)
    pixels = [rng.integers(0, 256, (3, side, side), dtype=np.uint8) for _ in range(4)]
    images = [TrainingImage(one, f"{i}", low + (high - low) * i / 3) for i, one in enumerate(pixels)]
    return ImagePool(images, side, part=lambda content: "fit")


@pytest.mark.parametrize("name", MODELS)
def test_one_step_of_nt(name, hub, tmp_path):
    metric = model_of(name, hub)
    recipe = defenses.recipe(name)
    config = recipe.config(steps=1, batch=2, crop=MODELS[name], split="certiqa", validate_every=1)
    low, high = config.score_range or (0.0, 100.0)
    out = tmp_path / "mine.safetensors"
    before = {key: value.clone() for key, value in metric.state_dict().items()}
    begun = time.perf_counter()
    done = defenses.train(config, metric, pool_of(config.crop, low, high), out, device=CPU)
    print(f"{name}: one step of NT, batch 2, {config.crop}x{config.crop}: {time.perf_counter() - begun:.1f} s")
    assert done.steps == 1
    after = metric.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items()), "a copy was trained"
    card, found = read_tuned(out)
    assert card.base == metric.name
    moved = {key for key, value in found.items() if not torch.equal(value, before[key])}
    assert moved
    assert not any(key.startswith(config.frozen or ("\0",)) for key in moved)
    assert not any("running_" in key for key in moved), "BatchNorm keeps its statistics"
    if config.backbone:
        assert any(key.startswith(config.backbone) for key in moved)
        assert any(not key.startswith(config.backbone) for key in moved)
    with random_hub(hub):
        loaded = defenses.load(out, base=metric) if name == "linearityiqa" else certiqa.metrics.load(str(out), "cpu")
    assert loaded.name == f"{metric.name}+nt"
    assert all(torch.equal(value, found[key]) for key, value in loaded.state_dict().items())
    assert Path(out).stat().st_size > 10_000


@pytest.mark.parametrize("name", ["hyperiqa", "linearityiqa"])
def test_each_image_for_itself(name, hub):
    """The BatchNorm of the backbone does not tie the images of a batch together, even in train mode."""
    metric = model_of(name, hub)
    images = torch.rand(2, 3, MODELS[name], MODELS[name], generator=torch.Generator().manual_seed(1))
    metric.train()
    together = defenses.gradient_norm(metric, images, h=1e-3)
    alone = torch.cat([defenses.gradient_norm(metric, one[None], h=1e-3) for one in images])
    assert torch.allclose(together, alone, rtol=0.05)
    assert metric.training

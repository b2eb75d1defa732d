"""The final call: nothing that run() returns is believed; counts, seeds, batches, gates, results."""

import json
import random
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from PIL import Image

from certiqa import attacks
from certiqa.data.images import read_image
from certiqa.errors import (
    GradientError,
    ImageError,
    InputError,
    ModelError,
    ModelOutputError,
    UnknownNameError,
)

WHITE = ("apgd", "fgsm", "frequency", "i-fgsm", "korhonen", "madc", "perceptual", "pgd")
BLACK = ("nes", "simba", "square")


def quick(name, **options):
    """An attack with few passes, and how many (forward, backward)."""
    few = {
        "apgd": ({"steps": 6, "restarts": 2}, (14, 12)),
        "fgsm": ({}, (1, 1)),
        "frequency": ({}, (1, 1)),
        "i-fgsm": ({"steps": 4}, (5, 4)),
        "korhonen": ({"steps": 4}, (5, 4)),
        "madc": ({"steps": 4}, (5, 4)),
        "perceptual": ({"steps": 4}, (5, 4)),
        "pgd": ({"steps": 4, "restarts": 3}, (15, 12)),
        "nes": ({"queries": 25, "population": 4}, (25, 0)),
        "simba": ({"queries": 25}, (25, 0)),
        "square": ({"queries": 25}, (25, 0)),
    }
    settings, passes = few[name]
    return attacks.load(name, **settings, **options), passes


def budget_for(name):
    return "l2:0.5" if name == "madc" else "linf:4/255"


@pytest.fixture
def image(help_):
    return help_.on_grid(3, 13, 17, seed=3, low=10, high=246)


# -- cheats -----------------------------------------------------------------------------------------------------------

CHEATS = {
    "far outside": lambda problem: torch.ones_like(problem.clean),
    "out of range": lambda problem: 5 * torch.ones_like(problem.clean),
    "NaN": lambda problem: problem.clean * torch.nan,
    "partly NaN": lambda problem: torch.where(problem.clean > 0.5, torch.nan, problem.clean + 0.5),
    "infinite": lambda problem: problem.clean + torch.inf,
    "a hair outside": lambda problem: problem.clean + problem.budget.limit * 1.001,
    "in double precision": lambda problem: problem.clean.double() + 0.3,
    "with a graph": lambda problem: problem.clean.clone().requires_grad_() + 0.3,
}


@pytest.mark.parametrize("cheat", CHEATS)
@pytest.mark.parametrize("budget", ["linf:4/255", "l2:0.5", "ssim:0.98"])
def test_a_cheating_attack_is_put_right(help_, toys, image, cheat, budget):
    result = help_.Returns(what=CHEATS[cheat])(toys.mean, image, "raise", budget)[0]
    clean, limit = image.double() / 255, attacks.Budget.parse(budget).limit
    change = result.image.double() - (image.float() / 255).double()
    stored = torch.from_numpy(result.quantised.copy()).permute(2, 0, 1).double() / 255 - clean
    assert float(result.image.min()) >= 0
    assert float(result.image.max()) <= 1
    assert result.image.dtype == torch.float32
    assert not result.image.requires_grad
    assert result.within_budget
    assert result.within_budget_quantised
    for delta in (change, stored):
        if budget.startswith("linf"):
            assert float(delta.abs().max()) <= limit + 1e-15
        if budget.startswith("l2"):
            assert float(delta.norm()) <= limit + 1e-15
    if budget.startswith("ssim"):
        assert min(result.ssim, result.ssim_quantised) >= 0.98
    assert result.score_after >= result.score_before
    if (budget, cheat) != ("ssim:0.98", "a hair outside"):  # a shift of 0.02 is inside
        assert any("moved back" in n or "not finite" in n or "clipped" in n for n in result.notes)


def test_an_attack_that_makes_it_worse_gives_the_clean_image(help_, toys, image):
    darker = help_.Returns(what=lambda problem: problem.clean - problem.budget.limit)
    result = darker(toys.mean, image, attacks.Raise(), attacks.LInf(4 / 255))[0]
    assert torch.equal(result.image, image.float() / 255)
    assert (result.quantised == image.permute(1, 2, 0).numpy()).all()
    assert result.score_after == result.score_before == result.score_quantised
    assert "the clean image is returned" in result.notes[-1]
    assert result.to_dict()["psnr"] is None, "infinite is no JSON"
    moved = darker(toys.mean, image, attacks.Move(), attacks.LInf(4 / 255))[0]
    assert moved.change < 0, "the same image is a success for 'move'"
    assert moved.objective == "move:lower"


def test_a_score_that_is_not_finite_is_no_success(help_, image):
    def model(x):
        return torch.where(x.mean((1, 2, 3)) > 0.51, torch.nan, x.mean((1, 2, 3)))

    result = help_.Returns(what=lambda problem: problem.clean + 1)(model, image, "raise", "linf:0.5")[0]
    assert result.change == 0
    with pytest.raises(ModelOutputError, match="clean image tensor is nan"):
        attacks.load("fgsm")(lambda x: x.mean((1, 2, 3)) * torch.nan, image, "raise", "linf:4/255")


@pytest.mark.parametrize("bad", [None, torch.zeros(3, 3), "image"])
def test_what_is_no_image_is_the_attacks_fault(help_, toys, image, bad):
    with pytest.raises(InputError, match="'run' must return images of shape"):
        help_.Returns(what=bad)(toys.mean, image, "raise", "linf:4/255")


def test_the_final_call_is_final():
    with pytest.raises(TypeError, match="must not define __call__"):

        @dataclass(frozen=True, kw_only=True)
        class Sly(attacks.Attack):
            def __call__(self, model, images, objective, budget, *, seed=0, progress=None):
                return []


# -- counts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WHITE + BLACK)
@pytest.mark.parametrize("aim", ["raise", "move"])
def test_passes_are_counted_exactly(toys, help_, image, name, aim):
    attack, (forward, backward) = quick(name, quantise=False)
    seen = []

    def model(x):
        seen.append(len(x))
        return x.square().mean((1, 2, 3)) + x.mean((1, 2, 3))

    result = attack(model, image, aim, budget_for(name))[0]
    times = 2 if aim == "move" else 1
    assert (result.queries, result.gradients) == (times * forward, times * backward)
    measured = 1 + times  # the clean image, and what each run came to
    assert sum(seen) == result.queries + measured


@pytest.mark.parametrize("name", WHITE)
def test_passes_are_per_image_of_a_batch(toys, help_, name):
    attack, (forward, backward) = quick(name)
    batch = help_.on_grid(3, 3, 12, 16)
    results = attack(help_.Smooth(), batch, "raise", budget_for(name))
    assert [(r.queries, r.gradients) for r in results] == [(forward, backward)] * 3


# -- seeds ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WHITE + BLACK)
def test_a_seed_decides_and_no_global_state_is_touched(toys, help_, image, name):
    attack, _ = quick(name)
    model = help_.Smooth()
    before, budget = toys.states(), "linf:4/255" if name == "perceptual" else "l2:0.5"
    first = attack(model, image, "raise", budget, seed=1)[0]
    assert toys.states() == before, "not drawn from"
    torch.empty(7).uniform_()
    random.random()
    again = attack(model, image, "raise", budget, seed=1)[0]
    other = attack(model, image, "raise", budget, seed=2)[0]
    assert torch.equal(first.image, again.image)
    assert (first.quantised == again.quantised).all()
    drawn = name in ("apgd", "madc", "pgd", *BLACK)
    assert torch.equal(first.image, other.image) != drawn


@pytest.mark.parametrize("name", WHITE + BLACK)
@pytest.mark.parametrize("aim", ["lower", "target:3"])
def test_an_image_is_attacked_alone_as_in_a_batch(help_, name, aim):
    attack, _ = quick(name)
    # float64: a gradient that is zero up to float32's rounding would have either sign
    model, batch = help_.Smooth().double(), help_.on_grid(3, 3, 12, 16)
    together = attack(model, batch, aim, budget_for(name), seed=5)
    listed = attack(model, list(batch), aim, budget_for(name), seed=5)
    alone = attack(model, batch[2], aim, budget_for(name), seed=5)
    for one, other in ((together[2], alone[0]), *zip(together, listed, strict=True)):
        assert one.score_after == pytest.approx(other.score_after, abs=1e-3)
        assert float((one.image - other.image).abs().max()) < 1e-3


# -- images -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WHITE + BLACK)
@pytest.mark.parametrize("shape", [(3, 5, 7), (3, 3, 3), (3, 24, 11)])
def test_odd_sizes(help_, name, shape):
    attack, _ = quick(name)
    model = help_.Quadratic(torch.zeros(()))
    result = attack(model, help_.on_grid(*shape, seed=1, low=20, high=200), "raise", budget_for(name))[0]
    assert result.image.shape == shape
    assert result.within_budget
    assert result.within_budget_quantised
    assert result.change > 0 or name in ("frequency", "korhonen")


def test_every_kind_of_image(tmp_path, toys, image):
    array = image.permute(1, 2, 0).numpy()
    Image.fromarray(array).save(tmp_path / "one.png")
    kinds = [tmp_path / "one.png", str(tmp_path / "one.png"), Image.fromarray(array), array, array / 255, image[None]]
    results = attacks.load("fgsm")(toys.mean, kinds, "raise", "linf:2/255")
    assert len(results) == len(kinds)
    for result in results:
        assert torch.equal(result.image, results[0].image)
        assert result.score_after == results[0].score_after
    assert results[0].picture == str(tmp_path / "one.png")


def test_a_list_of_different_sizes_is_attacked_one_by_one(toys, help_):
    done = []
    images = [help_.on_grid(3, 5, 7), help_.on_grid(2, 3, 8, 9), help_.on_grid(3, 6, 6)]
    results = attacks.load("fgsm")(toys.mean, images, "raise", "l2:0.1", progress=lambda n, of: done.append((n, of)))
    assert [tuple(r.image.shape) for r in results] == [(3, 5, 7), (3, 8, 9), (3, 8, 9), (3, 6, 6)]
    assert done == [(1, 4), (3, 4), (4, 4)]


def test_a_picture_off_the_grid(help_, toys):
    clean = help_.noise(3, 8, 9, seed=8)
    result = attacks.load("fgsm")(toys.mean, clean, "raise", "linf:4/255")[0]
    assert result.within_budget
    assert result.within_budget_quantised
    near = attacks.load("fgsm", quantise=False)(toys.mean, clean, "raise", "linf:0.0001")[0]
    assert near.quantised is None
    assert near.score_quantised is near.l2_quantised is near.within_budget_quantised is None
    far = help_.Returns(what=lambda problem: problem.clean + 1)(toys.mean, clean, "raise", "l2:0.005")[0]
    assert far.within_budget
    assert not far.within_budget_quantised
    assert "not on the 8-bit grid" in far.notes[-1]


# -- gates ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"objective": "rise"}, UnknownNameError, "Did you mean 'raise'"),
        ({"objective": "target:high"}, InputError, "target:VALUE"),
        ({"objective": 3}, InputError, "attacks.Raise"),
        ({"budget": "linf:0.5/255"}, InputError, "quantise=False"),
        ({"budget": "l2:100"}, InputError, "sqrt(3*H*W)"),
        ({"seed": -1}, InputError, "seed=0"),
        ({"seed": None}, InputError, "seed=0"),
        ({"progress": True}, InputError, "images done"),
        ({"images": []}, InputError, "at least one image"),
        ({"images": np.zeros((4, 4))}, ImageError, "(H, W, 3)"),
        ({"model": "builtin"}, InputError, "must be callable"),
        ({"model": lambda x: x.mean()}, ModelOutputError, "one score per image"),
        ({"model": lambda x: 1 / 0}, ModelError, "ZeroDivisionError"),
        ({"objective": attacks.RankFlip()}, InputError, "exactly two"),
    ],
)
def test_gates(toys, image, change, error, says):
    given = {"model": toys.mean, "images": image, "objective": "raise", "budget": "linf:4/255"} | change
    with pytest.raises(error) as caught:
        attacks.load("fgsm")(
            given.pop("model"), given.pop("images"), given.pop("objective"), given.pop("budget"), **given
        )
    assert says in str(caught.value)


def test_a_metric_names_its_least_size(toys, image):
    model = toys.Wrapped(toys.mean)
    model.min_size = 14
    with pytest.raises(ImageError, match=r"17x13; the model .* needs at least 14 pixels"):
        attacks.load("fgsm")(model, image, "raise", "linf:4/255")


def test_the_wrong_budget_names_attacks_for_it(toys, image):
    with pytest.raises(InputError, match=r"must be of kind 'l2' for the attack 'madc'.*apgd, .*pgd"):
        attacks.load("madc")(toys.mean, image, "raise", "linf:4/255")


def no_grad(x):
    with torch.no_grad():
        return x.mean((1, 2, 3))


def cut(x):
    return torch.nn.functional.conv2d(x.detach(), torch.ones(1, 3, 1, 1, requires_grad=True)).mean((1, 2, 3))


@pytest.mark.parametrize("name", WHITE)
def test_a_model_without_gradient_is_told_where_and_what_fits(image, name):
    attack, _ = quick(name)
    with pytest.raises(GradientError, match=r"does not require grad.*nes, simba, square.*attacks.bpda"):
        attack(no_grad, image, "raise", budget_for(name))
    with pytest.raises(GradientError, match=r"ends at the model's parameters.*nes, simba, square"):
        attack(cut, image, "raise", budget_for(name))
    result = attacks.load("square", queries=200)(no_grad, image, "raise", "linf:4/255")[0]
    assert result.change > 0


def test_a_model_that_leaves_torch_has_no_gradient(image):
    def in_numpy(x):
        return x.numpy().mean((1, 2, 3))

    with pytest.raises(GradientError, match=r"numpy\(\) on Tensor that requires grad.*nes, simba, square"):
        attacks.load("pgd")(in_numpy, image, "raise", "linf:4/255")
    assert attacks.load("nes", queries=63)(in_numpy, image, "raise", "linf:4/255")[0].change > 0


@pytest.mark.parametrize("name", WHITE)
def test_a_zero_gradient_is_reported_and_not_taken_for_robustness(image, name):
    attack, (_, backward) = quick(name)
    result = attack(lambda x: (x.mean((1, 2, 3)) * 8).round(), image, "raise", budget_for(name))[0]
    assert any(f"0 everywhere at {backward} of {backward} steps" in note for note in result.notes)
    assert any("no robustness" in note for note in result.notes)


def test_gradients_that_are_not_finite_are_reported(image):
    result = attacks.load("fgsm")(lambda x: (x * 0).sqrt().sum((1, 2, 3)) + x.mean((1, 2, 3)), image, "raise", "l2:1")[
        0
    ]
    assert any("not finite at 1 of 1" in note for note in result.notes)


def test_batch_norm_in_train_mode_is_refused(toys, image):
    with pytest.raises(ModelError, match=r"BatchNorm2d 'body.1' mixes.*eval\(\)"):
        attacks.load("fgsm")(toys.Network(), image, "raise", "linf:4/255")
    assert attacks.load("fgsm")(toys.Network().eval(), image, "raise", "linf:4/255")[0].change > 0


def test_parameters_and_modes_are_left_as_they_were(help_, image):
    model = help_.Smooth()
    with torch.no_grad():
        inside = attacks.load("pgd", steps=3)(model, image, "raise", "linf:4/255")[0]
    with torch.inference_mode():
        frozen = attacks.load("pgd", steps=3)(model, image, "raise", "linf:4/255")[0]
    assert inside.change == frozen.change > 0
    assert all(p.grad is None and p.requires_grad for p in model.parameters())


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_models_of_another_dtype(toys, image, dtype):
    model = toys.Linear(torch.ones(3, 1, 1, dtype=dtype))
    assert attacks.load("fgsm")(model, image, "raise", "linf:4/255")[0].change > 0


# -- results ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("budget", ["linf:4/255", "l2:0.5", "ssim:0.98"])
def test_a_saved_image_is_the_one_that_was_measured(tmp_path, help_, image, budget):
    model = help_.Smooth()
    result = attacks.load("pgd", steps=5)(model, image, "raise", budget)[0]
    picture = read_image(result.save_png(tmp_path / "attacked.png"))
    assert (picture.pixels == result.quantised.transpose(2, 0, 1)).all()
    moved = picture.pixels.astype(int) - image.numpy().astype(int)
    assert np.sqrt((moved**2).sum()) / 255 == pytest.approx(result.l2_quantised, rel=1e-12)
    assert np.abs(moved).max() / 255 == pytest.approx(result.linf_quantised, rel=1e-12)
    with torch.no_grad():
        score = model(torch.from_numpy(picture.as_float())[None])
    assert float(score) == result.score_quantised
    if budget == "linf:4/255":
        assert np.abs(moved).max() <= 4
    if budget == "l2:0.5":
        assert (moved**2).sum() <= (255 * 0.5) ** 2


def test_a_result_is_plain_data_but_for_its_pixels(help_, image):
    result = attacks.load("pgd", steps=3)(help_.Smooth(), image, "lower", "l2:0.5", seed=4)[0]
    plain = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert plain["attack"] == result.name == "pgd"
    assert plain["objective"] == "lower"
    assert plain["budget"] == "l2:0.5"
    assert plain["options"]["steps"] == 3
    assert plain["seed"] == 4
    assert "image" not in plain
    assert "quantised" not in plain
    assert plain["psnr"] == pytest.approx(20 * np.log10(np.sqrt(3 * 13 * 17) / plain["l2"]))
    assert result.change < 0
    assert result.change_quantised < 0
    with pytest.raises(ValueError, match="read-only"):
        result.quantised[0] = 0
    with pytest.raises(AttributeError):
        result.l2 = 0.0


def test_saving_says_what_is_wrong(tmp_path, toys, image):
    result = attacks.load("fgsm")(toys.mean, image, "raise", "linf:4/255")[0]
    with pytest.raises(InputError, match=r"must end in \.png.*attacked\.png"):
        result.save_png(tmp_path / "attacked.jpg")
    with pytest.raises(InputError, match="can be written"):
        result.save_png(tmp_path / "nowhere" / "attacked.png")
    floats = attacks.load("fgsm", quantise=False)(toys.mean, image, "raise", "linf:4/255")[0]
    with pytest.raises(InputError, match="has no 8-bit image"):
        floats.save_png(tmp_path / "attacked.png")

"""EOT through randomness, BPDA past what has no gradient, JPEG as a soft function."""

import numpy as np
import pytest
import torch

import certiqa
from certiqa import attacks
from certiqa.errors import InputError, ModelError, ModelOutputError


class Noisy(torch.nn.Module):
    """<w + s * fresh noise, x>: the gradient of one draw says little."""

    def __init__(self, help_, spread=3.0, samples=None):
        super().__init__()
        self.weight = torch.nn.Parameter(help_.noise(3, 8, 8, seed=1, low=-1))
        self.spread, self.draw, self.calls = spread, help_.generator(9), 0
        if samples is not None:
            self.scores = lambda images: torch.stack([self(images) for _ in range(samples)], dim=1)

    def forward(self, images):
        self.calls += len(images)
        noise = torch.empty(3, 8, 8).normal_(generator=self.draw)
        return (images * (self.weight + self.spread * noise)).sum((1, 2, 3))


def alignment(result, clean, weight):
    change = (result.image - clean).flatten()
    weight = weight.detach().flatten()
    return float(change @ weight / (change.norm() * weight.norm()))


def gray():
    return torch.full((3, 8, 8), 0.5)


@pytest.mark.parametrize("surrogate", ["mean", "median"])
def test_averaging_finds_the_gradient_that_one_draw_hides(help_, surrogate):
    found = {}
    for samples in (1, 100):
        model = Noisy(help_)
        attack = attacks.load("fgsm", quantise=False)
        wrapped = attacks.eot(model, samples, surrogate, window=0.5)
        returned = attack(wrapped, gray(), "move", "l2:0.5")[0]
        found[samples] = abs(alignment(returned, gray(), model.weight))
        assert returned.queries == returned.gradients == 2 * samples, "twice, for 'move'"
        assert model.calls == 2 * samples + 4 * samples - samples, "and each of three measurements is averaged, too"
    assert found[1] < 0.5
    assert found[100] > (0.75 if surrogate == "mean" else 0.55)


def test_the_option_is_the_wrapper(help_):
    option = attacks.load("i-fgsm", samples=7, steps=3)(Noisy(help_), gray(), "raise", "l2:0.5")[0]
    wrapper = attacks.load("i-fgsm", steps=3)(attacks.eot(Noisy(help_), 7), gray(), "raise", "l2:0.5")[0]
    assert torch.equal(option.image, wrapper.image)
    assert option.queries == wrapper.queries == 4 * 7
    assert option.gradients == wrapper.gradients == 3 * 7
    with pytest.raises(InputError, match="samples of its own"):
        attacks.load("pgd", samples=2)(attacks.eot(Noisy(help_)), gray(), "raise", "l2:0.5")


@pytest.mark.parametrize("batch", [1, 3])
def test_a_model_with_scores_gives_all_of_them(help_, batch):
    model = Noisy(help_, samples=5)
    images = gray().expand(batch, 3, 8, 8)
    results = attacks.load("fgsm", quantise=False)(attacks.eot(model, 4), images, "raise", "l2:0.5")
    assert [(one.queries, one.gradients) for one in results] == [(20, 20)] * batch
    assert model.calls == batch * (20 + 2 * 4), "the deployed score is one call of forward each"


@pytest.mark.parametrize("surrogate", ["mean", "median"])
def test_the_gradient_is_that_of_the_surrogate(help_, surrogate):
    """Draw by draw in the memory of one, or in one graph: the same numbers."""
    from certiqa.attacks.scorer import Scorer

    images = help_.noise(2, 3, 8, 8)
    scores, gradient = Scorer(attacks.eot(Noisy(help_, samples=3), 4, surrogate)).gradient(images)
    leaf = images.clone().requires_grad_()
    expected = attacks.eot(Noisy(help_, samples=3), 4, surrogate)(leaf)
    (by_graph,) = torch.autograd.grad(expected.sum(), leaf)
    assert scores.tolist() == pytest.approx(expected.tolist(), rel=1e-5)
    assert float((gradient - by_graph).abs().max()) < 1e-4


@pytest.mark.parametrize(
    ("window", "n", "expected"), [(0.2, 10, 4.5), (1.0, 10, 4.5), (0.01, 9, 4.0), (0.01, 10, 4.5), (1.0, 3, 1.0)]
)
def test_the_soft_median_is_the_mean_of_the_middle(window, n, expected):
    model = attacks.eot(len, 1, "median", window)
    scores = torch.arange(n, dtype=torch.float64)[None].flip(1).requires_grad_()
    middle = model.combine(scores)
    assert middle.item() == expected
    (gradient,) = torch.autograd.grad(middle, scores)
    assert int((gradient > 0).sum()) == min(n, 2 * int(window * n / 2) + (1 if n % 2 else 2))
    assert float(gradient.sum()) == pytest.approx(1)


def test_an_outlier_moves_the_mean_and_not_the_soft_median():
    scores = torch.tensor([[0.0, 1, 2, 3, 1e6]])
    assert float(attacks.eot(len, 1, "median").combine(scores)) == 2
    assert float(attacks.eot(len, 1, "mean").combine(scores)) > 1e5


@pytest.mark.parametrize("surrogate", ["mean", "median"])
def test_median_smoothing_is_attacked_through_its_noise(toys, help_, surrogate):
    weight = help_.noise(3, 8, 8, seed=1, low=-1)
    smooth = certiqa.MedianSmoothing(toys.Linear(weight), 0.05, n=20).eval()
    result = attacks.load("fgsm", quantise=False)(attacks.eot(smooth, 3, surrogate), gray(), "raise", "l2:0.5")[0]
    assert result.queries == 60
    assert alignment(result, gray(), weight) > 0.99
    direct = attacks.load("pgd", steps=3)(smooth, gray(), "raise", "l2:0.5")[0]
    assert direct.queries == 4, "unwrapped, a query is one smoothed score"


def test_a_denoiser_is_part_of_the_model(toys, help_):
    weight = help_.noise(3, 8, 8, seed=1, low=-1)

    def blur(x, sigma):
        return torch.nn.functional.avg_pool2d(x, 3, stride=1, padding=1)

    smooth = certiqa.DenoisedMedianSmoothing(toys.Linear(weight), blur, 0.05, n=20).eval()
    result = attacks.load("fgsm", quantise=False)(attacks.eot(smooth, 2), gray(), "raise", "l2:0.5")[0]
    leaf = gray()[None].requires_grad_()
    (through,) = torch.autograd.grad(toys.Linear(weight)(blur(leaf, 0)).sum(), leaf)
    assert alignment(result, gray(), through[0]) > 0.99


def test_the_score_of_a_stochastic_model_is_a_fresh_one():
    """The best of many noisy scores is no score of the image: the record holds one that was drawn afterwards."""
    seen, draw = [], np.random.Generator(np.random.Philox(key=3))

    def noise(images):
        seen.append(draw.normal(size=len(images)))
        return torch.from_numpy(seen[-1])

    attack = attacks.load("square", queries=200, quantise=False)
    for seed in range(5):
        seen.clear()
        result = attack(noise, gray(), "raise", "linf:4/255", seed=seed)[0]
        before, run, after = seen[0], seen[1:201], seen[201]
        assert max(float(one[0]) for one in run) > 2
        assert result.score_before == before[0]
        assert result.score_after == max(before[0], after[0])


def test_bad_wrappers():
    with pytest.raises(InputError, match="samples=20"):
        attacks.eot(len, 0)
    with pytest.raises(InputError, match="'mean', 'median'"):
        attacks.eot(len, 2, "mode")
    with pytest.raises(InputError, match="share of the sample"):
        attacks.eot(len, 2, window=0)
    with pytest.raises(InputError, match="callable"):
        attacks.eot("builtin")
    with pytest.raises(InputError, match="callable"):
        attacks.bpda(len, None)


def test_scores_that_are_no_samples_are_named(toys):
    model = toys.Wrapped(toys.mean)
    model.scores = lambda images: images.mean((1, 2, 3))
    with pytest.raises(ModelOutputError, match=r"must return \(1, n\) scores"):
        attacks.load("fgsm")(attacks.eot(model, 2), gray(), "raise", "l2:0.5")


# -- BPDA and JPEG ----------------------------------------------------------------------------------------------------


def test_bpda_has_the_values_of_one_and_the_gradient_of_the_other(help_):
    x = help_.noise(2, 3, 5, 6).requires_grad_()
    rounded = attacks.bpda(lambda z: (8 * z).round() / 8, lambda z: z.square())
    out = rounded(x)
    assert float((out.detach() - (8 * x.detach()).round() / 8).abs().max()) < 1e-6
    (gradient,) = torch.autograd.grad(out.sum(), x)
    assert torch.allclose(gradient, 2 * x.detach())
    with torch.no_grad():
        assert torch.equal(rounded(x), (8 * x).round() / 8)


def test_bpda_of_whole_metrics(help_, toys):
    model = help_.Smooth()

    def rounded(images):
        with torch.no_grad():
            return model(images).round()

    image = help_.on_grid(3, 12, 12)
    result = attacks.load("i-fgsm")(attacks.bpda(rounded, model), image, "raise", "linf:8/255")[0]
    assert result.change >= 1
    assert result.score_after == round(result.score_after)
    assert (result.queries, result.gradients) == (11, 10)
    with pytest.raises((ModelError, InputError), match="surrogate"):
        attacks.load("fgsm")(attacks.bpda(rounded, lambda x: x), image, "raise", "linf:8/255")


@pytest.mark.parametrize("size", [(16, 16), (33, 18)])
def test_the_soft_jpeg_is_near_the_real_one(crop, jpeg, size):
    image = crop("coffee", *size)[None].float() / 255
    soft = attacks.differentiable_jpeg(75)(image)
    assert soft.shape == image.shape
    error, loss = (soft - jpeg(image)).square().mean(), (jpeg(image) - image).square().mean()
    assert float(error) < 2 * float(loss)
    for bad in (0, 0.5, 101, "high"):
        with pytest.raises(InputError, match="quality"):
            attacks.differentiable_jpeg(bad)


def test_jpeg_is_no_defence_against_bpda(help_, crop, jpeg):
    model, image = help_.Smooth(), crop("chelsea", 32, 32)
    defended = attacks.bpda(jpeg, attacks.differentiable_jpeg(75))
    attack = attacks.load("apgd", steps=20)
    adaptive = attack(lambda x: model(defended(x)), image, "raise", "linf:8/255")[0]
    blind = attacks.load("transfer", source=model, attack=attack)
    static = blind(lambda x: model(jpeg(x)), image, "raise", "linf:8/255")[0]
    with torch.no_grad():
        assert float(model(jpeg(adaptive.image[None]))) == pytest.approx(adaptive.score_after, abs=1e-3)
    assert adaptive.change > 1
    assert adaptive.change > 0.8 * static.change, "a model so smooth that it hardly matters"

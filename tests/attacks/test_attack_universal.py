"""Universal patterns: trained, tiled, saved, applied."""

import numpy as np
import pytest
import torch

from certiqa import attacks
from certiqa.errors import GradientError, InputError, WeightsError


class Periodic(torch.nn.Module):
    """<tiled weights, x> / number of pixels, for images of any size."""

    def __init__(self, tile):
        super().__init__()
        self.tile = torch.nn.Parameter(tile)

    def forward(self, images):
        height, width = images.shape[2:]
        side = self.tile.shape[-1]
        weights = self.tile.repeat(1, -(-height // side), -(-width // side))[:, :height, :width]
        return (images * weights).mean((1, 2, 3))


@pytest.fixture
def tile(help_):
    weights = help_.noise(3, 5, 5, seed=3, low=-1)
    return torch.where(weights.abs() < 0.1, 0.1, weights)


def gray(*shape):
    return torch.full((3, *shape), 0.5)


@pytest.mark.parametrize("aim", ["raise", "lower", "target:7"])
def test_the_pattern_of_a_periodic_model_is_its_sign(tile, aim):
    """The windows lie anywhere in the images; only with the right part of the pattern do they agree."""
    model = Periodic(tile)
    images = [gray(5, 5), gray(10, 15)]
    if aim == "raise":  # a window of 5x5 of this image starts anywhere, where the weights are shifted
        model_of_window = attacks.train_uap(model, [gray(5, 5)], aim, amplitude=0.1, size=5, epochs=20)
        assert torch.equal(model_of_window.pixels.sign(), tile.sign())
    pattern = attacks.train_uap(model, images[:1], aim, amplitude=0.1, size=5, epochs=20)
    sign = -1 if aim == "lower" else 1
    assert torch.equal(pattern.pixels, sign * 0.1 * tile.sign())
    result = attacks.load("uap", pattern=pattern)(model, images, aim, "linf:0.05")
    for one in result:
        assert sign * one.change == pytest.approx(0.05 * float(tile.detach().abs().mean()), rel=0.01)
        assert (one.queries, one.gradients) == (0, 0)


def test_a_window_sees_its_own_part_of_the_pattern(help_, toys):
    """A model that only looks where the image is bright: the pattern there must be the one that will be added there."""
    image = torch.zeros(3, 9, 9)
    image[:, 6, 2] = 0.5  # at (6, 2): with a period of 4, entry (2, 2) of the pattern

    def bright(images):
        return (images * (images.detach() > 0.3)).sum((1, 2, 3))

    pattern = attacks.train_uap(bright, image, "raise", amplitude=0.1, size=4, epochs=60, step=0.2)
    moved = pattern.pixels.abs().amax(0)
    assert moved[2, 2] == pytest.approx(0.1)
    assert int((moved > 0).sum()) == 1


def test_training_is_decided_by_its_seed(help_, toys):
    images = [help_.on_grid(3, 12, 14, seed=1), help_.on_grid(3, 20, 9, seed=2), help_.on_grid(3, 8, 8, seed=3)]
    model, done = help_.Smooth(), []
    before = toys.states()

    def train(seed):
        return attacks.train_uap(
            model, images, size=8, epochs=3, batch=2, seed=seed, progress=lambda n, of: done.append((n, of))
        )

    first, again, other = train(1), train(1), train(2)
    assert toys.states() == before
    assert torch.equal(first.pixels, again.pixels)
    assert not torch.equal(first.pixels, other.pixels)
    assert first.card == again.card
    assert first.card["images"] == 3
    assert first.card["mean_gain"] > 0
    assert float(first.pixels.abs().max()) <= 0.1
    assert done[:3] == [(1, 3), (2, 3), (3, 3)]


def test_a_file_is_the_pattern_and_its_card(tmp_path, help_):
    pattern = attacks.train_uap(help_.Smooth(), help_.on_grid(3, 9, 9), size=4, epochs=2)
    one, two = pattern.save(tmp_path / "one.safetensors"), pattern.save(tmp_path / "two.safetensors")
    assert one.read_bytes() == two.read_bytes()
    again = attacks.UniversalPattern.load(one)
    assert torch.equal(again.pixels, pattern.pixels)
    assert again.card == pattern.card
    image = help_.on_grid(3, 11, 6)
    by_path, by_object = (
        attacks.load("uap", pattern=p)(help_.Smooth(), image, "raise", "l2:0.5")[0] for p in (str(one), pattern)
    )
    assert torch.equal(by_path.image, by_object.image)
    content = one.read_bytes()
    for bad in (content[:-5], b"", content[:20] + b"x" + content[21:], b"\x00" * 64):
        two.write_bytes(bad)
        with pytest.raises(WeightsError, match="must be a universal pattern"):
            attacks.load("uap", pattern=two)
    with pytest.raises(WeightsError, match=r"nowhere\.safetensors"):
        attacks.UniversalPattern.load(tmp_path / "nowhere.safetensors")
    with pytest.raises(InputError, match="can be written"):
        pattern.save(tmp_path / "no" / "folder.safetensors")


def test_the_amplitude_is_kept_and_the_budget_has_the_last_word(toys):
    pattern = attacks.UniversalPattern(torch.ones(3, 2, 2) * 0.08, {})
    for amplitude, budget, expected in ((0.02, "linf:0.1", 0.02), (0.2, "linf:0.1", 0.1), (None, "linf:0.1", 0.1)):
        attack = attacks.load("uap", pattern=pattern, amplitude=amplitude, quantise=False)
        result = attack(toys.mean, gray(5, 5), "raise", budget)[0]
        assert result.change == pytest.approx(expected, rel=1e-4)


def test_another_objective_than_it_was_trained_for_is_noted(toys):
    pattern = attacks.UniversalPattern(-torch.ones(3, 2, 2), {"objective": "raise"})
    result = attacks.load("uap", pattern=pattern)(toys.mean, gray(5, 5), "lower", "linf:0.1")[0]
    assert "trained to 'raise', and is used to 'lower'" in result.notes[0]
    assert result.change < 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"objective": "move"}, "to one side"),
        ({"objective": "rank-flip"}, "to one side"),
        ({"amplitude": 0}, "try 0.1"),
        ({"size": 0}, "size"),
        ({"epochs": 0}, "epochs"),
        ({"batch": 0}, "batch"),
        ({"step": 0}, "step"),
        ({"seed": -1}, "seed"),
        ({"images": []}, "at least one image"),
        ({"progress": 1}, "progress"),
    ],
)
def test_bad_arguments_of_training(toys, change, says):
    given = {"images": gray(5, 5), "size": 4, "epochs": 1} | change
    with pytest.raises(InputError) as caught:
        attacks.train_uap(toys.mean, given.pop("images"), given.pop("objective", "raise"), **given)
    assert says in str(caught.value)


def test_a_pattern_is_an_image_of_changes(toys):
    for bad in (torch.zeros(3, 4, 4), torch.ones(1, 4, 4), torch.full((3, 2, 2), np.nan), None):
        with pytest.raises(InputError, match=r"\(3,S,S\)"):
            attacks.UniversalPattern(bad, {})
    with pytest.raises(GradientError):
        attacks.train_uap(lambda x: x.detach().mean((1, 2, 3)), gray(5, 5), size=4, epochs=1)
